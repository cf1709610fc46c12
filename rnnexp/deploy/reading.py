"""Which settings of its data a trained model may be given otherwise, and which it has settled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnnexp.config.overrides import changes
from rnnexp.errors import ConfigError

# What the model has settled: other values would need another model, or another split than none.
SETTLED = (
    *("name", "sequence_length", "horizon", "layout", "strategy", "calendar", "scaler", "per_series"),
    *("split", "folds", "fold", "forecast_from", "held_out", "buckets", "task"),
    *("tokens", "lowercase", "max_tokens", "min_count", "max_length", "keep", "vectors"),
)


def given(words: Sequence[str]) -> dict[str, Any]:
    """Return the changes of a run's data settings: `key=value` words; one without `=` is the file to read."""
    files = [word for word in words if "=" not in word]
    found = changes([word for word in words if "=" in word], "data")
    problems = [f"--data: {len(files)} files given ({', '.join(files)}); one file, or a glob: path='*.csv'"]
    problems = problems if len(files) > 1 else []
    settled = [key for key in found if key.partition(".")[0] in SETTLED]
    problems += [f"data.{key}: is settled by the trained model; train another one to change it" for key in settled]
    if problems:
        raise ConfigError(*problems)
    return found | ({"path": files[0]} if files else {})
