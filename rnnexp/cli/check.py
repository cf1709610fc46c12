"""`rnnexp check [experiments/]`: compose and validate experiments in seconds, made for a git hook."""

from __future__ import annotations

from argparse import Namespace, _SubParsersAction
from pathlib import Path

from rnnexp.config import compose, places
from rnnexp.config.overrides import inspect_overrides
from rnnexp.errors import ConfigError
from rnnexp.sweeps.check import sweep_problems


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("check", help="compose and validate every experiment")
    parser.add_argument("paths", nargs="*", type=Path, help="files or folders; default: every experiment found")


def run(args: Namespace) -> int:
    """Return 0 when every experiment is valid, else 2, after naming every mistake of each."""
    names = _names(args.paths)
    failures = {name: problems for name in names if (problems := _problems(name))}
    for name, problems in failures.items():
        print(f"{name}:")
        print("\n".join(f"  {problem}" for problem in problems))
    print(f"{len(names) - len(failures)} of {len(names)} experiments are valid")
    return 2 if failures else 0


def _names(paths: list[Path]) -> list[str]:
    if not paths:
        return sorted(places.listed("experiment"))
    files = [file for path in paths for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]
    return [_name(file) for file in files]


def _name(file: Path) -> str:
    known = places.find(f"experiment/{file.stem}")
    if not file.is_file():
        raise ConfigError(f"{file}: there is no such experiment file")
    if known is None or known.resolve() != file.resolve():
        shown = f"; `experiment={file.stem}` means {known}" if known else ""
        raise ConfigError(f"{file}: does not lie in a folder `experiments` of the working directory{shown}")
    return file.stem


def _problems(name: str) -> list[str]:
    lines = [f"experiment={name}"]
    try:
        compose.load_plugins(lines)
        _, sweeper = compose.checked(inspect_overrides(lines))
    except ConfigError as error:
        return error.problems
    return sweep_problems(name, sweeper)
