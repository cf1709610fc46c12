"""What a sweep is, and in which folder it lives: the same command finds the same sweep again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rnnexp.config import renamed
from rnnexp.config.grammar import parsed
from rnnexp.errors import ConfigError
from rnnexp.paths import name_problem, short_name
from rnnexp.redact import redact, redact_tree, redact_value
from rnnexp.sweeps.settings import GRID, Sweep
from rnnexp.sweeps.space import Space
from rnnexp.sweeps.state import write_whole

FORMAT = 1
ROOT = Path("runs", "sweeps")
FILE = "sweep.json"
MOST_BYTES = 150  # of a name, to which a hash and a number are added
HOW = ("resume",)  # keys that say how a sweep is gone on with, not what it is
GROWING = ("zip", "exclude", "repeats")  # the rules of a grid that say no more than which jobs there are


@dataclass(frozen=True)
class Definition:
    """What must be equal for a sweep to be resumed; texts, so that a difference can be shown."""

    space: Mapping[str, str]
    rules: Mapping[str, Any]

    def differences(self, other: Definition) -> list[str]:
        """Say what differs in `other`, the definition that was kept."""
        mine, theirs = {**self.space, **self.rules}, {**other.space, **other.rules}
        keys = [key for key in dict.fromkeys([*theirs, *mine]) if theirs.get(key) != mine.get(key)]
        return [f"{key}: was {_shown(theirs, key)}, now {_shown(mine, key)}" for key in keys]

    def has_grown(self, kept: Definition) -> bool:
        """Say whether it asks for other jobs of the sweep that was kept: a grid, the same keys, other values."""
        changed = [key for key in {*self.rules, *kept.rules} if self.rules.get(key) != kept.rules.get(key)]
        if self.rules.get("sampler") not in GRID or not set(changed) <= set(GROWING):
            return False
        mine, theirs = self.space, kept.space
        swept = {*self.swept(), *kept.swept()}
        return mine.keys() == theirs.keys() and all(mine[key] == theirs[key] or key in swept for key in mine)

    def swept(self) -> list[str]:
        """Return the keys that have several values."""
        return [key for key, text in self.space.items() if _is_swept(key, text)]


def _is_swept(key: str, text: str) -> bool:
    try:
        return parsed(f"{key}={text}").is_sweep_override()
    except ConfigError:  # masked, or written by an older version
        return False


def _shown(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return "not set" if value is None else value if isinstance(value, str) else json.dumps(value)


def define(space: Space, settings: Sweep, objective: str | None) -> Definition:
    """Gather what identifies a sweep; how it is run (retries, timeout, n_trials) may change."""
    rules = {
        "zip": [list(keys) for keys in space.zipped],
        "exclude": [dict(combo) for combo in space.excluded],
        "repeats": settings.repeats,
        "folds": settings.folds,
        "objective": objective,
        "direction": settings.direction,
        "sampler": settings.sampler if isinstance(settings.sampler, str) else dict(settings.sampler),
        "pruner": dict(settings.pruner) if isinstance(settings.pruner, Mapping) else settings.pruner,
        "seed of the sampler": settings.seed,
        "order": list(space.keys) if space.depends_on_order else None,
    }
    shown = {key: str(redact_value(key, value)) for key, value in space.describe().items() if key not in HOW}
    return Definition(shown, redact_tree({key: value for key, value in rules.items() if value not in (None, [])}))


def sweep_name(definition: Definition, given: str | None) -> str:
    """Return the given name, or the experiment's with a hash of the keys that are set: other values, same sweep."""
    if given is not None:
        if problem := name_problem(given, parts=False):
            raise ConfigError(f"hydra.sweeper.name: {problem}")
        return short_name(given, MOST_BYTES)
    chosen = (definition.space.get(key) for key in ("experiment", "data"))
    experiment = next((name for name in chosen if name not in (None, "null")), "sine").replace("/", "-")
    known = experiment if experiment.replace("_", "").replace("-", "").isalnum() else "sweep"
    keys = json.dumps([sorted(renamed.first_keys(definition.space)), definition.rules.get("sampler")])
    return f"{short_name(known, MOST_BYTES)}-{hashlib.sha256(keys.encode()).hexdigest()[:6]}"


