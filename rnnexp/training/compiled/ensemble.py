"""Trainings that advance together through one compiled program; a single training is an ensemble of one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnexp.data.large import release_memory
from rnnexp.runtime import process_group
from rnnexp.training.best_weights import find_not_finite
from rnnexp.training.compiled.batch_plan import BatchPlan, place_rows, stack_shared
from rnnexp.training.compiled.dispatch import Dispatch, Pace
from rnnexp.training.compiled.member import TOLD, Member
from rnnexp.training.compiled.program import Program
from rnnexp.training.compiled.program_settings import BROKEN
from rnnexp.training.keeper import Cadence

Tree = Any

LONG_S = 0.05  # an epoch that is estimated to take longer is tried in pieces: machines may be 40 times slower
ORDER_BYTES = 32 * 2**20
MAX_EPOCHS = 2048
REVIEWS = 16  # how often in a training it is seen whether enough members have stopped
WORTH_S = 10.0  # estimated time that must be saved for a smaller program to be compiled


@dataclass
class MemberSpec:
    """What an ensemble needs to know of one training.

    rates:   learning rate of each epoch, before callbacks change it
    numbers: settings of each pure callback;  scalars: values of the settings that are held, by name
    """

    state: Tree
    batch_plan: BatchPlan
    seed: int
    rates: Sequence[float]
    numbers: dict[str, dict[str, float]] = field(default_factory=dict)
    scalars: dict[str, float] = field(default_factory=dict)
    weights_every: int | None = None


@dataclass
class Widths:
    """How wide an ensemble is, and from which epoch on it is narrower, so that it can be the same again.

    first:  lanes at least, the surplus being copies: the last bit of a result may depend on how many there are
    later:  width by the number of epochs after which it was chosen;  keep: called when one has been
    """

    first: int = 0
    later: dict[int, int] = field(default_factory=dict)
    keep: Callable[[Mapping[int, int]], None] = lambda _: None


class Ensemble:
    """The states of trainings of one program, on the device; each is seen through its `Member`.

    `lanes` says which training each row of the stacked state belongs to.
    """

    def __init__(
        self,
        program: Program,
        specs: Sequence[MemberSpec],
        widths: Widths | None = None,
        cadence: Cadence | None = None,
        dispatch: Dispatch | None = None,
    ) -> None:
        self.program, self.specs = program, list(specs)
        self.widths = widths or Widths()
        self.batch_plan = specs[0].batch_plan
        self.epochs = max(len(spec.rates) for spec in specs)
        self.epoch = 0
        self.lanes = _fill(range(len(specs)), self.widths.first)
        self.single = len(self.lanes) == 1
        self.members = [Member(self, index) for index in range(len(specs))]
        self._place([specs[lane] for lane in self.lanes])
        self._choose(dispatch)
        self._piece = 0  # how many are done of the epoch that is not
        self._began = 0.0  # when the present epoch began, seconds since 1970
        self._given: Tree = None  # the orders of that epoch
        self.turn = 0  # how often it has advanced
        self._seen: tuple[int, Tree] = (-1, None)
        self.cadence = cadence or Cadence(None)

    def _place(self, specs: Sequence[MemberSpec]) -> None:
        import jax
        from jax import numpy as jnp

        if self.single:
            state, fixed = specs[0].state, _make_fixed(specs[0])
            data, self.axes = jax.tree.map(place_rows, specs[0].batch_plan.data()), None
        else:
            state = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(spec.state for spec in specs))
            fixed = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(_make_fixed, specs))
            data, self.axes = stack_shared([spec.batch_plan.data() for spec in specs])
        self.state, self.fixed, self.data = map(self.program.placement.put, (state, fixed, data))

    def _choose(self, compiled: Dispatch | None = None) -> None:
        examples = 1 if self.batch_plan.train.one_batch else len(self.batch_plan.train.part)
        fitting = ORDER_BYTES // (4 * examples * len(self.lanes))
        capacity = int(np.clip(fitting, 1, min(self.epochs, MAX_EPOCHS)))
        fits = compiled and (compiled.axes, compiled.capacity) == (self.axes, capacity)
        self.dispatch = compiled if compiled and fits else Dispatch(self.program, self.axes, capacity)
        self._pace = Pace(self.batch_plan.pieces, self._epoch_s() > LONG_S)
        self._passed = (self.state["other"], self.state["metrics"])  # anything of this shape: validation begins anew

    def _epoch_s(self) -> float:
        """Estimate an epoch of all lanes: arithmetic alone, so that it is the same each time."""
        return self.batch_plan.estimate_seconds(self.program.parameters) * len(self.lanes)

    def prepare(self) -> None:
        """Trace the program, and let it be compiled while others do their work."""
        self.dispatch.prepare((self.state, self._passed), self._now(0), self.fixed, self.data)

    def advance(self) -> None:
        """Train on for about a second, all together."""
        import jax

        if self._piece == 0:
            self._review()
        began, total = time.time(), self.batch_plan.pieces.total
        epochs = self._count() if self._piece == 0 else 0
        last = total if epochs else self._pace.last_piece(self._piece)
        # All ranks must run the same calls, however quick each of them is.
        last, count = process_group.share_numbers(last, max(1, epochs))
        span = self._piece, last
        if self._piece == 0 or self._given is None:
            self._given = None  # the orders of many rows are large
            self._given = self._now(count)
        arguments = ((self.state, self._passed), self._given, self.fixed, self.data)
        self.dispatch.wait(*arguments)
        ready = time.perf_counter()
        if self.turn == 0:
            release_memory(len(self.batch_plan.train.part))
        (self.state, self._passed), rows = jax.block_until_ready(self.dispatch.run(span, count, *arguments))
        self._pace.take(span, count, time.perf_counter() - ready)
        ended, self.turn = time.time(), self.turn + 1
        self._began, self._piece = self._began or began, span[1] % total
        if self._piece:
            self._tell_of_divergence((self._began, ended))
            return
        self._tell({key: np.asarray(value)[:count] for key, value in rows.items()}, (self._began, ended))
        self.epoch, self._began = self.epoch + count, 0.0

    def _count(self) -> int:
        """Return how many whole epochs are next, 0 if but a part of one."""
        count = min(self._pace.count_epochs(), self.dispatch.capacity, self.epochs - self.epoch)
        marks = [spec.weights_every for spec in self.specs if spec.weights_every]
        marks += [] if self.single else [self._interval]
        return min([count, *(every - self.epoch % every for every in marks)])

    def _now(self, count: int) -> Tree:
        """Return rates and orders of the next `count` epochs, (capacity, lanes, ...)."""
        import jax

        capacity, first = self.dispatch.capacity, self.epoch + 1
        lanes = []
        for lane in self.lanes:
            spec = self.specs[lane]
            rates = np.asarray(spec.rates, np.float32)
            rate = rates[np.minimum(np.arange(self.epoch, self.epoch + capacity), len(rates) - 1)]
            orders = spec.batch_plan.orders(spec.seed, (first, count), capacity, side_by_side=not self.single)
            lanes.append({"rate": rate, **orders})
        if self.single:
            return self.program.placement.put(jax.tree.map(place_rows, lanes[0]))
        return self.program.placement.put({k: np.stack([lane[k] for lane in lanes], axis=1) for k in lanes[0]})

    @property
    def _interval(self) -> int:
        return -(-self.epochs // REVIEWS)

    def _review(self) -> None:
        """Take out those that have stopped, once they are so many that a smaller program is worth compiling.

        Seen at fixed epochs only and decided by arithmetic, so that the same trainings always have the same company.
        """
        if self.single or self.epoch == 0 or self.epoch % self._interval:
            return
        running = [member.index for member in self.members if member.running]
        width = self.widths.later.get(self.epoch) or self._fitting(len(running))
        if width < len(self.lanes):
            self.widths.later[self.epoch] = width
            self.widths.keep(self.widths.later)
            self._narrow(_fill(running, width))

    def _fitting(self, running: int) -> int:
        width = max(2, 1 << (running - 1).bit_length())
        saved = self._epoch_s() * (1 - width / len(self.lanes)) * (self.epochs - self.epoch)
        return width if width <= len(self.lanes) // 2 and saved > WORTH_S else len(self.lanes)

    def _narrow(self, lanes: list[int]) -> None:
        import jax

        rows = np.array([self.lanes.index(lane) for lane in lanes])
        self.state, self.fixed = jax.tree.map(lambda leaf: leaf[rows], (self.state, self.fixed))
        self.lanes, self._seen = lanes, (-1, None)
        data, self.axes = stack_shared([self.specs[lane].batch_plan.data() for lane in lanes])
        self.data = self.program.placement.put(data)
        self._choose()

    def _tell(self, rows: dict[str, np.ndarray], span: tuple[float, float]) -> None:
        """Give every training the rows of the epochs in which it ran."""
        if self.single:
            rows = {key: value[:, None] for key, value in rows.items()}
        state = {key: np.atleast_1d(self.state[key]) for key in TOLD}
        busy = max(1.0, float(rows["ran"].sum()))
        for member in self.members:
            if member.running:
                lane = self.lanes.index(member.index)
                ran = int(rows["ran"][:, lane].sum())
                member.add_rows({k: v[:ran, lane] for k, v in rows.items()}, span, (span[1] - span[0]) / busy)
                member.update({key: value[lane].item() for key, value in state.items()})

    def _tell_of_divergence(self, span: tuple[float, float]) -> None:
        """Take out, in the middle of an epoch, the trainings whose losses are beyond all bounds; others hear nothing.

        What such a training has of the epoch becomes its last row.
        """
        row = {key: np.atleast_1d(value) for key, value in self.dispatch.row_so_far(self.state).items()}
        for member in self.members:
            member.rows = []
            if not member.running:
                continue
            lane = self.lanes.index(member.index)
            own = {key: value[lane : lane + 1] for key, value in row.items()}
            if broken := find_not_finite({key: float(value[0]) for key, value in own.items()}):
                member.stop(BROKEN[broken])
                member.add_rows(own, span, span[1] - span[0])

    @property
    def step(self) -> int:
        """Gradient steps that are done of the epoch that is not; whoever goes on from there validates anew."""
        return min(self._piece, self.batch_plan.pieces.trained)

    def snapshot(self, index: int) -> Tree:
        """Return all of the state of one training, as NumPy's arrays; fetched once for all that ask in one turn."""
        return self._select(self._fetch(), index)

    def _fetch(self) -> Tree:
        import jax

        if self._seen[0] != self.turn:
            self._seen = (self.turn, jax.device_get(self.state))
        return self._seen[1]

    def _select(self, stacked: Tree, index: int) -> Tree:
        import jax

        lane = self.lanes.index(index)
        return stacked if self.single else jax.tree.map(lambda leaf: leaf[lane], stacked)

    def restore(self, states: Sequence[Tree], epoch: int, step: int) -> None:
        """Take all members to where they have been after so many epochs and gradient steps."""
        import jax
        from jax import numpy as jnp

        self.epoch = epoch
        widths = [width for after, width in sorted(self.widths.later.items()) if after <= epoch]
        if widths and widths[-1] < len(self.lanes):
            self._narrow(_fill(range(len(states)), widths[-1]))
        stacked = [jax.tree.map(jnp.asarray, states[lane]) for lane in self.lanes]
        state = stacked[0] if self.single else jax.tree.map(lambda *leaves: jnp.stack(leaves), *stacked)
        self.state = self.program.placement.put(state)
        self._piece, self._seen = step, (-1, None)

    def value(self, index: int, key: str) -> Tree:
        """Return a part of the state of one training, of several side by side as NumPy's arrays."""
        return self.state[key] if self.single else self._select(self._fetch()[key], index)

    def stop(self, index: int, code: int) -> None:
        """Take a training out that somebody outside of the program has stopped."""
        own = np.array([lane == index for lane in self.lanes])
        stopped = np.where(own[0] if self.single else own, code, self.state["stopped"]).astype(np.int32)
        self.state = {**self.state, "stopped": stopped}


def _fill(lanes: Sequence[int], width: int) -> list[int]:
    return [*lanes, *[lanes[-1]] * (width - len(lanes))]


def _make_fixed(spec: MemberSpec) -> Tree:
    from jax import numpy as jnp

    numbers = {key: {name: jnp.float32(v) for name, v in own.items()} for key, own in spec.numbers.items()}
    scalars = {key: jnp.float32(value) for key, value in spec.scalars.items()}
    return {"epochs": jnp.int32(len(spec.rates)), "numbers": numbers, "scalars": scalars}
