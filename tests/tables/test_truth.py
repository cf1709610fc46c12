"""Some of the valid tables of `python -m tests.tables`, and proof that a wrong reading of one would be seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.tables.advice import as_setting, options
from tests.tables.cases import Case, case
from tests.tables.judge import judge
from tests.tables.report import Judged, report

SEED, SOME = 7, 100


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[Judged]:
    """Judge the first tables of a seed."""
    found = []
    for number in range(SOME):
        made = case(SEED, number)
        found.append(Judged(number, *judge(made, tmp_path_factory.mktemp("case")), made.kinds, made.asks))
    return found


@pytest.mark.end_to_end
def test_no_table_is_read_as_what_it_does_not_say(judged: list[Judged]) -> None:
    assert not [one for one in judged if one.outcome == "wrong"], report(judged, SEED)


@pytest.mark.end_to_end
def test_98_of_100_tables_are_read_as_what_they_say(judged: list[Judged]) -> None:
    counts = Counter(one.outcome for one in judged)
    assert counts["equal"] + counts["asked"] >= 0.98 * SOME, report(judged, SEED)


def plain(**changes: object) -> Case:
    """Return the first case with nothing unusual about its rows that is read at once."""
    found = next(one for one in (case(SEED, number) for number in range(SOME)) if not one.kinds)
    return replace(found, **changes)


def test_a_plain_table_is_read(tmp_path: Path) -> None:
    assert judge(plain(), tmp_path).outcome == "equal"


def test_a_number_that_differs_in_its_last_digit_is_seen(tmp_path: Path) -> None:
    said = plain().content
    target = said.columns[0]
    units = (*target.units[:9], (target.units[9] or 0) + 1, *target.units[10:])
    other = replace(said, columns=(replace(target, units=units), *said.columns[1:]))
    assert judge(plain(content=other), tmp_path).outcome == "wrong"


def test_a_date_that_differs_by_a_second_is_seen(tmp_path: Path) -> None:
    said = plain().content
    assert said.time is not None
    moved = said.time + np.where(np.arange(len(said)) == 9, np.timedelta64(1, "s"), np.timedelta64(0, "s"))
    assert judge(plain(content=replace(said, time=moved)), tmp_path).outcome == "wrong"


def test_a_row_too_many_is_seen(tmp_path: Path) -> None:
    said = plain().content
    fewer = said.take(list(range(len(said) - 1)))
    assert judge(plain(content=fewer), tmp_path).outcome == "wrong"


def test_a_case_is_the_same_again_and_differs_from_the_next() -> None:
    assert case(0, 5).bytes == case(0, 5).bytes != case(0, 6).bytes


def test_a_date_of_words_without_a_number_is_a_missing_cell_and_no_remark(tmp_path: Path) -> None:
    made = case(5, 268)
    assert "missing empty" in made.kinds
    assert judge(made, tmp_path).outcome == "equal"


def test_every_kind_is_made() -> None:
    kinds = Counter(kind for number in range(600) for kind in case(0, number).kinds)
    for word in ("title", "units", "sep=", "totals", "gbk", "big5", "shift_jis", "UTF-16", "BOM", "CRLF", "gzip"):
        assert any(kind.startswith(word) for kind in kinds), word
    for word in ("brackets", "percent", "U+2212", "thousands U+202F", "Excel", "24:00", "week", "quarter", "Parquet"):
        assert any(kind.startswith(word) for kind in kinds), word


@pytest.mark.parametrize(
    ("said", "readings"),
    [
        ("Read it with 'data.thousands=\",\"' data.decimal=. (1,144)", [('data.thousands=","', "data.decimal=.")]),
        ("`data.x=1` is wrong", []),
        ("\n  --na n.a.  1 cell\nSay which", [("--na", "n.a.")]),
        ('\n  --decimal , --thousands .  "1.144" is 1144\n', [("--decimal", ",", "--thousands", ".")]),
        ("data.missing=drop, or data.missing=ffill", [("data.missing=drop",), ("data.missing=ffill",)]),
        (
            "\n  --time-format '%d/%m/%Y'  (1 February)\n  --gaps=ffill\n",
            [("--time-format", "%d/%m/%Y"), ("--gaps=ffill",)],
        ),
    ],
)
def test_advice_is_read_as_it_is_printed(said: str, readings: list[tuple[str, ...]]) -> None:
    assert options(said) == readings


def test_a_word_of_a_command_is_a_setting() -> None:
    assert as_setting('data.na=["-200","x"]') == ("na", ["-200", "x"])
    assert as_setting('data.time_format="%d/%m/%Y"') == ("time_format", "%d/%m/%Y")
    assert as_setting("data.skip_lines=2") == ("skip_lines", 2)