@dataclass(frozen=True)
class Place:
    """The folder of a sweep, and the definition that was kept there if it was there before."""

    folder: Path
    kept: Definition | None = None
    changes: tuple[str, ...] = ()

    @property
    def resumed(self) -> bool:
        return self.kept is not None

    @property
    def name(self) -> str:
        return self.folder.name

    def check_resume(self, mappings: Iterable[Mapping[str, Any]]) -> None:
        """Raise ConfigError if jobs must go on, and no sweep of theirs was begun."""
        if not self.resumed and any(mapping.get("resume") == "must" for mapping in mappings):
            raise ConfigError(f"resume=must: no sweep of these settings was begun in {self.folder.parent}")


def find_place(definition: Definition, settings: Sweep, folder: str | None = None) -> Place:
    """Return the newest folder whose definition is equal, else the newest of a grid that has grown, else a new one.

    `folder` is `hydra.sweep.dir` if somebody has set it. Raises ConfigError with the differences if a sweep of this
    name has another definition: it needs `--new`.
    """
    chosen = Path(folder).absolute() if folder else None
    root, name = (chosen.parent, chosen.name) if chosen else (Path.cwd() / ROOT, sweep_name(definition, settings.name))
    taken = [folder for folder in _series(root, name) if (folder / FILE).is_file()]
    mine = _as_json(definition)
    known = {} if settings.new else {place: read_definition(place) for place in reversed(taken)}
    for is_it in (lambda kept: not mine.differences(kept), mine.has_grown):
        for place, kept in known.items():
            if is_it(kept):
                return Place(place, kept, tuple(mine.differences(kept)))
    if known:
        lines = mine.differences(known[taken[-1]])
        raise ConfigError(
            f"the sweep {taken[-1]} was started with another definition:\n    "
            + "\n    ".join(lines)
            + "\n  repeat its command to resume it, start a new one beside it with --new, or give this one a name "
            "of its own with hydra.sweeper.name=…"
        )
    return Place(next(folder for folder in _series(root, name, free=True)))


def _series(root: Path, name: str, free: bool = False) -> list[Path]:
    """Return NAME, NAME-2, NAME-3, … as far as they exist, or the first that does not."""
    folders: list[Path] = []
    number = 1
    while True:
        folder = root / (name if number == 1 else f"{name}-{number}")
        if not folder.exists():
            return [folder] if free else folders
        folders.append(folder)
        number += 1


def _as_json(definition: Definition) -> Definition:
    return Definition(**json.loads(json.dumps(asdict(definition))))


def read_definition(folder: Path) -> Definition:
    """Read what a sweep was started with."""
    path = folder / FILE
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["format"] != FORMAT:
            raise ConfigError(f"{path}: format {kept['format']}; this version reads format {FORMAT}")
        return Definition(renamed.current_keys(kept["space"]), _renamed(kept["rules"]))
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ConfigError(f"{path}: is not the definition of a sweep ({error}); start a new sweep with --new") from None


def _renamed(rules: Any) -> Any:
    """Return rules with the keys that they speak of as these are called now."""
    if isinstance(rules, Mapping):
        return renamed.current_keys({key: _renamed(inner) for key, inner in rules.items()})
    if isinstance(rules, list):
        return [_renamed(item) for item in rules]
    return renamed.new_key(rules) if isinstance(rules, str) else rules


def write_definition(folder: Path, definition: Definition, command: str) -> None:
    """Keep the definition: from now on the folder is a sweep."""
    kept = {"format": FORMAT, "command": redact(command), **asdict(definition)}
    write_whole(folder / FILE, json.dumps(kept, indent=1) + "\n")
