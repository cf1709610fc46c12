"""Who hears of a training while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Rows = Sequence[dict[str, float]]
Span = tuple[float, float]

# (first epoch, metrics of each epoch since the last call, when these began and ended in seconds since 1970) -> a
# reason to stop, such as "pruned", or None
Listener = Callable[[int, Rows, Span], str | None]
