"""Settings that Keras takes for Python numbers, held as inputs of a compiled program instead.

Keras's dropout, regularizers and optimizers ask `if rate > 0` before they use a setting, which a traced value cannot
answer. A `TracedPositive` can: nothing else of it is settled before the program runs, so that trainings with different
rates share one program, and the layers stay Keras's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

RATES = ("model.dropout", "model.recurrent_dropout")
BY_DROPOUT = "dropout_"  # what layers whose rate is `model.dropout` are called; others have a setting of their own
Target = tuple[Any, str]  # an object of Keras's and the attribute that holds the number


class TracedPositive:
    """A traced number greater than zero; a `rate` is less than one too."""

    def __init__(self, value: Any, rate: bool) -> None:
        self.value, self.rate = value, rate
        self.shape, self.dtype = value.shape, value.dtype

    def __jax_array__(self) -> Any:
        return self.value

    def __bool__(self) -> bool:
        return True

    def __gt__(self, other: Any) -> bool:
        return self._known(other == 0, other)

    def __lt__(self, other: Any) -> bool:
        return self._known(self.rate and other == 1, other)

    def __ne__(self, other: object) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]

    def __neg__(self) -> Any:
        return -self.value

    def __sub__(self, other: Any) -> Any:
        return self.value - other

    def __rsub__(self, other: Any) -> Any:
        return other - self.value

    def __mul__(self, other: Any) -> Any:
        return self.value * other

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self.value / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.value

    def _known(self, known: bool, other: Any) -> bool:
        if not known:
            raise TypeError(f"not known before the program runs, so it cannot be compared with {other}")
        return True


@contextmanager
def trace_scalars(targets: Mapping[str, Sequence[Target]], values: Mapping[str, Any]) -> Iterator[None]:
    """Put traced `values` in the place of the numbers that they stand for, while a program is traced."""
    before = [(owner, name, vars(owner)[name]) for key in values for owner, name in targets[key]]
    try:
        for key, value in values.items():
            for owner, name in targets[key]:
                owner.__dict__[name] = TracedPositive(value, rate=key in RATES)
        yield
    finally:
        for owner, name, number in before:
            owner.__dict__[name] = number


def find_scalars(model: Any) -> dict[str, list[Target]]:
    """Find what can be held in a compiled model: dropout and penalties by the model's setting, the optimizer's."""
    import keras

    scalars: dict[str, list[Target]] = {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if isinstance(layer, keras.layers.Dropout) and layer.name.startswith(BY_DROPOUT):
            scalars.setdefault("model.dropout", []).append((layer, "rate"))
        if vars(layer).get("recurrent_dropout"):
            scalars.setdefault("model.recurrent_dropout", []).append((layer, "recurrent_dropout"))
        for name, penalty in vars(layer).items():
            if name.endswith("_regularizer") and isinstance(penalty, keras.regularizers.L1L2):
                scalars.setdefault("model.l1", []).append((penalty, "l1"))
                scalars.setdefault("model.l2", []).append((penalty, "l2"))
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    for name, value in vars(optimizer).items():
        if isinstance(value, float) and value > 0:
            scalars[f"optimizer.{name}"] = [(optimizer, name)]
    return scalars
