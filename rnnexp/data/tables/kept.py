"""What has been read of a file, kept while an unknown table is looked at again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from rnnexp.data.tables.files import get_fingerprint
from rnnexp.data.tables.remedy import Refused

MAX_KEPT = 8  # results, the latest
P = ParamSpec("P")
T = TypeVar("T")
_kept: ContextVar[dict[Any, Any] | None] = ContextVar("kept", default=None)


@contextmanager
def keep_tables() -> Iterator[None]:
    """Read no file twice in the same way meanwhile, unless it changes."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def keep_result(read: Callable[P, T]) -> Callable[P, T]:
    """Let what a function makes of a file, its first argument, be reused; refusals, too."""

    @wraps(read)
    def read_once(*arguments: P.args, **options: P.kwargs) -> T:
        kept = _kept.get()
        if kept is None:
            return read(*arguments, **options)
        key = (read.__name__, get_fingerprint(cast(Path, arguments[0])), arguments)
        if key not in kept:
            try:
                kept[key] = read(*arguments, **options)
            except Refused as refused:
                kept[key] = refused
            for old in list(kept)[:-MAX_KEPT]:
                del kept[old]
        if isinstance(kept[key], Refused):
            raise kept[key].with_traceback(None)
        return cast(T, kept[key])

    return read_once
