"""The training of one network as a pure function of its state, from one epoch to the next.

The steps are Keras's own `train_step` and `test_step`; around them everything is carried that an epoch decides: the
best weights so far, what callbacks remember, the learning rate, and whether the training goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.training.backends.base import select_norms
from rnnexp.training.backends.jax import JaxTrainer
from rnnexp.training.best_weights import LIMIT
from rnnexp.training.compiled.devices import Placement
from rnnexp.training.compiled.program_settings import A_WEIGHT, CALLBACK, NOT_FINITE, RUNNING, ProgramSettings
from rnnexp.training.compiled.traced_positive import trace_scalars
from rnnexp.training.monitor import to_minimize
from rnnexp.training.penalties import prefix_metrics
from rnnexp.training.pure_callback import EpochEnd
from rnnexp.training.snapshot import name_variables

Tree = Any
Span = tuple[Any, Any]
Progress = tuple[Tree, Tree]  # the state, and what validation has come to: values that are not trained, and metrics


class Program:
    """Pure functions for one training; whoever holds several applies `jax.vmap`.

    state: trainable, other, optimizer: values of Keras's variables; metrics: of the running pass; kept: values to
           end with; kept_epoch; best: ordered monitor of the best epoch; best_epoch; epoch: done so far;
           factor: on the learning rate; stopped: RUNNING or why not; callbacks: what each remembers
    now:   what one epoch is given: rate, order (steps, batch) and rest (examples) of the training part, and perhaps
           bucket (steps,), which of `bounds` each batch is padded to
    fixed: what all epochs are given: epochs, numbers of the callbacks, scalars that are held
    data:  train and val arrays; `val_order`, `val_rest`, and `order`, `rest` where they never change
    """

    def __init__(
        self,
        backend: JaxTrainer,
        gather: Mapping[str, Callable[..., Any]],
        settings: ProgramSettings,
        placement: Placement,
    ) -> None:
        self.backend, self.model, self.settings, self.placement = backend, backend.model, settings, placement
        self.gather = {part: placement.split(gathered) for part, gathered in gather.items()}
        variables = backend.model.optimizer.variables
        self.rate_at = _find(variables, backend.model.optimizer.learning_rate)
        places = {id(weight): _find(variables, average) for weight, average in backend.averages}
        self.averaged = [places.get(id(weight)) for weight in backend.model.trainable_variables]

        kinds = {"trainable": self.model.trainable_variables, "other": self.model.non_trainable_variables}
        kinds |= {"optimizer": variables, "metrics": backend.metric_variables}
        self.names = {kind: name_variables(of_kind) for kind, of_kind in kinds.items()}
        self.parameters = sum(int(np.prod(value.shape)) for value in backend.trainable)

    def initial(self) -> Tree:
        """Return the state before the first epoch: what Keras's variables hold now."""
        from jax import numpy as jnp

        backend = self.backend
        kept = {"trainable": backend.trainable, "other": backend.other}
        return {
            **kept,
            "optimizer": backend.optimizer,
            "metrics": backend.no_metrics,
            "kept": kept,
            **({"best_weights": kept} if self.settings.track_best else {}),
            "kept_epoch": jnp.int32(0),
            "best": jnp.float32(np.inf),
            "best_epoch": jnp.int32(0),
            "epoch": jnp.int32(0),
            "factor": jnp.float32(1),
            "stopped": jnp.int32(RUNNING),
            "callbacks": {
                key: {name: _to_scalar(value) for name, value in callback.initial().items()}
                for key, callback in self.settings.callbacks.items()
            },
        }

    def running(self, state: Tree, fixed: Tree) -> Any:
        return (state["stopped"] == RUNNING) & (state["epoch"] < fixed["epochs"])

    def advance(self, progress: Progress, now: Tree, fixed: Tree, data: Tree, span: Span) -> tuple[Progress, Tree]:
        """Do the pieces `span[0]` to `span[1]` of an epoch; return how far it is then, and a row of what it has shown,
        zeros as long as it goes on.

        Where it is cut is an input of the one compiled program, so that no cut changes a bit.
        """
        import jax
        from jax import numpy as jnp

        pieces, (state, passed), (first, last) = self.settings.pieces, progress, span
        order = now.get("order", data.get("order"))

        def step(index: Any, state: Tree) -> Tree:
            return self._step_at(index, state, order, now, fixed, data)

        def begin(state: Tree) -> Tree:
            begun = self._begin(state, now)
            return step(0, begun) if pieces.steps == 1 else begun  # a loop around a single step would slow XLA down

        def end(state: Tree, passed: Tree) -> tuple[Progress, Tree]:
            return self._end(state, passed, now, fixed, data)

        if pieces.total == 1:
            return end(begin(state), passed)
        state = _do_if(first == 0, begin, state)
        if pieces.steps > 1:
            state = jax.lax.fori_loop(first, jnp.minimum(last, pieces.steps), step, state)
        if pieces.tests:
            is_due = (first < pieces.trained) & (pieces.trained <= last)
            state = _do_if(is_due, lambda state: self._take_rest(state, now, fixed, data), state)
            passed = _select(first <= pieces.trained, self._begin_test(state), passed)
            tests = jnp.maximum(first - pieces.trained, 0), jnp.minimum(last - pieces.trained, pieces.tests)
            passed = self._test(state, passed, fixed, data, tests)
        ended = jax.jit(end, inline=True)  # traced once, though it is asked for its shapes, too
        shapes = jax.eval_shape(ended, state, passed)[1]
        no_row = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
        return jax.lax.cond(last == pieces.total, ended, lambda *progress: (progress, no_row), state, passed)

    def _begin(self, state: Tree, now: Tree) -> Tree:
        """Set the learning rate and forget the metrics of the last pass, and the states of its lanes."""
        optimizer = [*state["optimizer"]]
        optimizer[self.rate_at] = now["rate"] * state["factor"]
        other = self.backend.zero_states(state["other"])
        return {**state, "optimizer": optimizer, "metrics": [*self.backend.no_metrics], "other": other}

    def _step_at(self, index: Any, state: Tree, order: Any, now: Tree, fixed: Tree, data: Tree) -> Tree:
        """Take the gradient step of one batch of an epoch."""
        import jax

        if (buckets := now.get("bucket")) is None:
            return self._step(state, order[index], fixed, data)
        padded = [partial(self._step, length=bound) for bound in self.settings.bounds]
        return jax.lax.switch(buckets[index], padded, state, order[index], fixed, data)

    def _take_rest(self, state: Tree, now: Tree, fixed: Tree, data: Tree) -> Tree:
        """Take the last, smaller step of an epoch, if there is one."""
        rest = now.get("rest", data.get("rest"))
        return state if rest is None else self._step(state, rest, fixed, data)

    def _step(self, state: Tree, indices: Any, fixed: Tree, data: Tree, length: int | None = None) -> Tree:
        """Take one step; `length` is what its sequences are padded to, None for all that the data have."""
        import jax

        names = ("trainable", "other", "optimizer", "metrics")
        before = tuple(state[name] for name in names)
        arrays = data["train"] if length is None else {**data["train"], "steps": data["train"]["steps"][:length]}
        with trace_scalars(self.settings.traced, fixed["scalars"]):
            _, after = self.model.train_step(before, self.gather["train"](arrays, indices))
        after = jax.tree.map(lambda new, old: new.astype(old.dtype), tuple(map(list, after)), before)
        return {**state, **dict(zip(names, after))}

    def _end(self, state: Tree, passed: Tree, now: Tree, fixed: Tree, data: Tree) -> tuple[Progress, Tree]:
        """Finish both passes, and decide what follows."""
        if not self.settings.pieces.tests:
            state = self._take_rest(state, now, fixed, data)
        row = prefix_metrics("train", self.backend.metric_results(state["metrics"]))
        if "val" in data:
            row |= prefix_metrics("val", self.backend.metric_results(self._end_test(state, passed, fixed, data)[1]))
        rate = state["optimizer"][self.rate_at]
        if self.settings.grad_norm:
            order = now.get("order", data.get("order"))
            first = self.gather["train"](data["train"], order[0])
            other = self.backend.zero_states(state["other"])  # where the first batch begins
            with trace_scalars(self.settings.traced, fixed["scalars"]):
                norms = self.backend.gradient_norms(state["trainable"], other, first)
                row |= select_norms(norms, self.settings.grad_norm)
        factor = state["factor"]
        state = self._keep_best({**state, "epoch": state["epoch"] + 1}, row)
        state = self._run_callbacks(state, row, rate, fixed)
        return (state, passed), {**row, "rate": rate, "factor": factor}

    def row_so_far(self, state: Tree) -> Tree:
        """Return what the steps of an epoch have shown that goes on."""
        row = prefix_metrics("train", self.backend.metric_results(state["metrics"]))
        return {**row, "rate": state["optimizer"][self.rate_at], "factor": state["factor"]}

    def _begin_test(self, state: Tree) -> Tree:
        return self.backend.zero_states(self.weights(state)["other"]), [*self.backend.no_metrics]

    def _test(self, state: Tree, passed: Tree, fixed: Tree, data: Tree, tests: Span) -> Tree:
        """Go over some whole batches of the validation part."""
        import jax

        def step(index: Any, passed: Tree) -> Tree:
            return self._test_step(state, passed, data["val_order"][index], fixed, data)

        return jax.lax.fori_loop(*tests, step, passed)

    def _end_test(self, state: Tree, passed: Tree, fixed: Tree, data: Tree) -> Tree:
        """Go over what is left of the validation part: its last batch, all of it where that is but one."""
        if not self.settings.pieces.tests:
            passed = self._begin_test(state)
            if data["val_order"].shape[0]:
                passed = self._test_step(state, passed, data["val_order"][0], fixed, data)
        return self._test_step(state, passed, data["val_rest"], fixed, data) if "val_rest" in data else passed

    def _test_step(self, state: Tree, passed: Tree, indices: Any, fixed: Tree, data: Tree) -> Tree:
        import jax

        before = (self.weights(state)["trainable"], *passed)
        with trace_scalars(self.settings.traced, fixed["scalars"]):
            _, (_, *after) = self.model.test_step(before, self.gather["val"](data["val"], indices))
        return jax.tree.map(lambda new, old: new.astype(old.dtype), tuple(map(list, after)), passed)

    def weights(self, state: Tree) -> Tree:
        """Return the weights that are validated and kept: moving averages where the optimizer keeps them."""
        pairs = zip(state["trainable"], self.averaged)
        values = [value if place is None else state["optimizer"][place] for value, place in pairs]
        return {"trainable": values, "other": state["other"]}

    def _keep_best(self, state: Tree, row: Tree) -> Tree:
        """See whether all is finite, and keep the weights to end with."""
        import jax
        from jax import numpy as jnp

        weights, epoch = self.weights(state), state["epoch"]
        value = to_minimize(self._value(row, self.settings.monitor, "trainer.monitor"), self.settings.monitor)
        losses = [(row[name], code) for code, name in NOT_FINITE.items() if name in row]
        stopped = jnp.int32(RUNNING)
        for loss, code in reversed(losses):
            stopped = jnp.where(jnp.abs(loss) < LIMIT, stopped, code)
        better = (stopped == RUNNING) & (value < state["best"])
        keep = better if self.settings.keep_best else stopped == RUNNING
        finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(weights)]).all()
        stopped = jnp.where((stopped == RUNNING) & ~finite, A_WEIGHT, stopped)
        keep, better = keep & finite, better & finite
        state = {
            **state,
            "stopped": stopped,
            "kept": _select(keep, weights, state["kept"]),
            "kept_epoch": jnp.where(keep, epoch, state["kept_epoch"]),
            "best": jnp.where(better, value, state["best"]),
            "best_epoch": jnp.where(better, epoch, state["best_epoch"]),
        }
        if self.settings.track_best:
            state["best_weights"] = _select(better, weights, state["best_weights"])
        return state

    def _run_callbacks(self, state: Tree, row: Tree, rate: Any, fixed: Tree) -> Tree:
        """Let the callbacks see the epoch, unless it has ended the training already."""
        import jax
        from jax import numpy as jnp

        seen = state["stopped"] == RUNNING
        remembered, factor, stopped = {}, state["factor"], state["stopped"]
        for place, (key, callback) in enumerate(self.settings.callbacks.items()):
            monitor = callback.monitor or self.settings.monitor
            value = self._value({**row, "opt/learning_rate": rate}, monitor, f"callbacks.{callback.name}.monitor")
            now = EpochEnd(jnp, state["epoch"], to_minimize(value, monitor), rate)
            before = state["callbacks"][key]
            after, action = callback.update(fixed["numbers"][key], before, now)
            after = jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), after, before)
            remembered[key] = _select(seen, after, before)
            factor = factor * jnp.where(seen, action.rate_factor, 1.0)
            stopped = jnp.where(seen & action.stop & (stopped == RUNNING), CALLBACK + place, stopped)
        return {**state, "callbacks": remembered, "factor": factor.astype(jnp.float32), "stopped": stopped}

    def _value(self, row: Tree, monitor: str, key: str) -> Any:
        if monitor in row:
            return row[monitor]
        raise ConfigError(f"{key}: `{monitor}` is not logged; choose from {', '.join(row)}{did_you_mean(monitor, row)}")


def _do_if(condition: Any, function: Callable[[Tree], Tree], state: Tree) -> Tree:
    import jax

    return jax.lax.cond(condition, function, lambda state: state, state)


def _select(condition: Any, new: Tree, old: Tree) -> Tree:
    import jax
    from jax import numpy as jnp

    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def _find(variables: Sequence[Any], wanted: Any) -> int:
    return next(place for place, variable in enumerate(variables) if variable is wanted)


def _to_scalar(value: float) -> Any:
    from jax import numpy as jnp

    return jnp.int32(value) if isinstance(value, int) else jnp.float32(value)
