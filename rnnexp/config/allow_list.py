"""The values that any file may give to Hydra's own node: an allow-list of plain settings that run no code.

Hydra builds objects from this node and writes files where it says, and launchers put texts of it into scripts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from rnnexp import registry
from rnnexp.config.hydra_node import LAUNCHER, SWEEPER
from rnnexp.config.overrides import parsed
from rnnexp.errors import ConfigError, did_you_mean

SETTINGS = {  # of the sweeper
    *("name", "params", "zip", "exclude", "repeats", "folds", "objective", "direction", "sampler", "pruner"),
    *("n_trials", "timeout", "seed", "max_failures", "retries", "dry_run", "retry_failed", "retry_stopped"),
    *("fail_fast", "allow_data_change", "new"),
}
CLASSES = {"sweeper": SWEEPER, "launcher": LAUNCHER}
CHOICES = tuple(f"hydra/{group}" for group in CLASSES)
FOLDERS = {("run", "dir"), ("sweep", "dir"), ("sweep", "subdir")}
HELP = {"app_name", "header", "footer", "template"}
NOT = "a file may not say this"
MAY = (
    "of `hydra` a file may set run.dir, sweep.dir, sweep.subdir, job.name, help, verbose, and plain settings of "
    "rnnexp's sweeper and launchers; the rest you can type, or write into ./conf/config.yaml, if you trust it"
)


@dataclass(frozen=True)
class Limit:
    """Marks a setting of an executor that ends in a script or leads to a machine.

    A file may give these words for it, else they must be typed, as `instead` says; without that it is a mapping, and
    these are the keys that a file may give.
    """

    words: tuple[str, ...]
    instead: str | None = None


def launcher_settings() -> dict[str, list[Limit]]:
    """Return every setting of an executor with what limits it."""
    found: dict[str, list[Limit]] = {}
    for cls in registry.components("executor").values():
        for name, field in cls.__pydantic_fields__.items():
            found.setdefault(name, []).extend(item for item in field.metadata if isinstance(item, Limit))
    return found


def problems_of(path: tuple[str, ...], value: Any, file: str) -> Iterator[str]:
    """Say what is wrong with a value that a file gives; the one place where is written what may pass."""
    part, *rest = path[1:] or ("",)
    wanted: str | None = None
    if (part, *rest) in FOLDERS:
        wanted = None if _is_below(value) else "must be a folder below the working directory"
    elif (part, *rest) == ("job", "name"):
        wanted = None if _is_word(value) else "must be a plain name"
    elif part == "help" and len(rest) == 1 and rest[0] in HELP:
        wanted = None if isinstance(value, str | None) else "must be a text"
    elif part == "verbose" and not rest:
        names = value if isinstance(value, list) else [value]
        wanted = None if all(isinstance(name, bool | str) for name in names) else "must be true, false or loggers"
    elif part in CLASSES and rest:
        wanted = _setting(part, rest, value)
    else:
        wanted = NOT
    if wanted:
        yield f"{'.'.join(path)}: {value!r} given by {file}; {wanted}"


def _setting(part: str, names: Sequence[str], value: Any) -> str | None:
    """Say what is wrong with a setting of the sweeper or of a launcher."""
    name, *inner = names
    limits = launcher_settings() if part == "launcher" else {}
    known = limits or SETTINGS
    if name == "_target_":
        return None if value == CLASSES[part] and not inner else NOT
    if name not in known:
        return f"is no setting of rnnexp's {part}{did_you_mean(name, known)}"
    if name == "params" and inner:
        return _parameter(".".join(inner), value)
    if part == "launcher":
        return _place(limits[name], inner, value)
    return None if _is_plain({word: value for word in inner or [name]}) else NOT


def _place(limits: Sequence[Limit], inner: Sequence[str], value: Any) -> str | None:
    """Say what is wrong with a setting of a launcher, some of which end in the script of a job."""
    words = sorted(word for limit in limits for word in limit.words)
    if words and inner:
        safe = len(inner) == 1 and inner[0] in words and _is_word(value)
        return None if safe else f"a file may ask for numbers or plain names of {', '.join(words)}"
    instead = next((limit.instead for limit in limits if limit.instead), None)
    if instead:
        return None if value in (None, *words) else f"a file may say {' or '.join(f'`{x}`' for x in words)}; {instead}"
    empty = bool(words) and value in (None, {})
    plain = _is_word(value) or (isinstance(value, list) and all(map(_is_word, value)))
    return None if empty or (plain and not inner) else "must be a number or a plain name"


def _parameter(key: str, value: Any) -> str | None:
    """Say what is wrong with a key that a file sweeps: it becomes an override, as if it had been typed."""
    text = value if isinstance(value, str) else "0"
    try:
        override = parsed(f"{key}={text}")
    except ConfigError as error:
        return str(error)
    word = override.key_or_group.replace("/", ".").split(".")[0]
    free = word not in ("hydra", "plugins") and override.package is None and not has_reference(override.key_or_group)
    return None if free else "a file may not sweep this"


def _is_plain(value: Any) -> bool:
    """Say whether nothing in a value could be taken for an object to be built."""
    if isinstance(value, Mapping):
        return all(not str(key).startswith("_") and _is_plain(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(_is_plain(inner) for inner in value)
    return value is None or isinstance(value, str | int | float)


def _is_word(value: Any) -> bool:
    """Say whether a value may stand in a file's name or on a line of a script."""
    if value is None or isinstance(value, int | float):
        return True
    return isinstance(value, str) and re.fullmatch(r"\w[\w.:,@%+=-]{0,99}", value) is not None


def _is_below(value: Any) -> bool:
    """Say whether a path stays below the working directory, where links are the user's own."""
    if isinstance(value, int):
        return True
    if not isinstance(value, str) or not value.isprintable():
        return False
    path = PurePath(value)
    inside = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return bool(inside.parts) and not inside.is_absolute() and ".." not in inside.parts


def has_reference(value: Any) -> bool:
    return "${" in str(value)
