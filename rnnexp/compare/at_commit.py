"""Experiments as they were in a commit of git, and which of their values have changed since.

Only YAML is taken from a commit: code, plugins among it, is always that of today.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from rnnexp.compare.difference import Pair, pairs
from rnnexp.config import compose, places
from rnnexp.config.overrides import inspect_overrides
from rnnexp.config.parse import plain_values
from rnnexp.config.text import leaves
from rnnexp.errors import ConfigError, ResourceError

FOLDERS = ("conf", "experiments")
MAX_BYTES = 64 << 20
_TIMEOUT_S = 60


@dataclass(frozen=True)
class Changed:
    """An experiment that has changed: its values then and now, or why one of the two cannot be composed."""

    name: str
    values: Sequence[Pair] = ()
    problem: str = ""


def is_of_commit(text: str) -> bool:
    """Tell `COMMIT:experiments/NAME.yaml` from the name of a run."""
    commit, colon, path = text.partition(":")
    return bool(commit and colon) and path.endswith(places.SUFFIXES)


def read_values(text: str) -> dict[str, Any]:
    """Return the composed values of `COMMIT:experiments/NAME.yaml`, by their dotted keys."""
    commit, _, path = text.partition(":")
    with check_out(commit):
        return compose_values(name_of(Path(path)))


def name_of(path: Path) -> str:
    """Return what chooses an experiment's file: its path below `experiments`."""
    if path.parts[:1] != ("experiments",) or not path.is_file():
        raise ConfigError(f"{path}: there is no such file there; give COMMIT:experiments/NAME.yaml")
    return path.relative_to("experiments").with_suffix("").as_posix()


def list_changed(names: Sequence[str], commit: str) -> tuple[list[Changed], list[str], list[str]]:
    """Return which of the experiments have other values than in a commit, which are new, and which are gone."""
    now = {name: _compose(name) for name in names}
    with check_out(commit) as folder:
        before_names = places.named(folder / "experiments", deep=True) if (folder / "experiments").is_dir() else set()
        own = [name for name in names if name in before_names]
        then = {name: _compose(name) for name in own}
    changed = [found for name in own if (found := _compare(name, then[name], now[name]))]
    mine = places.named(Path("experiments"), deep=True) if Path("experiments").is_dir() else set()
    return changed, [name for name in names if name in mine - before_names], sorted(before_names - mine)


def _compare(name: str, then: Mapping[str, Any] | str, now: Mapping[str, Any] | str) -> Changed | None:
    if isinstance(then, str) or isinstance(now, str):
        if then == now:
            return None
        when, why = ("then", then) if isinstance(then, str) else ("now", now)
        return Changed(name, problem=f"cannot be composed {when}: {why}")
    found = pairs(then, now)
    return Changed(name, found) if found else None


def _compose(name: str) -> dict[str, Any] | str:
    try:
        return compose_values(name)
    except ConfigError as error:
        return error.problems[0].splitlines()[0]


def compose_values(name: str) -> dict[str, Any]:
    """Return the values that an experiment composes to in the working directory, by their dotted keys."""
    values = plain_values(compose.check(inspect_overrides([f"experiment={name}"])))
    return {key: value for key, value in leaves(values) if value != {}}


@contextmanager
def check_out(commit: str) -> Iterator[Path]:
    """Work within a copy of the `conf` and `experiments` of a commit. Raises ConfigError if git does not know it."""
    present = _ask_git("ls-tree", "--name-only", "--end-of-options", commit, *FOLDERS).decode().split()
    if not present:
        raise ConfigError(f"{commit}: has neither {FOLDERS[0]}/ nor {FOLDERS[1]}/ in this folder")
    packed = _ask_git("archive", "--format=tar", "--end-of-options", commit, *present)
    with TemporaryDirectory(prefix="rnnexp-commit-") as folder:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            wanted = [one for one in archive if one.isfile() and one.name.endswith(places.SUFFIXES)]
            if sum(one.size for one in wanted) > MAX_BYTES:
                raise ConfigError(f"{commit}: its YAML files take more than {MAX_BYTES >> 20} MB")
            for one in wanted:  # by hand: Python before 3.11.4 unpacks without looking where to
                _write(Path(folder, one.name), archive.extractfile(one))
        with contextlib.chdir(folder):
            yield Path(folder)


def _write(path: Path, content: IO[bytes] | None) -> None:
    if content and ".." not in path.parts:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.read())


def _ask_git(*words: str) -> bytes:
    try:
        done = subprocess.run(["git", *words], capture_output=True, timeout=_TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise ResourceError("git is not installed: it is needed to see what an experiment was in a commit") from None
    except subprocess.TimeoutExpired:
        raise ResourceError(f"git has not answered for {_TIMEOUT_S} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        what = said[-1].removeprefix("fatal: ") if said else "has failed"
        raise ConfigError(f"git: {what}{_list_branches() if what.startswith('Not a valid object name') else ''}")
    return done.stdout


def _list_branches() -> str:
    """Name the branches that there are."""
    names = _ask_git("for-each-ref", "--format=%(refname:short)", "--count=5", "refs/heads").decode().split()
    return f"; there are the branches {', '.join(names)}" if names else ""
