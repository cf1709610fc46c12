"""`rnnexp clean`: make room below ./runs, after a look at what would go."""

from __future__ import annotations

import json
import os
import re
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnexp.cli import given_run
from rnnexp.cli.questions import is_interactive
from rnnexp.errors import ConfigError, ResourceError

if TYPE_CHECKING:
    from rnnexp.deploy.clean import Cleaner, Removable, Spared

ALL = "all"
_SPANS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_AGE = re.compile(r"(?:\d+(?:\.\d+)?[wdhms])+")


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "clean",
        description="List what may be removed below ./runs, with its size and why, and remove it once you say so. Only "
        "files that we have written are removed, and whole folders of them; runs that still run, that the "
        "tracking store does not hold completely, or that hold files of others are listed and not removed. No link is "
        "followed. Without --failed, --checkpoints or --trash all three are meant.",
        epilog="examples: rnnexp clean --dry-run   rnnexp clean --checkpoints --older-than 30d --yes",
    )
    parser.add_argument(
        "run", nargs="?", default=ALL, metavar="RUN | SWEEP | all", help=f"{given_run.PLACE}; default: all of ./runs"
    )
    parser.add_argument(
        "--failed",
        action="store_true",
        help="runs that failed, or ended before they had a checkpoint; in the store they go to MLflow's trash",
    )
    parser.add_argument(
        "--checkpoints",
        action="store_true",
        help="of finished runs all but the best weights, of others all but the newest, from which they are resumed",
    )
    parser.add_argument(
        "--trash",
        action="store_true",
        help="folders of runs that were deleted in MLflow, what runs set aside, and what killed processes left",
    )
    parser.add_argument(
        "--older-than", default="0s", metavar="AGE", help="what was written later stays: 30d, 2w, 1d12h"
    )
    given = parser.add_mutually_exclusive_group()
    given.add_argument("-n", "--dry-run", action="store_true", help="list, and remove nothing")
    given.add_argument("-y", "--yes", action="store_true", help="remove what is listed without asking")
    given_run.add_store(parser, "print JSON: each file or folder, its size, why, and whether it was removed")


def read_age(text: str) -> float:
    """Read a time as `mlflow gc` does, in seconds."""
    if not _AGE.fullmatch(text):
        raise ConfigError(f"--older-than: `{text}` is no age; give numbers with w, d, h, m or s: 30d, 2w, 1d12h")
    return sum(float(number) * _SPANS[unit] for number, unit in re.findall(r"([\d.]+)([wdhms])", text))


def run(args: Namespace) -> int:
    """List, ask, remove; exit code 2 where nobody can be asked, 6 if something could not be removed."""
    from rnnexp.deploy.clean import KINDS, Removable, make_cleaner
    from rnnexp.tracking.sync import RUNS

    kinds = [kind for kind in KINDS if getattr(args, kind)] or KINDS
    cleaner = make_cleaner(Path(RUNS).absolute(), kinds, args.uri, read_age(args.older_than))
    found = list(cleaner.find(_choose_folder(args, cleaner.root)))
    may_go = [one for one in found if isinstance(one, Removable)]
    if not args.json:
        print(_write_listing(cleaner, found))
    is_meant = bool(may_go) and not args.dry_run and (args.yes or _is_wanted(args, may_go))
    kept = {one.path: cleaner.remove(one) for one in may_go} if is_meant else {}
    if args.json:
        print(json.dumps([_describe(one, kept) for one in found], indent=2))
    elif is_meant:
        freed = [one for one in may_go if not kept[one.path]]
        print(f"removed {_sum_up(freed)}")
    if problems := [f"{os.path.relpath(path)}: {why}" for path, why in kept.items() if why]:
        raise ResourceError("what follows was not removed:\n  " + "\n  ".join(problems))
    return 0


def _choose_folder(args: Namespace, root: Path) -> Path:
    if args.run == ALL:
        return root
    from rnnexp.sweeps.lookup import find_folder

    folder = Path(os.path.abspath(find_folder(args.run, args.uri).folder))
    above = [folder, *folder.parents]
    if root not in above or any(each.is_symlink() for each in above[: above.index(root)]):
        raise ConfigError(f"{folder}: does not lie in ./{root.name}, or a link leads there; nothing else is cleaned")
    return folder


def _is_wanted(args: Namespace, may_go: Sequence[Removable]) -> bool:
    if args.json or not is_interactive():
        raise ConfigError(
            "nothing was removed: there is no terminal to ask for confirmation; add --yes to remove what is listed"
        )
    try:
        return input(f"Remove {_sum_up(may_go)}? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _write_listing(cleaner: Cleaner, found: Sequence[Removable | Spared]) -> str:
    """Write what would go and what is left alone, one a line."""
    from rnnexp.compare.table import aligned
    from rnnexp.deploy.clean import Removable
    from rnnexp.disk import describe_size

    may_go = [one for one in found if isinstance(one, Removable)]
    rows = [(one.category, describe_size(one.tree.size), os.path.relpath(one.path), one.explain()) for one in may_go]
    lines = [aligned([("kind", "size", "path", "why"), *rows])] if rows else ["there is nothing to remove"]
    lines += [f"not removed: {os.path.relpath(one.path)}: {one.why}" for one in found if not isinstance(one, Removable)]
    if rows:
        lines.append(f"together: {_sum_up(may_go)}")
    if "trash" in cleaner.kinds and (deleted := sum(cleaner.stored.values())):
        lines.append(f"MLflow's own trash holds {deleted} of our runs; it is emptied by: {cleaner.write_gc()}")
    return "\n".join(lines)


def _sum_up(some: Sequence[Removable]) -> str:
    from rnnexp.disk import describe_size

    counts = [
        f"{number} of {kind}" for kind in ("failed", "checkpoints", "trash")
        if (number := sum(one.category == kind for one in some))
    ]  # fmt: skip
    return f"{', '.join(counts) or 'nothing'} ({describe_size(sum(one.tree.size for one in some))})"


def _describe(one: Removable | Spared, kept: dict[Path, str]) -> dict[str, object]:
    from rnnexp.deploy.clean import Removable

    if not isinstance(one, Removable):
        return {"path": str(one.path), "kind": None, "bytes": 0, "why": one.why, "removed": False}
    about = {"path": str(one.path), "kind": one.category, "bytes": one.tree.size, "why": one.explain()}
    return {**about, "removed": kept.get(one.path) == ""}
