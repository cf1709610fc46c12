"""Trainings that advance together through one compiled program; a single training is an ensemble of one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnexp.training.engine.layout import Layout, shared
from rnnexp.training.engine.program import Program
from rnnexp.training.engine.seat import Seat

Tree = Any

PROMPT_S = 1.0  # of a dispatch: progress, checkpoints and signals wait for it
LONG_S = 0.5  # an epoch that is estimated to take longer is cut into several dispatches
ORDER_BYTES = 32 * 2**20
MOST_EPOCHS = 2048
REVIEWS = 16  # how often in a training it is seen whether enough members have stopped


@dataclass
class Entrant:
    """What an ensemble needs to know of one training.

    rates:   learning rate of each epoch, before callbacks change it
    numbers: settings of each carried callback;  scalars: values of the settings that are held, by name
    """

    state: Tree
    layout: Layout
    seed: int
    rates: Sequence[float]
    numbers: dict[str, dict[str, float]] = field(default_factory=dict)
    scalars: dict[str, float] = field(default_factory=dict)
    weights_every: int | None = None


class Ensemble:
    """The states of trainings of one program, on the device; each is seen through its `Seat`.

    `lanes` says which training each row of the stacked state belongs to. At least `width` lanes are computed, the
    surplus being copies of the last: the last bit of a result may depend on how many there are.
    """

    def __init__(self, program: Program, entrants: Sequence[Entrant], width: int = 0) -> None:
        self.program, self.entrants = program, list(entrants)
        self.layout = entrants[0].layout
        self.epochs = max(len(entrant.rates) for entrant in entrants)
        self.epoch = 0
        self.lanes = [*range(len(entrants)), *[len(entrants) - 1] * (width - len(entrants))]
        self.single = len(self.lanes) == 1
        self.seats = [Seat(self, index) for index in range(len(entrants))]
        self._place([entrants[lane] for lane in self.lanes])
        self._compiled: Future[Any] | None = None
        self._last, self._pace = 0, 0.0  # epochs of the last dispatch, seconds of each

    def _place(self, entrants: Sequence[Entrant]) -> None:
        import jax
        from jax import numpy as jnp

        if self.single:
            self.state, self.fixed = entrants[0].state, _fixed(entrants[0])
            self.data, self.axes = jax.tree.map(jnp.asarray, entrants[0].layout.data()), None
            return
        self.state = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(entrant.state for entrant in entrants))
        self.fixed = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(_fixed, entrants))
        self.data, self.axes = shared([entrant.layout.data() for entrant in entrants])

    @property
    def capacity(self) -> int:
        """How many epochs one dispatch may have."""
        examples = 1 if self.layout.train.one_batch else len(self.layout.train.part)
        fitting = ORDER_BYTES // (4 * examples * len(self.lanes))
        return int(np.clip(fitting, 1, min(self.epochs, MOST_EPOCHS)))

    def prepare(self) -> Future[Any]:
        """Trace the program, so that its mistakes come now, and let it be compiled while others do their work."""
        import jax

        if self._compiled is None:
            arguments = (self.state, self._now(0), self.fixed, self.data, np.int32(1))
            lowered = jax.jit(self._many).lower(*arguments)
            with ThreadPoolExecutor(1, thread_name_prefix="rnnexp-compile") as pool:
                self._compiled = pool.submit(lowered.compile)
                pool.shutdown(wait=False)
        return self._compiled

    def advance(self) -> None:
        """Train on for about a second, all together."""
        import jax

        began = time.time()
        count = self._count()
        run, now = self.prepare().result(), self._now(count)
        self.state, rows = jax.block_until_ready(run(self.state, now, self.fixed, self.data, np.int32(count)))
        ended = time.time()
        self._tell({key: np.asarray(value)[:count] for key, value in rows.items()}, (began, ended))
        self._pace = (ended - began) / count if self._last else 0.0
        self._last, self.epoch = count, self.epoch + count

    def _count(self) -> int:
        """Return the epochs of the next dispatch: few at first, then as many as take about a second."""
        wanted = min(PROMPT_S / self._pace, 16 * self._last) if self._pace else 4 * self._last
        count = int(np.clip(wanted, 1, min(self.capacity, self.epochs - self.epoch)))
        wished = [entrant.weights_every for entrant in self.entrants if entrant.weights_every]
        return min(count, *(every - self.epoch % every for every in wished), count)

    def _now(self, count: int) -> Tree:
        """Return rates and orders of the next `count` epochs, (capacity, lanes, ...)."""
        capacity, first = self.capacity, self.epoch + 1
        lanes = []
        for lane in self.lanes:
            entrant = self.entrants[lane]
            rates = np.asarray(entrant.rates, np.float32)
            rate = rates[np.minimum(np.arange(self.epoch, self.epoch + capacity), len(rates) - 1)]
            lanes.append({"rate": rate, **entrant.layout.orders(entrant.seed, first, count, capacity)})
        if self.single:
            return lanes[0]
        return {key: np.stack([lane[key] for lane in lanes], axis=1) for key in lanes[0]}

    def _many(self, state: Tree, now: Tree, fixed: Tree, data: Tree, count: Any) -> tuple[Tree, Tree]:
        """Train for at most `count` epochs, fewer if all have stopped; rows of metrics (capacity, lanes)."""
        import jax
        from jax import numpy as jnp

        one = self.program.epoch if self.single else self._vectorised(self.program.epoch)
        _, shapes = jax.eval_shape(one, state, jax.tree.map(lambda all_: all_[0], now), fixed, data)
        running = self.program.running

        def go_on(carry: Tree) -> Any:
            index, state, _ = carry
            return (index < count) & jnp.any(running(state, fixed))

        def body(carry: Tree) -> Tree:
            index, state, rows = carry
            ran = running(state, fixed)
            state, row = one(state, jax.tree.map(lambda all_: all_[index], now), fixed, data)
            row = {**row, "ran": ran}
            return index + 1, state, {key: rows[key].at[index].set(value) for key, value in row.items()}

        size = self.capacity
        rows = {key: jnp.zeros((size, *shape.shape), shape.dtype) for key, shape in shapes.items()}
        rows["ran"] = jnp.zeros((size, *state["epoch"].shape), bool)
        _, state, rows = jax.lax.while_loop(go_on, body, (0, state, rows))
        return state, rows

    def _vectorised(self, epoch: Any) -> Any:
        """Let all lanes train for an epoch; those that have stopped keep their state."""
        import jax
        from jax import numpy as jnp

        def one(state: Tree, now: Tree, fixed: Tree, data: Tree) -> tuple[Tree, Tree]:
            running = self.program.running(state, fixed)
            after, row = epoch(state, now, fixed, data)
            return jax.tree.map(lambda new, old: jnp.where(running, new, old), after, state), row

        return jax.vmap(one, in_axes=(0, 0, 0, self.axes))

    def _tell(self, rows: dict[str, np.ndarray], span: tuple[float, float]) -> None:
        """Give every training the rows of the epochs in which it ran."""
        if self.single:
            rows = {key: value[:, None] for key, value in rows.items()}
        stopped, kept, best = (np.atleast_1d(self.state[key]) for key in ("stopped", "kept_epoch", "best_epoch"))
        busy = max(1.0, float(rows["ran"].sum()))
        for seat in self.seats:
            if seat.running:
                lane = self.lanes.index(seat.index)
                ran = int(rows["ran"][:, lane].sum())
                seat.hear({k: v[:ran, lane] for k, v in rows.items()}, span, (span[1] - span[0]) / busy)
                seat.code, seat.kept_epoch, seat.best_epoch = int(stopped[lane]), int(kept[lane]), int(best[lane])

    def value(self, index: int, key: str) -> Tree:
        """Return a part of the state of one training."""
        import jax

        lane = self.lanes.index(index)
        return self.state[key] if self.single else jax.tree.map(lambda leaf: leaf[lane], self.state[key])

    def stop(self, index: int, code: int) -> None:
        """Take a training out that somebody outside of the program has stopped."""
        if self.single:
            self.state = {**self.state, "stopped": self.state["stopped"] * 0 + code}
        else:
            own = np.array([lane == index for lane in self.lanes])
            self.state = {**self.state, "stopped": np.where(own, code, self.state["stopped"])}


def _fixed(entrant: Entrant) -> Tree:
    from jax import numpy as jnp

    numbers = {key: {name: jnp.float32(v) for name, v in own.items()} for key, own in entrant.numbers.items()}
    scalars = {key: jnp.float32(value) for key, value in entrant.scalars.items()}
    return {"epochs": jnp.int32(len(entrant.rates)), "numbers": numbers, "scalars": scalars}
