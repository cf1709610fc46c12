"""Is a valid table read as what it says? Asked of `rnnexp init` and of the experiment that it writes."""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from rnnexp.failures import FAULT
from tests.fuzz.judge import quick_init
from tests.tables import cases
from tests.tables.advice import as_setting, options
from tests.tables.cases import Case
from tests.tables.expected import Unread, expected
from tests.tables.sums import Lost, read_and_add_up

MOST = 30  # readings of one table that are tried
EQUAL, ASKED, NEEDLESS, ADVISED, REFUSED, WRONG = "equal", "asked", "asked needlessly", "advised", "refused", "wrong"
# What a question may be about where a table has a reason for it: the settings that answer it.
ASKS: dict[str, tuple[str, ...]] = {
    "rows": ("missing", "gaps", "duplicates", "unsorted", "ahead"),
    "century": ("time_format", "pivot_year"),
    "day or month first": ("time_format", "day_first", "dayfirst"),
    "a clock or seconds": ("time_format",),
    "what it counts": ("time_format", "time"),
    "zone": ("time_zone",),
    "thousands or decimals": ("thousands", "decimal"),
    "header": ("header", "skip_lines", "skip_rows"),
    "sentinel": ("na", "missing"),
}


# A mark for missing cells, and lines that are no rows, come along with every reading.
ALONG = {"na", "skip_lines", "skip_rows", "skip_footer", "comment"}


class Verdict(NamedTuple):
    """What came of a case: one of the words above, and what was said."""

    outcome: str
    said: str


