"""Which runs are meant: one by its id, its beginning, its name or its model, those of a filter, or all that ended."""

from __future__ import annotations

import re
from pathlib import Path

from rnnexp.errors import ConfigError, count, did_you_mean
from rnnexp.run_folder import LOCK
from rnnexp.tracking.liveness import show_dead
from rnnexp.tracking.model_registry import SCHEME, find_address, find_run_id
from rnnexp.tracking.query import TrackedRun, Wanted, read_about, select

LAST = "last"  # names the latest run
KIND = {"rnnexp.kind": "sweep"}
GROUP = "rnnexp.group"  # the tag with the name of a run's experiment
NAMED = 3  # of the latest runs, where none fits


def finished_runs(uri: str | None) -> list[TrackedRun]:
    """Return every finished run of rnnexp in a store, the latest first; a sweep's own run is none."""
    found = select(uri, Wanted(status="FINISHED"))
    return [run for run in found if not run.is_sweep]


def sweeps(uri: str | None) -> list[TrackedRun]:
    """Return the sweeps' own runs, the latest first."""
    return select(uri, Wanted(tags=KIND))


def run(uri: str | None, text: str) -> TrackedRun:
    """Find one run by its id, the only beginning of an id that fits, its name (of several, the latest), its model, its
    folder, or as `last`, the latest that has finished.
    """
    if text == LAST and (latest := _find_latest(uri)):
        return run(uri, latest)
    text = find_run_id(uri, text) if text.startswith(SCHEME) else _read_id(text) or text
    found = show_dead(select(uri, Wanted(run=text))) if text else []
    exact = [one for one in found if text in (one.run_id, one.name)]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if found:
        ids = ", ".join(one.run_id[: len(text) + 4] for one in found)
        raise ConfigError(f"`{text}` is the beginning of {len(found)} runs: {ids}; give more of it")
    names = list(dict.fromkeys(one.name for one in select(uri, Wanted(limit=200, brief=True))))
    if not names:
        raise ConfigError(f"there is no run `{text}`: no runs are tracked here; start with: rnnexp train")
    latest = f"the latest: {', '.join(names[:NAMED])}; `rnnexp runs` lists them"
    hint = _find_in_experiment(uri, text) or _find_registered(uri, text) or did_you_mean(text, names)
    raise ConfigError(f"there is no run `{text}`{hint}\n{latest}")


def _read_id(text: str) -> str | None:
    """Return the id of the run in a folder; None if that is no folder of a run."""
    folder = Path(text)
    if not (text and folder.is_dir() and (folder / LOCK).exists()):
        return None
    if run_id := read_about(folder).get("run_id"):
        return str(run_id)
    raise ConfigError(f"{text}: no store has the run of this folder; with tracking on `rnnexp sync {text}` stores it")


def _find_latest(uri: str | None) -> str | None:
    found = select(uri, Wanted(status="FINISHED", limit=200, brief=True))
    return next((one.run_id for one in found if not one.is_sweep), None)


def _find_in_experiment(uri: str | None, text: str) -> str:
    """Say which runs an experiment of this name has: `name=` of a command names that, not its run."""
    wanted = Wanted(tags={GROUP: text}, status="FINISHED", limit=200, brief=True)
    if not (within := [one for one in select(uri, wanted) if not one.is_sweep]):
        return ""
    return f": that is an experiment, of {count(len(within), 'run')}; its latest has the id {within[0].run_id[:8]}"


def _find_registered(uri: str | None, text: str) -> str:
    """Say how a registered model of this name is addressed."""
    address = find_address(uri, text)
    return f": that is a registered model; give {address}" if address else ""


def is_filter(text: str) -> bool:
    """Tell an expression in MLflow's filter language from the name of a run or sweep."""
    return re.search(r"[=<>]|\s(I?LIKE|IN|IS)\s", text, re.IGNORECASE) is not None
