"""An experiment as flat parameters and as a name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, is_dataclass
from operator import itemgetter
from typing import Any

from rnnexp.config.parse import plain_values
from rnnexp.config.settings import Experiment
from rnnexp.config.text import is_unset, leaves, text

USUAL = 2  # the rank of a setting that has its default


def flat_params(experiment: Experiment, chosen: Collection[str] = ()) -> dict[str, str | int | float | bool]:
    """Return dotted keys as in YAML; lists as `[64,32]`; what is unset (null, empty) by default is left out.

    Keys in `chosen` come first (`model` stands for the name of the model), then what differs from its default.
    """
    return {key: _logged(value) for _, key, value in _rank(experiment, chosen)}


def list_changed(experiment: Experiment, chosen: Collection[str] = ()) -> dict[str, str | int | float | bool]:
    """Return the first of them: those that were chosen, or differ from their defaults."""
    return {key: _logged(value) for rank, key, value in _rank(experiment, chosen) if rank < USUAL}


def _rank(experiment: Experiment, chosen: Collection[str]) -> list[tuple[int, str, Any]]:
    """Return how much each setting tells of an experiment (0 tells most), its key and its value."""
    defaults = dict(_defaults(experiment))
    found = [
        (key, value)
        for key, value in leaves(plain_values(experiment))
        if not is_unset(value) or _listed(value) != _listed(defaults.get(key))
    ]

    def rank(item: tuple[str, Any]) -> int:
        key, value = item
        if any(key in (one, f"{one}.name") or ("." in one and key.startswith(f"{one}.")) for one in chosen):
            return 0
        return 1 if key not in defaults or _listed(value) != _listed(defaults[key]) else USUAL

    return sorted(((rank(item), *item) for item in found), key=itemgetter(0))


def flatten(values: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return plain nested values by their dotted keys, without what is unset."""
    return {key: _logged(value) for key, value in leaves(values) if not is_unset(value)}


def _logged(value: Any) -> str | int | float | bool:
    return value if isinstance(value, int | float) else text(value)


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _defaults(experiment: Experiment) -> Iterator[tuple[str, Any]]:
    """Yield the defaults of everything that an experiment is made of; data are drawn by its own seed."""
    parts: dict[str, Any] = {"": experiment}
    parts |= {key: part for key, part in vars(experiment).items() if is_dataclass(part)}
    parts |= {f"callbacks.{name}": part for name, part in experiment.callbacks.items()}
    for prefix, part in parts.items():
        for name, field in type(part).__pydantic_fields__.items():
            key = f"{prefix}.{name}" if prefix else name
            if key in parts or field.is_required() or name == "name":
                continue
            default = field.get_default(call_default_factory=True)
            own = experiment.seed if key == "data.seed" else default
            yield from leaves(asdict(own) if is_dataclass(own) and not isinstance(own, type) else own, key)


def run_name(experiment: Experiment, digest: str) -> str:
    """Return a readable name such as `lstm-u64-lr1e-3-s0-a1b2`, its seed behind the `s`."""
    units = getattr(experiment.model, "units", None)
    width = "x".join(str(u) for u in units) if isinstance(units, list) else units
    rate = getattr(experiment.optimizer, "learning_rate", None)
    parts = [experiment.model.name, f"u{width}" if width else "", f"lr{_short(rate)}" if rate else ""]
    return "-".join([*filter(None, parts), f"s{experiment.seed}", digest[:4]])


def _short(rate: float) -> str:
    """Write 0.001 as 1e-3 and 0.0025 as 2.5e-3."""
    mantissa, _, exponent = f"{rate:e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}" if rate < 0.1 or rate >= 10 else f"{rate:g}"
