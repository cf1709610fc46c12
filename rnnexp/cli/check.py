"""`rnnexp check [experiments/]`: compose and validate experiments in seconds, made for a git hook."""

from __future__ import annotations

from argparse import Namespace, _SubParsersAction
from collections.abc import Iterator
from pathlib import Path

from rnnexp.config import compose, places, plugins
from rnnexp.config.overrides import inspect_overrides
from rnnexp.config.trust import Untrusted
from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.registry import PluginsNeeded
from rnnexp.sweeps.request import check_values, read_request


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("check")
    parser.add_argument("paths", nargs="*", type=Path, help="files, folders or names; default: ./experiments")
    parser.add_argument(
        "--against",
        metavar="COMMIT",
        help="say which of them compose to other values than in a commit of git (main, HEAD~3), and which values",
    )


def run(args: Namespace) -> int:
    """Return 0 unless an experiment has mistakes, else 2, after naming every mistake of each."""
    verdicts = {name: _verdict(name) for name in _names(args.paths)}
    failures = {name: verdict for name, verdict in verdicts.items() if verdict and isinstance(verdict, list)}
    unchecked = {name: verdict for name, verdict in verdicts.items() if isinstance(verdict, PluginsNeeded)}
    for name, problems in failures.items():
        print(f"{name}:")
        print("\n".join(f"  {problem}" for problem in problems))
    for name, needed in unchecked.items():
        print(f"{name}: not checked: needs plugins ({needed})")
    valid = f"{len(verdicts) - len(failures) - len(unchecked)} of {len(verdicts)} experiments are valid"
    print(f"{valid}, {len(unchecked)} not checked" if unchecked else valid)
    if args.against:
        print(
            "\n".join(_tell_changed([name for name in verdicts if name not in {*failures, *unchecked}], args.against))
        )
    return 2 if failures else 0


def _tell_changed(names: list[str], commit: str) -> Iterator[str]:
    from rnnexp.compare.at_commit import list_changed
    from rnnexp.compare.difference import cells
    from rnnexp.compare.table import aligned

    changed, new, gone = list_changed(names, commit)
    for one in changed:
        yield f"\n{one.name}: has changed since {commit}"
        if one.problem:
            yield f"  {one.problem}"
        else:
            table = aligned([["key", "then", "now"], *(row[:3] for row in cells(list(one.values), change=False))])
            yield from (f"  {line}" for line in table.splitlines())
    yield from (f"\n{name}: is new since {commit}" for name in new)
    yield from (f"\n{name}: was there in {commit}" for name in gone)
    yield f"\n{len(changed)} of {len(names) - len(new)} experiments compose to other values than in {commit}"


def _names(paths: list[Path]) -> list[str]:
    if not paths:
        own = Path("experiments")
        return _found(own) if own.is_dir() else sorted(places.listed("experiment"))
    return list(dict.fromkeys(name for path in paths for name in _found(path)))


def _found(path: Path) -> list[str]:
    """Return the experiment of a file or a name, or those of a folder and its sub-folders."""
    if path.is_dir():
        return [_name(path / file) for file in places.files(path, deep=True)]
    named = Path("experiments") / f"{str(path).removeprefix('experiment=')}.yaml"
    if not path.is_file() and not named.is_file():
        raise ConfigError(f"{path}: there is no such experiment file{did_you_mean(named.stem, _names([]))}")
    return [_name(path if path.is_file() else named)]


def _name(file: Path) -> str:
    ways = (file.parent.resolve() / file.name, file.resolve())  # a link that lies there has its own name
    folders = places.folders("experiments")
    inside = [way.relative_to(folder) for way in ways for folder in folders if way.is_relative_to(folder)]
    name = inside[0].with_suffix("").as_posix() if inside else file.stem
    if inside and places.obstacle(f"experiment/{name}"):
        return name  # its check tells the obstacle
    try:
        known = places.find(f"experiment/{name}")
    except ConfigError:  # of two files with one name, which its check will tell
        return name
    if known is None or not known.samefile(file):
        shown = f"; `experiment={name}` means {known}" if known else ""
        raise ConfigError(f"{file}: does not lie in a folder `experiments` of the working directory{shown}")
    return name


def _verdict(name: str) -> list[str] | PluginsNeeded:
    """Return what is wrong with an experiment, or which plugins must be allowed before that can be said."""
    lines = [f"experiment={name}"]
    try:
        plugins.load_plugins(lines)
        compose.check(inspect_overrides(lines))
        with compose.hydra_state():
            check_values(read_request(inspect_overrides(lines, sweep=True)))
    except PluginsNeeded as needed:
        return _forbidden(lines) or needed
    except ConfigError as error:
        return error.problems
    return []


def _forbidden(lines: list[str]) -> list[str]:
    """Return what an experiment may not say to Hydra, which can be seen without its plugins."""
    try:
        compose.compose_mapping(lines)
    except ConfigError as error:  # any other may be an option that a plugin would have registered
        return error.problems if isinstance(error, Untrusted) else []
    return []
