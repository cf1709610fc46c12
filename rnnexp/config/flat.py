"""An experiment as flat parameters, as a name, and as a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from rnnexp.config.parse import plain_values
from rnnexp.config.settings import Experiment

# What does not change the numbers a run produces.
_NOT_IDENTITY = ("name", "tracking", "plugins")


def flat_params(experiment: Experiment) -> dict[str, str | int | float | bool]:
    """Return dotted keys as in YAML; lists as `[64,32]`; what is unset (null, empty) is left out."""
    return flatten(plain_values(experiment))


def flatten(values: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return plain nested values in the same way."""
    return dict(_leaves("", values))


def _leaves(prefix: str, value: Any) -> Iterator[tuple[str, str | int | float | bool]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, list | tuple):
        if value:
            yield prefix, "[" + ",".join(str(item) for item in value) + "]"
    elif value is not None and value != "":
        yield prefix, value


def config_hash(experiment: Experiment) -> str:
    """Return 12 hexadecimal digits that identify what is computed, whatever it is called or where it is logged."""
    values = {key: value for key, value in plain_values(experiment).items() if key not in _NOT_IDENTITY}
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def run_name(experiment: Experiment, digest: str) -> str:
    """Return a readable name such as `lstm-u64-lr1e-3-a1b2`."""
    units = getattr(experiment.model, "units", None)
    width = "x".join(str(u) for u in units) if isinstance(units, list) else units
    rate = getattr(experiment.optimizer, "learning_rate", None)
    parts = [
        experiment.model.name,
        f"u{width}" if width else "",
        f"lr{_short(rate)}" if rate else "",
        digest[:4],
    ]
    return "-".join(filter(None, parts))


def _short(rate: float) -> str:
    """Write 0.001 as 1e-3 and 0.0025 as 2.5e-3."""
    mantissa, _, exponent = f"{rate:e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}" if rate < 0.1 or rate >= 10 else f"{rate:g}"
