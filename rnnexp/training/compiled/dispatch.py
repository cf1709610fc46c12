"""A compiled program and how much of a training one call of it does: many epochs, or a part of a long one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnexp.models.cudnn import avoid_cudnn
from rnnexp.models.flat_dense import use_fast_layers
from rnnexp.models.unfolded_convolution import unfold_convolutions
from rnnexp.training.compiled.batch_plan import Pieces
from rnnexp.training.compiled.program import Program, Progress, Span
from rnnexp.training.plan import PROMPT_S

Tree = Any

GROWTH = 2, 16  # times as many pieces, or epochs, as the call before may a call do that is thought to take a second


class Dispatch:
    """Many epochs per call, at most `capacity`, fewer if all lanes have stopped, or some pieces of one.

    A training alone, or several side by side: `axes` are those of their data then.
    """

    def __init__(self, program: Program, axes: Tree | None, capacity: int) -> None:
        self.program, self.axes, self.capacity = program, axes, capacity
        self.row_so_far = program.placement.jit(self._over(program.row_so_far, (0,)))  # of an epoch that goes on
        self._compiled: Future[Any] | None = None

    def prepare(self, progress: Progress, *given: Tree) -> None:
        """Trace the program, so that its mistakes come now, and let it be compiled while others do their work."""
        if self._compiled is None:
            # Side by side, as `vmap` lays it out, Keras's own loops are as fast as gradients by hand.
            settle = use_fast_layers if self.axes is None else _settle_group
            with settle(self.program.model):
                compiled = self.program.placement.jit(self._many)
                lowered = compiled.lower(progress, *given, (np.int32(0), np.int32(1)), np.int32(1))
            pool = ThreadPoolExecutor(1, thread_name_prefix="rnnexp-compile")
            self._compiled = pool.submit(lowered.compile)
            pool.shutdown(wait=False)

    def wait(self, *arguments: Tree) -> None:
        """Return once it is compiled, which is no part of how long epochs last."""
        self.prepare(*arguments)
        self._compiled.result()  # type: ignore[union-attr]

    def run(self, span: Span, count: int, *arguments: Tree) -> tuple[Progress, Tree]:
        """Take (progress, now, fixed, data) on by `count` epochs, from piece `span[0]` of the first to `span[1]` of the
        last; return the progress, and rows (epochs, lanes), of an epoch that goes on zeros.
        """
        self.prepare(*arguments)
        compiled = self._compiled.result()  # type: ignore[union-attr]
        results: tuple[Progress, Tree] = compiled(*arguments, tuple(map(np.int32, span)), np.int32(count))
        return results

    def _over(self, function: Any, axes: tuple[Any, ...]) -> Any:
        import jax

        return function if self.axes is None else jax.vmap(function, in_axes=axes)

    def _advance(self, progress: Progress, now: Tree, fixed: Tree, data: Tree, span: Span) -> tuple[Progress, Tree]:
        function = self.program.advance if self.axes is None else self._unless_stopped
        return self._over(function, (0, 0, 0, self.axes, None))(progress, now, fixed, data, span)

    def _unless_stopped(
        self, progress: Progress, now: Tree, fixed: Tree, data: Tree, span: Span
    ) -> tuple[Progress, Tree]:
        """Let a lane that has stopped keep its state."""
        import jax
        from jax import numpy as jnp

        (after, passed), row = self.program.advance(progress, now, fixed, data, span)
        before = progress[0]
        running = self.program.running(before, fixed)
        return (jax.tree.map(lambda new, old: jnp.where(running, new, old), after, before), passed), row

    def _many(self, progress: Progress, now: Tree, fixed: Tree, data: Tree, span: Span, count: Any) -> Any:
        import jax
        from jax import numpy as jnp

        running, total = self.program.running, self.program.settings.pieces.total
        advance = jax.jit(self._advance, inline=True)  # traced once, though it is asked for its shapes, too
        _, shapes = jax.eval_shape(advance, progress, _at(now, 0), fixed, data, span)

        def go_on(carry: Tree) -> Any:
            index, (state, _), _ = carry
            return (index < count) & jnp.any(running(state, fixed))

        def body(carry: Tree) -> Tree:
            index, progress, rows = carry
            ends = jnp.where(index == 0, span[0], 0), jnp.where(index + 1 == count, span[1], total)
            after, row = advance(progress, _at(now, index), fixed, data, ends)
            row = {**row, "ran": running(progress[0], fixed)}
            return index + 1, after, {key: rows[key].at[index].set(value) for key, value in row.items()}

        rows = {key: jnp.zeros((self.capacity, *shape.shape), shape.dtype) for key, shape in shapes.items()}
        rows["ran"] = jnp.zeros((self.capacity, *progress[0]["epoch"].shape), bool)
        _, progress, rows = jax.lax.while_loop(go_on, body, (0, progress, rows))
        return progress, rows


@dataclass
class Rate:
    """How long one of a kind takes, and how many the last call has done; 0 as long as that is not known."""

    last: int = 0
    seconds: float = 0.0

    def fitting(self, growth: int) -> int:
        """Return how many take about a second: one at first, and never many more than the last time."""
        return max(1, int(min(PROMPT_S / max(self.seconds, 1e-9), growth * self.last)))


@dataclass
class Pace:
    """Measures how long epochs and their pieces last, and says how many the next call shall do.

    That depends on the machine and its load, so nothing may depend on it but when a training is heard of.

    is_long: epochs may last longer than a call should, by all that is known
    """

    pieces: Pieces
    is_long: bool
    epochs: Rate = field(default_factory=Rate)
    steps: Rate = field(default_factory=Rate)
    tests: Rate = field(default_factory=Rate)
    spent: float = 0.0  # seconds of the epoch that goes on

    def count_epochs(self) -> int:
        """Return how many whole epochs the next call shall do, 0 if but a part of one."""
        return 0 if self.is_long and self.pieces.total > 1 else self.epochs.fitting(GROWTH[1])

    def last_piece(self, first: int) -> int:
        """Return where a call ends that begins with piece `first` of an epoch: before its validation at the latest."""
        border = self.pieces.steps if first < self.pieces.steps else self.pieces.total
        return min(border, first + self._of(first).fitting(GROWTH[0]))

    def take(self, span: Span, count: int, seconds: float) -> None:
        """Take in how long a call has taken."""
        first, last = span
        is_whole = first == 0 and last == self.pieces.total
        self.spent += seconds
        if not is_whole:
            rate = self._of(first)
            rate.last, rate.seconds = last - first, seconds / (last - first)
        if last == self.pieces.total:
            self.epochs = Rate(count, self.spent / count)
            self.is_long, self.spent = self.epochs.seconds > PROMPT_S, 0.0

    def _of(self, first: int) -> Rate:
        return self.steps if first < self.pieces.steps else self.tests


def _at(tree: Tree, index: Any) -> Tree:
    import jax

    return jax.tree.map(lambda leaf: leaf[index], tree)


@contextmanager
def _settle_group(model: Any) -> Iterator[None]:
    """Trace several networks side by side within this: Keras's layers, without what cannot or should not be so."""
    with avoid_cudnn(model), unfold_convolutions(model):
        yield
