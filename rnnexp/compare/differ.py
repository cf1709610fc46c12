"""Which parameters tell runs apart: repetitions and what does not change the numbers are left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from rnnexp.config.text import typed
from rnnexp.tracking.query import TrackedRun

# Runs that differ in these alone repeat one setting.
REPEATS = ("seed", "data.seed", "data.fold")
# These change what a run costs or is called, not its numbers (but for rounding), as does all of `tracking`. Runs that
# differ in them are repetitions, too, which is said; a sweep that varies one of them still shows it.
INCIDENTAL = (
    *("name", "threads", "device", "deterministic", "resume", "data.root"),
    *("trainer.checkpoint_every_s", "trainer.devices", "trainer.print_every", "trainer.steps_per_execution"),
)
BACKEND = "backend"


def setting(run: TrackedRun, varied: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a run's numbers follow from, seeds and folds left out, as typed values."""
    params = {
        key: typed(value)
        for key, value in run.params.items()
        if key not in REPEATS and (key in varied or not _incidental(key))
    }
    # The parameter is not logged where the backend is the default of the machine; the tag always is.
    return params | ({BACKEND: run.tags["rnnexp.backend"]} if "rnnexp.backend" in run.tags else {})


def _incidental(key: str) -> bool:
    return key in INCIDENTAL or key.startswith("tracking.")


def incidental(run: TrackedRun, varied: Sequence[str] = ()) -> dict[str, str]:
    """Return what a run is described by beside its setting and its repetition."""
    return {key: value for key, value in run.params.items() if _incidental(key) and key not in varied}


def repetition(run: TrackedRun) -> tuple[Any, ...]:
    """Return which repetition a run is: runs of two settings with the same seeds and fold are a pair."""
    return tuple(typed(run.params[key]) if key in run.params else None for key in REPEATS)


def frozen(values: Mapping[str, Any]) -> Hashable:
    """Return something hashable that is equal for equal settings; 1 and true are told apart."""
    return tuple(sorted((key, repr(value)) for key, value in values.items()))


def columns(settings: Sequence[Mapping[str, Any]], varied: Sequence[str]) -> list[str]:
    """Choose the parameters to show: those a sweep has varied, or else all that differ and say something new."""
    keys = dict.fromkeys(key for one in settings for key in one)
    differing = [key for key in keys if len({repr(one.get(key)) for one in settings}) > 1]
    wanted = [key for name in varied for key in (name, f"{name}.name") if key in differing]
    if len(settings) == 1:  # the others of the sweep have left no run
        return [key for name in varied for key in (name, f"{name}.name") if key in settings[0]]
    chosen = wanted if varied else [key for key in differing if not _follows(key, settings, differing)]
    for key in differing:  # two options of one group may share their name
        if _told_apart(settings, [*chosen, key]) > _told_apart(settings, chosen):
            chosen.append(key)
    return chosen


def _told_apart(settings: Sequence[Mapping[str, Any]], chosen: Sequence[str]) -> int:
    return len({frozen({key: one.get(key) for key in chosen}) for one in settings})


def _follows(key: str, settings: Sequence[Mapping[str, Any]], differing: Sequence[str]) -> bool:
    """Tell what only comes with a choice: `momentum` differs because `sgd` has it and `adam` has not."""
    name = f"{key.rpartition('.')[0]}.name"
    if name == key or name not in differing:
        return False
    found: dict[str, set[str]] = defaultdict(set)
    for one in settings:
        found[repr(one.get(name))].add(repr(one.get(key)))
    values = set[str]().union(*found.values()) - {repr(None)}
    return len(values) == 1 and all(len(each) == 1 for each in found.values())
