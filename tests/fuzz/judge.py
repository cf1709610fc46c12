"""What may come of a case: a result, or an error of ours in a sentence; and nothing outside its folder."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest.mock import patch

from rnnexp.failures import FAULT
from rnnexp.tasks import load
from tests.tables.sums import read_and_add_up

from . import overrides
from .overrides import Case

CODES = {0, 1, 2, 3, 4, 5, 6, 7, 10}
LONGEST = 20_000  # characters of an answer
QUICK = ("data.points=60", "trainer.epochs=1", "tracking=off", "tracking.figures=false", "tracking.log_model=false")


class Fault(AssertionError):
    """A case was not answered as it should be."""


def judge(case: Case, folder: Path) -> str:
    """Run a case in this process, in a folder of its own, and return its answer; raises Fault, or what was raised."""
    overrides.written(case, folder)
    with _inside(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code, said = _answered(case)
    return checked(code, said)


def judge_process(case: Case, folder: Path) -> str:
    """Run a case as a person would, in a process of its own, to the end of a tiny training."""
    overrides.written(case, folder)
    words = ("train", *case.words[1:], *QUICK) if case.words[0] == "show" and case.may_run else case.words
    with _inside(folder, writes=True):
        asked = [sys.executable, "-m", "rnnexp", *(word.replace("\0", "") for word in words)]
        done = subprocess.run(asked, capture_output=True, text=True, errors="replace", timeout=120, check=False)
    return checked(done.returncode, done.stdout[-LONGEST:] * (done.returncode != 0) + done.stderr)


def checked(code: int, said: str) -> str:
    """Return an answer in one line; raises Fault for a code, a length or words that no answer of ours has."""
    if code not in CODES or (code and not said.strip()) or len(said) > LONGEST:
        raise Fault(f"exit {code}, {len(said)} characters: {said[-500:]}")
    if "Traceback (most recent call last)" in said or FAULT in said:
        raise Fault(f"exit {code}: {said[-1500:]}")
    return f"exit {code}: {said.strip().splitlines()[-1] if said.strip() else ''}"


def _answered(case: Case) -> tuple[int, str]:
    """Ask the command as far as it goes without training, and return its code and what it says of a mistake."""
    from rnnexp.cli.main import main

    said, shown = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(shown):
        try:
            command, *words = case.words
            own = {"train": _check, "read": _read, "init": _init}
            code = own.get(command, lambda _: main([command, *words]))(words)
        except SystemExit as stop:  # argparse
            code = stop.code if isinstance(stop.code, int) else 1
    return code, said.getvalue()


def _check(words: list[str]) -> int:
    """Do what `train` does before anything is started."""
    from hydra._internal.utils import get_args_parser

    from rnnexp.cli import train
    from rnnexp.errors import RnnexpError

    try:
        args = get_args_parser().parse_args([word for word in words if word not in train.SWEEP_FLAGS])
        (train.check_sweep if train._is_ours(args) else train.check)(args)
    except RnnexpError as error:
        print(f"rnnexp: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _init(words: list[str]) -> int:
    """Write an experiment for a table, then read the table with it."""
    code = quick_init([*words, "--name", "fuzz", "--force"])
    return code or _read(["experiment=fuzz"])


def quick_init(words: list[str]) -> int:
    """Run `init` without what takes longest: the schema is the same each time, and what is written is read later."""
    from rnnexp.cli import init
    from rnnexp.cli.main import main

    _write_schema_once()
    with patch.object(init, "_suggested", lambda name, draft, given: draft):
        return main(["init", *words])


@cache
def _write_schema_once() -> None:
    from rnnexp.config import schema

    schema.experiment_schema = cache(schema.experiment_schema)


def _read(words: list[str]) -> int:
    """Load a table, and add up its lines and rows."""
    from rnnexp.config.compose import compose
    from rnnexp.errors import RnnexpError

    try:
        source = compose(*words).data
        load(source)
        if source.name == "csv":
            read_and_add_up(source)
    except RnnexpError as error:
        print(f"rnnexp: {error}", file=sys.stderr)
        return error.exit_code
    return 0


@contextlib.contextmanager
def _inside(folder: Path, writes: bool = False) -> Iterator[None]:
    """Work in a folder; raise Fault if anything appears beside it, or in it where nothing may be written."""
    before, beside = Path.cwd(), _listed(folder.parent)
    inside = _listed(folder)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
    if _listed(folder.parent) != beside:
        raise Fault(f"written outside: {_listed(folder.parent) - beside}")
    made = _listed(folder) - inside - {"experiments"}
    if made and not writes:
        raise Fault(f"written in any case to: {made}")


def _listed(folder: Path) -> set[str]:
    return set(os.listdir(folder))