class State(NamedTuple):
    """What has been added to `init` so far, and to the settings that it writes."""

    words: tuple[str, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()


class Answer(NamedTuple):
    """Settings that read a table, or what was said instead."""

    said: str
    settings: dict[str, Any] | None = None


def judged(seed: int, number: int, folder: Path) -> str:
    """Judge the case of a number, and answer in a line of JSON."""
    return json.dumps(judge(cases.case(seed, number), folder))


def judge(case: Case, folder: Path) -> Verdict:
    """Read a table as a person would who does what is said."""
    (folder / case.name).write_bytes(case.bytes)
    with inside(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, verdict = _tried(case, State(case.words))
        if verdict is not None:
            return verdict
        for state, answer in _followed(case, first):
            if answer.settings is not None and _difference(case, answer.settings) is None:
                return Verdict(_kind(case, state, first.said), first.said)
    return Verdict(REFUSED, first.said)


def _kind(case: Case, state: State, said: str) -> str:
    """Tell a question, for which there is a reason or none, from a refusal whose advice works."""
    answered = {key for key, _ in state.settings} | set(_flags(state.words)) - set(_flags(case.words))
    allowed = {key for ask in case.asks for key in ASKS[ask]}
    if allowed and answered <= allowed | ALONG:
        return ASKED
    return ADVISED if len(options(said)) < 2 else NEEDLESS


def _tried(case: Case, state: State) -> tuple[Answer, Verdict | None]:
    """Ask for the first time: what is read now was read in silence."""
    answer = _asked(case, state)
    if answer.settings is None:
        return answer, None
    difference = _difference(case, answer.settings)
    return answer, Verdict(WRONG, f"{difference}\n{answer.said}") if difference else Verdict(EQUAL, answer.said)


def _followed(case: Case, first: Answer) -> Iterator[tuple[State, Answer]]:
    """Follow every advice as far as it leads, one after the other."""
    waiting = _next(State(case.words), first.said)[::-1]
    for _ in range(MOST):
        if not waiting:
            return
        state = waiting.pop()
        answer = _asked(case, state)
        yield state, answer
        if answer.settings is None:
            waiting += _next(state, answer.said)[::-1]


def _next(state: State, said: str) -> list[State]:
    """Add to a command what is advised, but for keys that have been answered."""
    known = {key for key, _ in state.settings} | {
        word.removeprefix("--") for word in state.words if word.startswith("--")
    }
    found = []
    for words in options(said):
        settings = tuple(as_setting(word) for word in words if word.startswith("data."))
        flags = tuple(word for word in words if not word.startswith("data."))
        if not known & {*(key for key, _ in settings), *_flags(flags)}:
            found.append(State((*state.words, *flags), (*state.settings, *settings)))
    return found


def _flags(words: tuple[str, ...]) -> list[str]:
    return [word.removeprefix("--").partition("=")[0].replace("-", "_") for word in words if word.startswith("--")]


def _asked(case: Case, state: State) -> Answer:
    """Run `init`, then read with what it has written; what it refuses, by hand."""
    code, said = run_init(case.name, state.words)
    if FAULT in said:
        raise AssertionError(said)
    if code == 0:
        written = _written()
        data = dict(written["data"]) | dict(state.settings)
        if {"override /data": "csv"} not in written["defaults"]:
            return Answer(said, {"source": written["defaults"]})
    elif state.settings:
        data = {"path": case.name, **case.named, **dict(state.settings)}
    else:
        return Answer(said)
    return _read(data, said)


def _read(data: dict[str, Any], said: str) -> Answer:
    from rnnexp.errors import RnnexpError

    try:
        _source(data).read()
    except RnnexpError as error:
        return Answer(str(error))
    return Answer(said, data)


def _source(data: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    from rnnexp.data.sources.csv import csv
    from rnnexp.errors import ConfigError

    try:
        source = csv(**data)
    except ValidationError as error:
        raise ConfigError(str(error)) from None
    if mistakes := source.check():
        raise ConfigError("; ".join(mistakes))
    return source


def _difference(case: Case, settings: dict[str, Any]) -> str | None:
    """Say in which way what was read is not what the table says; None if it is."""
    if "source" in settings:
        return f"read by another source: {settings['source']}"
    try:
        read = read_and_add_up(_source(settings))
        wanted = expected(case, settings, read.columns)
    except (Unread, Lost) as wrong:
        return str(wrong)
    if settings.get("time") is None:
        return "dates are not read"
    ids = [label for label, _, _ in wanted]
    if len(ids) > 1 and list(read.ids) != ids:
        return f"series are {listed(read.ids)}, not {listed(ids)}"
    if len(ids) == 1 and len(read.ids) > 1:
        return f"{len(read.ids)} series, of one"
    for place, (label, time, values) in enumerate(wanted):
        rows = slice(read.offsets[place], read.offsets[place + 1])
        if said := _unlike(read.time[rows], time, read.values[rows], values):
            return f"series {label or '1'}: {said}"
    return None


def _unlike(time: np.ndarray, wanted_time: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> str:
    if len(values) != len(wanted):
        return f"{len(values)} rows, not {len(wanted)}"
    if (wrong := np.flatnonzero(time != wanted_time)).size:
        return f"row {wrong[0]} is of {str(time[wrong[0]])[:19]}, not of {str(wanted_time[wrong[0]])[:19]}"
    if (wrong := np.flatnonzero((values != wanted).any(axis=1))).size:
        return f"row {wrong[0]} is {values[wrong[0]]}, not {wanted[wrong[0]]}"
    return ""


def listed(names: Any) -> str:
    return ", ".join(map(str, list(names)[:4])) + (", ..." if len(names) > 4 else "")


def run_init(file: str, words: tuple[str, ...]) -> tuple[int, str]:
    """Write the experiment `case` for a file of the working directory; return the exit code and all that is said."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            code = quick_init([file, "--name", "case", "--force", *words])
        except SystemExit as stop:  # argparse
            code = stop.code if isinstance(stop.code, int) else 1
    return code, said.getvalue()


def _written() -> dict[str, Any]:
    return dict(yaml.safe_load(Path("experiments/case.yaml").read_text(encoding="utf-8")))


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
