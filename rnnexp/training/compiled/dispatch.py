"""How much of a training one call of a compiled program does: many epochs, or a part of a long one."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np

from rnnexp.training.compiled.program import Program
from rnnexp.training.plan import PROMPT_S

Tree = Any


class Dispatch(Protocol):
    """Takes (state, now, fixed, data) on by `count` epochs, or by a part of one; returns the state and rows (epochs,
    lanes), None as long as the epoch goes on: `row_so_far` then has what its steps have shown, (lanes).

    step: gradient steps of an epoch that are done;  partial: the state after them, None between epochs
    """

    capacity: int
    step: int
    partial: Tree | None

    def merge(self, before: Tree, fixed: Tree) -> Tree: ...

    def prepare(self, *arguments: Tree) -> None: ...

    def wait(self, *arguments: Tree) -> None: ...

    def run(self, count: int, *arguments: Tree) -> tuple[Tree, Tree | None]: ...

    def row_so_far(self) -> Tree: ...


class VmappedProgram:
    """The functions of a program for one training, or side by side for several: `axes` are those of their data."""

    def __init__(self, program: Program, axes: Tree | None) -> None:
        self.program, self.axes = program, axes

    def over(self, function: Any, axes: tuple[Any, ...]) -> Any:
        import jax

        return jax.vmap(function, in_axes=axes) if self.axes is not None else function

    def epoch(self, state: Tree, now: Tree, fixed: Tree, data: Tree) -> tuple[Tree, Tree]:
        if self.axes is None:
            return self.program.epoch(state, now, fixed, data)
        return self.over(self._unless_stopped, (0, 0, 0, self.axes))(state, now, fixed, data)

    def _unless_stopped(self, state: Tree, now: Tree, fixed: Tree, data: Tree) -> tuple[Tree, Tree]:
        after, row = self.program.epoch(state, now, fixed, data)
        return self.kept(state, after, fixed), row

    def so_far(self, state: Tree) -> Tree:
        return self.over(self.program.row_so_far, (0,))(state)

    def kept(self, before: Tree, after: Tree, fixed: Tree) -> Tree:
        """Let a lane that has stopped keep its state."""
        import jax
        from jax import numpy as jnp

        running = self.program.running(before, fixed)
        return jax.tree.map(lambda new, old: jnp.where(running, new, old), after, before)

    def begin(self, state: Tree, now: Tree) -> Tree:
        return self.over(self.program.begin, (0, 0))(state, now)

    def steps(self, state: Tree, now: Tree, fixed: Tree, data: Tree, span: tuple[Any, Any]) -> Tree:
        def one(state: Tree, now: Tree, fixed: Tree, data: Tree) -> Tree:
            return self.program.steps(state, now, fixed, data, span)

        return self.over(one, (0, 0, 0, self.axes))(state, now, fixed, data)

    def end(self, before: Tree, state: Tree, now: Tree, fixed: Tree, data: Tree) -> tuple[Tree, Tree]:
        def one(before: Tree, state: Tree, now: Tree, fixed: Tree, data: Tree) -> tuple[Tree, Tree]:
            after, row = self.program.end(state, now, fixed, data)
            return self.kept(before, after, fixed), row

        return self.over(one, (0, 0, 0, 0, self.axes))(before, state, now, fixed, data)


class FusedEpochs:
    """Many epochs per call, at most `capacity`, fewer if all lanes have stopped."""

    step, partial = 0, None

    def merge(self, before: Tree, fixed: Tree) -> Tree:
        return before

    def row_so_far(self) -> Tree:
        raise NotImplementedError("its epochs are whole")

    def __init__(self, vmapped: VmappedProgram, capacity: int) -> None:
        self.vmapped, self.capacity = vmapped, capacity
        self._compiled: Future[Any] | None = None

    def prepare(self, *arguments: Tree) -> None:
        """Trace the program, so that its mistakes come now, and let it be compiled while others do their work."""
        import jax

        if self._compiled is None:
            lowered = jax.jit(self._many).lower(*arguments, np.int32(1))
            pool = ThreadPoolExecutor(1, thread_name_prefix="rnnexp-compile")
            self._compiled = pool.submit(lowered.compile)
            pool.shutdown(wait=False)

    def wait(self, *arguments: Tree) -> None:
        """Return once it is compiled, which is no part of how long epochs last."""
        self.prepare(*arguments)
        self._compiled.result()  # type: ignore[union-attr]

    def run(self, count: int, *arguments: Tree) -> tuple[Tree, Tree]:
        self.prepare(*arguments)
        results: tuple[Tree, Tree] = self._compiled.result()(*arguments, np.int32(count))  # type: ignore[union-attr]
        return results

    def _many(self, state: Tree, now: Tree, fixed: Tree, data: Tree, count: Any) -> tuple[Tree, Tree]:
        import jax
        from jax import numpy as jnp

        running = self.vmapped.program.running
        _, shapes = jax.eval_shape(self.vmapped.epoch, state, _at(now, 0), fixed, data)

        def go_on(carry: Tree) -> Any:
            index, state, _ = carry
            return (index < count) & jnp.any(running(state, fixed))

        def body(carry: Tree) -> Tree:
            index, before, rows = carry
            state, row = self.vmapped.epoch(before, _at(now, index), fixed, data)
            row = {**row, "ran": running(before, fixed)}
            return index + 1, state, {key: rows[key].at[index].set(value) for key, value in row.items()}

        rows = {key: jnp.zeros((self.capacity, *shape.shape), shape.dtype) for key, shape in shapes.items()}
        rows["ran"] = jnp.zeros((self.capacity, *state["epoch"].shape), bool)
        _, state, rows = jax.lax.while_loop(go_on, body, (0, state, rows))
        return state, rows


class ChunkedEpoch:
    """One epoch in several calls of about a second, for networks whose epochs are long."""

    capacity = 1

    def __init__(self, vmapped: VmappedProgram, steps: int, step: int = 0, partial: Tree | None = None) -> None:
        import jax

        self.vmapped, self.total = vmapped, steps
        self.step, self.partial = step, partial
        self._last, self._pace = 0, 0.0  # steps of the last call, seconds of each
        self._begin, self._steps, self._end = jax.jit(vmapped.begin), jax.jit(vmapped.steps), jax.jit(vmapped.end)
        self._so_far = jax.jit(vmapped.so_far)

    def prepare(self, *arguments: Tree) -> None:
        """See that the program can be traced."""
        import jax

        state, now, fixed, data = arguments
        jax.eval_shape(self.vmapped.epoch, state, _at(now, 0), fixed, data)

    def wait(self, *_: Tree) -> None:
        """Return at once: it is compiled by its first calls, and measures itself."""

    def run(self, count: int, *arguments: Tree) -> tuple[Tree, Tree | None]:
        before, now, fixed, data = arguments
        now = _at(now, 0)
        if self.step < self.total:
            self._go_on(before, now, fixed, data)
            return before, None
        state = self._begin(before, now) if self.partial is None else self.partial
        after, row = self._end(before, state, now, fixed, data)
        row = {**row, "ran": self.vmapped.program.running(before, fixed)}
        self.step, self.partial = 0, None
        return after, {key: value[None] for key, value in row.items()}

    def row_so_far(self) -> Tree:
        return self._so_far(self.partial)

    def merge(self, before: Tree, fixed: Tree) -> Tree:
        """Return the state within an epoch: of lanes that had stopped when it began what it was then."""
        if self.partial is None or self.vmapped.axes is None:
            return before if self.partial is None else self.partial
        return self.vmapped.over(self.vmapped.kept, (0, 0, 0))(before, self.partial, fixed)

    def _go_on(self, before: Tree, now: Tree, fixed: Tree, data: Tree) -> None:
        """Take as many steps as last about a second."""
        import jax

        size = int(np.clip(PROMPT_S / self._pace, 1, 8 * self._last)) if self._pace else 1 + (self._last > 0)
        last, began = min(self.step + size, self.total), time.perf_counter()
        state = self._begin(before, now) if self.partial is None else self.partial
        self.partial = jax.block_until_ready(
            self._steps(state, now, fixed, data, (np.int32(self.step), np.int32(last)))
        )
        self._pace = (time.perf_counter() - began) / (last - self.step) if self._last else 0.0
        self._last, self.step = last - self.step, last


def _at(tree: Tree, index: Any) -> Tree:
    import jax

    return jax.tree.map(lambda leaf: leaf[index], tree)
