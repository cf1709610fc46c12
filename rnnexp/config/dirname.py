"""`hydra.job.override_dirname` as the overrides were typed, not as the border has rewritten them.

Hydra 1.3 builds the name inside its loader, from the lines that it is given; there is no hook, so its function is
replaced while a command runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from hydra._internal import config_loader_impl
from hydra.core.override_parser.types import Override

from rnnexp.config.overrides import parsed


@contextmanager
def named_as_typed(lines: Iterable[str]) -> Iterator[None]:
    """Let Hydra name folders after `lines`, whatever it is given in their place."""
    typed = [*lines]
    hydras = config_loader_impl.get_overrides_dirname

    def dirname(overrides: list[Override], **shape: Any) -> str:
        written = as_typed([str(override.input_line) for override in overrides], typed)
        pairs = zip(overrides, written, strict=True)
        return hydras(overrides=[replace(override, input_line=line) for override, line in pairs], **shape)

    config_loader_impl.get_overrides_dirname = dirname  # type: ignore[assignment]
    try:
        yield
    finally:
        config_loader_impl.get_overrides_dirname = hydras


def as_typed(lines: Iterable[str], typed: Iterable[str]) -> list[str]:
    """Give each line the `+` or `++`, or none, that its key has among the typed ones."""
    elements = {element.lstrip("+"): element for line in typed if (element := parsed(line).get_key_element())}
    found = []
    for line in lines:
        element, equals, value = line.partition("=")
        found.append(f"{elements.get(element.lstrip('+'), element.lstrip('+'))}{equals}{value}")
    return found
