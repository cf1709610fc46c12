"""A finished run trained again: whether it comes to the same numbers, and if not, what is not as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rnnexp import strict
from rnnexp.config.identity import config_hash
from rnnexp.config.parse import parse, plain_values
from rnnexp.config.settings import Experiment
from rnnexp.data.fingerprint import join_digests
from rnnexp.deploy.rescore import RESCORED
from rnnexp.deploy.trained import CONFIG, Asked, ChangedDataError, called, read_experiment
from rnnexp.errors import ConfigError
from rnnexp.redact import MASK
from rnnexp.run_folder import is_held
from rnnexp.runner.record import CODE, FILES, TOGETHER
from rnnexp.runner.unfinished import CHANGED, Origin, make_origin, read_origin
from rnnexp.runner.warm_start import hash_files
from rnnexp.runtime import choose_backend
from rnnexp.runtime.digests import SHOWN, find_changes, hash_code
from rnnexp.runtime.machine import find_version
from rnnexp.tracking import find
from rnnexp.tracking.git import git_state
from rnnexp.tracking.journal import RunJournal, gather_numbers
from rnnexp.tracking.query import artifact, histories, run_folder, with_details

COSTS = ("time/", "system/")  # what a run took, which is another number each time
COMMIT, DIRTY = "mlflow.source.git.commit", "mlflow.source.git.dirty"

Numbers = Mapping[tuple[int, str], float]


@dataclass(frozen=True)
class Original:
    """A run that has come to its end.

    tags:    as it was begun with;  origin: what it was made of, None where its folder is gone
    numbers: all that it has logged, by step (0 for the end) and name, but for what it cost
    """

    called: str
    experiment: Experiment
    tags: Mapping[str, str]
    numbers: Numbers
    folder: Path | None = None
    origin: Origin | None = None

    @property
    def backend(self) -> str:
        return self.tags.get("rnnexp.backend") or choose_backend(self.experiment.backend)[0]

    def repeated(self) -> Experiment:
        """Return its settings, to be trained from the beginning on the backend it was trained on."""
        anew = replace(self.experiment, resume="never")
        is_chosen = choose_backend(anew.backend)[0] == self.backend
        return anew if is_chosen else parse({**plain_values(anew), "backend": self.backend})


@dataclass(frozen=True)
class Conditions:
    """What decides about numbers beside the settings: a line for each thing, and those that are not as they were."""

    told: Mapping[str, str]
    changed: Sequence[str]


@dataclass(frozen=True)
class Verdict:
    """What comparing all numbers has found.

    differing: step, name, value then and value now, the earliest first; a value is None where it was not logged
    """

    compared: int
    differing: Sequence[tuple[int, str, float | None, float | None]] = field(default_factory=tuple)

    @property
    def is_equal(self) -> bool:
        return not self.differing


def find_original(asked: Asked) -> Original:
    """Find a run by its folder, its name or its id; of one whose folder is gone the store is asked.

    Raises ConfigError for a sweep, and for a run that has not come to its end or has logged no numbers.
    """
    from rnnexp.sweeps.lookup import find_folder

    try:
        found = find_folder(asked.text, asked.uri)
    except ConfigError:
        return _check(_of_store(asked))
    if found.is_sweep:
        raise ConfigError(f"{found.name} is a sweep: give one of its runs, by id, name or folder")
    return _check(_of_folder(asked, found.folder))


def _of_folder(asked: Asked, folder: Path) -> Original:
    journal = RunJournal(folder)
    begun = journal.begun
    if begun is None:
        raise ConfigError(f"{folder}: keeps no numbers to compare with (it was trained with tracking=off, or failed)")
    whose = f"run {begun.get('name', folder.name)} ({(journal.stored.run_id or folder.name)[:8]})"
    if journal.ended != "FINISHED":
        told = journal.ended or ("it is running" if is_held(folder) else "it was killed, and `rnnexp resume` goes on")
        raise ConfigError(f"{whose}: has not ended ({told})")
    experiment = read_experiment(asked, strict.read_text(folder, CONFIG, strict.MAX_YAML), whose)
    numbers = _list_numbers(journal)
    tags = [entry["tags"] for entry in journal.list_entries() if entry.get("event") in ("begin", "tags")]
    gathered = {key: value for some in tags for key, value in some.items()}
    return Original(whose, experiment, gathered, numbers, folder, read_origin(folder))


def _of_store(asked: Asked) -> Original:
    run = find.run(asked.uri, asked.text)
    if run.is_sweep:
        raise ConfigError(f"`{run.name}` is a sweep: give one of its runs, by id or name")
    if not run.finished:
        raise ConfigError(f"{called(run)}: has not ended ({run.outcome})")
    text = artifact(asked.uri, run, CONFIG)
    if text is None:
        raise ConfigError(f"{called(run)} has no artifact {CONFIG}: what it was made of is not known")
    whole = with_details(asked.uri, run)
    numbers = {(0, name): value for name, value in whole.metrics.items()}
    for name in run.metrics:
        if found := histories(asked.uri, [run.run_id], name).get(run.run_id):
            del numbers[0, name]
            numbers |= {(step, name): value for step, value in found}
    folder = run_folder(run)
    origin = read_origin(folder) if folder else None
    return Original(called(run), read_experiment(asked, text, called(run), run), run.tags, numbers, folder, origin)


def _check(found: Original) -> Original:
    outcome = found.tags.get("rnnexp.outcome", "ok")
    if outcome != "ok":
        raise ConfigError(f"{found.called}: was {outcome}, and what ended it is not in its settings")
    if masked := [key for key in ("data", "tracking") if MASK in str(plain_values(found.experiment)[key])]:
        raise ConfigError(f"{found.called}: {masked[0]} is kept without its secrets, so it cannot be read again")
    rescored = {name for name in found.tags.get(RESCORED, "").split(", ") if name}
    return replace(found, numbers=choose_compared(found.numbers, rescored))


def choose_compared(numbers: Numbers, left_out: set[str] | frozenset[str] = frozenset()) -> Numbers:
    """Return the numbers that settings, data and code decide about: not what they cost, nor what was computed later."""
    ends = {name.rpartition("/")[2] for name in left_out}

    def is_later(name: str) -> bool:
        return name in left_out or (name.startswith("baseline/") and name.rpartition("/")[2] in ends)

    return {at: value for at, value in numbers.items() if not at[1].startswith(COSTS) and not is_later(at[1])}


def compare_conditions(original: Original) -> Conditions:
    """Compare what a run was made of with what there is. Raises ChangedDataError if its files are others now."""
    experiment, tags = original.repeated(), original.tags
    now, then = make_origin(experiment), original.origin
    files = join_digests(hash_files(experiment))
    changes = find_changes(then.data, now.data) if then else []
    if changes or tags.get(FILES, files) != files:
        listed = "\n  ".join(["", *changes]) if changes else f" (digest {tags[FILES][:8]} then, {files[:8]} now)"
        raise ChangedDataError(f"{original.called}: its data have changed since, so nothing can be compared:{listed}")
    code = _compare_code(original, now)
    told = {
        "config": f"{config_hash(original.experiment)}, seed {experiment.seed}",
        "data": f"the same files, digest {files[:SHOWN]}" if files else "generated, no files",
        "code": code or "the same",
        "versions": _compare_versions(original, now) or "the same",
        "device": tags.get("rnnexp.device", "not known"),
    }
    reasons = [
        f"code: {code}" if code else "",
        told["versions"] if told["versions"] != "the same" else "",
        *_list_limits(original),
    ]
    return Conditions(told, [reason for reason in reasons if reason])


def _compare_versions(original: Original, now: Origin) -> str:
    then = dict(original.origin.versions) if original.origin else {}
    both = [(name, then[name], now.versions.get(name)) for name in sorted(then)]
    if (version := original.tags.get("rnnexp.version")) and (mine := find_version("rnnexp")):
        both.append(("rnnexp", version, mine))
    return ", ".join(f"{name} {before} then, {after} now" for name, before, after in both if before != after)


def _compare_code(original: Original, now: Origin) -> str:
    """Say which code is not as it was, and how git brings it back; empty if all is."""
    then = original.origin
    if then is None:
        known = original.tags.get(CODE)
        mine = hash_code(tuple(original.experiment.plugins), original.backend)
        changes = [f"digest {known} then, {mine} now"] if known and known != mine else []
    else:
        changes = find_changes(then.code, now.code)
    return f"{'; '.join(changes)}{_tell_commit(original)}" if changes else ""


def _tell_commit(original: Original) -> str:
    commit = original.tags.get(COMMIT)
    if not commit:
        return ""
    state = git_state(Path.cwd())
    patch = original.folder / "git.diff" if original.folder else Path("git.diff")
    applied = f" && git apply {patch}" if original.tags.get(DIRTY) == "true" else ""
    here = f", {state.commit[:SHOWN]}{' with changes' if state.diff else ''} now" if state else ""
    return f" (commit {commit[:SHOWN]} then{here}; what it was: git checkout {commit[:SHOWN]}{applied})"


def _list_limits(original: Original) -> list[str]:
    """Say what in the run itself lets the last digits of its numbers differ from a single training."""
    tags, experiment = original.tags, original.experiment
    return [
        text
        for text, holds in (
            ("it was trained together with others of a sweep, where sums are rounded differently",
             tags.get("rnnexp.engine") == TOGETHER),
            ("it was trained on a GPU without deterministic=true",
             tags.get("rnnexp.device") == "gpu" and not experiment.deterministic),
            (f"it was resumed after a change: {tags.get(CHANGED)}", bool(tags.get(CHANGED))),
        )
        if holds
    ]  # fmt: skip


def read_numbers(folder: Path) -> Numbers:
    """Return what the run in a folder has logged, but for what it cost."""
    return choose_compared(_list_numbers(RunJournal(folder)))


def _list_numbers(journal: RunJournal) -> Numbers:
    rows = journal.rows.records()
    return {(row["step"], name): value for row in rows for name, value in gather_numbers(row).items()}


def compare_numbers(then: Numbers, now: Numbers) -> Verdict:
    """Compare every number that a run has logged, to the last bit: first those of epochs, then those of its end."""
    order = sorted(then, key=lambda at: (at[0] == 0, at))
    differing = [(*at, then[at], now.get(at)) for at in order if not _is_same(then[at], now.get(at))]
    return Verdict(len(then), differing)


def _is_same(a: float, b: Any) -> bool:
    return a == b or (a != a and b != b)
