"""Numbers as people write them: read as they are meant, or refused with each reading; never another number."""

from __future__ import annotations

import csv as files
import itertools
import random
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.config.compose import compose
from rnnexp.data.inspect import inspect
from rnnexp.data.inspect.finding import Undecided
from rnnexp.data.sources.csv import csv
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.numbers import Flaws, parse
from rnnexp.data.tables.readings import Survey
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.errors import DataError

NUMBERS = [1234567.25, 0.5, 12.75, -1234.5, 999.25, 0.0, -0.25, 98765.0]
MARKS = [(".", ""), (",", ""), (".", ","), (",", "."), (".", "'"), (",", "'"), (".", " "), (",", " ")]
MARKS += [(",", "\xa0"), (",", "\u202f"), (".", "\u2009"), (".", "\u2019")]
SOME = [MARKS[0], MARKS[2], MARKS[3], MARKS[8]]
SIGNS = ["-{}", "\u2212{}", "\u2010{}", "\u2013{}", "- {}", "{}-", "({})", "\uff0d{}"]
UNITS = ["{}", "${}", "$ {}", "{} €", "{}\xa0€", "EUR {}", "{} CHF", "US${}", "£{}", "{} kr", "₹{}", "{}%", "{} %"]
UNITS += ["{}\xa0%", "R$ {}", "{} zł", "\u200e{}", "￥{}"]


def write(
    number: float, marks: tuple[str, str] = (".", ""), decimals: int = 2, sign: str = "-{}", unit: str = "{}"
) -> str:
    """Write a number as a person would."""
    digits = f"{abs(number):,.{decimals}f}".translate(str.maketrans({",": "G", ".": "D"}))
    cell = unit.format(digits.replace("G", marks[1]).replace("D", marks[0]))
    return sign.format(cell) if number < 0 else cell


def read(cells: Sequence[str], *columns: Sequence[str], **settings: Any) -> Any:
    """Read columns of cells, the first of which is called y."""
    rows = list(zip(map(str, range(len(cells))), cells, *columns))
    names = ["row", "y", *"abcdefg"[: len(columns)]]
    with Path("d.csv").open("w", encoding="utf-8", newline="") as stream:
        files.writer(stream, quoting=files.QUOTE_ALL).writerows([names, *rows])
    return csv(**{"path": "d.csv", "target": "y", "features": names[2:], **settings}).read()


def values(cells: Sequence[str], **settings: Any) -> list[float]:
    return list(read(cells, **settings).values[:, 0])


def settled(cells: Sequence[str]) -> list[float]:
    """Read cells as they are, or with the only settings that are advised."""
    try:
        return values(cells)
    except Refused as refused:
        (remedy,) = refused.remedies
        return values(cells, **remedy.settings)


@pytest.mark.parametrize("marks", MARKS)
def test_marks_are_found(marks: tuple[str, str]) -> None:
    assert settled([write(number, marks) for number in NUMBERS]) == NUMBERS


@pytest.mark.parametrize(("sign", "marks"), [*itertools.product(SIGNS, SOME)])
def test_signs_are_read(sign: str, marks: tuple[str, str]) -> None:
    assert settled([write(number, marks, sign=sign) for number in NUMBERS]) == NUMBERS


@pytest.mark.parametrize(("unit", "marks"), [*itertools.product(UNITS, SOME)])
def test_what_stands_beside_a_number_is_taken_off(unit: str, marks: tuple[str, str]) -> None:
    for sign in ("-{}", "({})"):
        assert settled([write(number, marks, sign=sign, unit=unit) for number in NUMBERS]) == NUMBERS


@pytest.mark.parametrize("decimals", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("marks", MARKS[2:])
def test_decimals_do_not_matter_where_thousands_are_marked_twice(marks: tuple[str, str], decimals: int) -> None:
    numbers = [round(number, decimals) for number in (1234567.8901, 1234.5678, 7.4321)]
    assert settled([write(number, marks, decimals) for number in numbers]) == numbers


OTHERS = {
    "Indian groups": (["12,34,567", "1,23,45,678.5", "1,144"], [1234567, 12345678.5, 1144]),
    "exponents": (["1,5E+03", "2,25e-2", "-1,0E0"], [1500, 0.0225, -1]),
    "text cells of Excel": (["'12", "'-3.5", "'(4)"], [12, -3.5, -4]),
    "full width": (["１２", "－３．５", "+１"], [12, -3.5, 1]),
    "price in Sweden": (["5:-", "12:-"], [5, 12]),
    "price in Switzerland": (["Fr. 1'005.-", "CHF 12.–", "SFr. 7.50"][:1], [1005]),
    "price in euros": (["5,- €", "12,— €", "7,50 €"], [5, 12, 7.5]),
    "a sign of plus": (["+5", "+ 6", "$+7"], [5, 6, 7]),
    "a sign behind the currency": (["$-5", "-$6", "€ -7"][:2], [-5, -6]),
    "currency in the first row only": (["$5", "6", "7"], [5, 6, 7]),
    "percent and a zero": (["5%", "0", "7%"], [5, 0, 7]),
    "one sign of a currency and its code": (["5 €", "6 EUR"], [5, 6]),
    "a currency with and without a stop": (["5 kr", "6 kr."], [5, 6]),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_ways_to_write_numbers_are_read(case: str) -> None:
    cells, numbers = OTHERS[case]
    assert settled(cells) == numbers


def test_what_was_taken_off_is_told_once_per_column() -> None:
    series = read(["$5", "$6", "(7)", "\u22128"], ["1 %", "2%", "3%", "0"], ["1", "2", "3", "4"])
    assert series.notes == (
        'column "y": "$" taken off 2 cells; brackets read as a minus in 1 cell; U+2212 read as minus in 1 cell',
        'column "a": "%" taken off 3 cells: 12 % is 12, not 0.12',
    )
    assert read(["5", "6"], ["-1", "+2"]).notes == ()


AMBIGUOUS = {
    "a comma": (["1,144", "1,100"], {1.144: {"decimal": ","}, 1144: {"thousands": ","}}),
    "a comma and whole numbers": (["1,144", "12", "7"], {1.144: {"decimal": ","}, 1144: {"thousands": ","}}),
    "a comma and a currency": (["$1,144", "$2,000"], {1.144: {"decimal": ","}, 1144: {"thousands": ","}}),
    "a comma and a mark": (
        ["1,144", "-", "2,000"],
        {1.144: {"decimal": ",", "na": ["-"]}, 1144: {"thousands": ",", "na": ["-"]}},
    ),
    "a point and a currency": (
        ["€ 1.144", "€ 2.000"],
        {1.144: {"thousands": ","}, 1144: {"decimal": ",", "thousands": "."}},
    ),
    "a point, percent and a mark": (
        ["1.144 %", "2.000 %", "-"],
        {1.144: {"thousands": ",", "na": ["-"]}, 1144: {"decimal": ",", "thousands": ".", "na": ["-"]}},
    ),
}


def test_a_point_in_plain_cells_is_read_as_ever() -> None:
    assert values(["1.144", "2.000"]) == [1.144, 2]
    assert values(["€ 1.144", "€ 2.5"]) == [1.144, 2.5]
    assert read(["€ 1.144", "€ 2.000"], ["2.5", "1"]).values[:, 0].tolist() == [1.144, 2]


@pytest.mark.parametrize("case", AMBIGUOUS)
@pytest.mark.fault("E5")
def test_two_readings_are_a_question(case: str) -> None:
    cells, readings = AMBIGUOUS[case]
    with pytest.raises(Refused, match="Say which is meant") as refused:
        values(cells)
    assert [remedy.settings for remedy in refused.value.remedies] == list(readings.values())
    for number, settings in readings.items():
        assert values(cells, **settings, missing="drop")[0] == number


@pytest.mark.parametrize(
    ("telling", "number"), [("1,234,567", 1144), ("12,34", 1.144), ("0,123", 1.144), ("1,100.5", 1144), ("2.5", 1144)]
)
def test_one_cell_decides_for_the_table(telling: str, number: float) -> None:
    cells = ["1,144", "1,100", telling]
    assert settled(cells)[0] == number
    with pytest.raises(Refused, match="Read it with") as refused:
        read(["1", "2"], [cells[0], telling])
    assert values([cells[0], telling], **refused.value.remedies[0].settings)[0] == number


@pytest.mark.parametrize("code", ["-999", "-9999", "-200", "9999"])
def test_a_code_without_the_unit_of_the_others_means_missing(code: str) -> None:
    cells = ["5%", code, "7%", code]
    with pytest.raises(Refused, match="2 cells missing, which alone have no unit") as refused:
        values(cells)
    assert dict(refused.value.remedies[0].settings) == {"na": [code]}
    assert values(cells, missing="drop", **refused.value.remedies[0].settings) == [5, 7]


@pytest.mark.parametrize("unit", ["{}%", "{} %", "{} \u2030"])
@pytest.mark.parametrize("code", ["-99", "-999", "-200", "9999"])
@pytest.mark.parametrize("place", [0, 3, 6])
def test_a_number_with_the_unit_of_the_others_is_a_value_where_the_missing_have_none(
    unit: str, code: str, place: int
) -> None:
    numbers = [50, 60, 70, 60, 50, 60, 70]
    numbers[place] = int(code)
    cells = [unit.format(number) for number in numbers]
    assert settled([*cells, code, code]) == numbers
    assert settled([code, code, *cells]) == numbers
    assert settled(cells) == numbers
    others = [float(number) for number in numbers if number != int(code)]
    assert values(cells, na=[code], missing="drop") == others


@pytest.mark.parametrize("unit", ["${}", "{} EUR", "{}"])
def test_a_number_that_means_missing_does_so_with_a_unit_where_values_have_none(unit: str) -> None:
    cells = ["5", unit.format("-99"), "7", "-99", "6"]
    assert values(cells, na=["-99"], missing="drop") == [5, 7, 6]
    assert values(cells) == [5, -99, 7, -99, 6]


def test_a_yen_sign_may_be_the_byte_of_the_backslash() -> None:
    assert list(values(["\\5", "-\\6", "\\7.5"])) == [5, -6, 7.5]
    with pytest.raises(Refused, match="several units"):
        values(["\\5", "$6"])


def test_columns_that_contradict_each_other_are_refused() -> None:
    where = 'a decimal point in column "a" (line 2 "1.5"), a decimal comma in column "b" (line 2 "1,25")'
    with pytest.raises(Refused, match=re.escape(f"no marks read all cells: {where}")) as refused:
        read(["1", "2"], ["1.5", "2"], ["1,25", "1"])
    assert refused.value.remedies == ()


@pytest.mark.parametrize("zero", ["٠", "۰", "०", "০", "๐"])
def test_digits_of_other_scripts_are_digits(zero: str) -> None:
    script = {ord(str(digit)): chr(ord(zero) + digit) for digit in range(10)}
    numbers = [12.5, 380.0, 4796.25]
    assert values([f"{number:.2f}".translate(script) for number in numbers]) == numbers


REFUSED = {
    "percent and plain": (["5%", "6"], 'several units: "%" (line 2 "5%"), no unit (line 3 "6")'),
    "two currencies": (["$5", "€6"], 'several units: "$" (line 2 "$5"), "EUR" (line 3 "€6")'),
    "percent and currency": (["5%", "€6"], "several units"),
    "footnotes": (["1", "123 r", "45*"], '(lines 3 "123 r", 4 "45*"): a number with a sign or letters beside it'),
    "bounds": (["1", "<0.05", ">100"], '(lines 3 "<0.05", 4 ">100"): a number with a sign or letters beside it'),
    "multiples": (["1.2M", "3k", "4"], "a number with a sign or letters beside it"),
    "booleans": (["true", "no", "1"], '(lines 2 "true", 3 "no"): true or false: write 1 and 0'),
    "booleans in German": (["ja", "Nein", "1"], '(lines 2 "ja", 3 "Nein"): true or false: write 1 and 0'),
    "words only": (["low", "high", "1"], "a word"),
    "ranges": (["1", "5-10", "7\u20139"], "no number"),
    "clocks": (["1", "12:30"], "no number"),
    "two signs": (["1", "(-5)"], "no number"),
    "a price or a minus": (["1", "5.-"], "a sign"),
    "a dash behind": (["1", "5\u2013"], "a sign"),
    "half a bracket": (["1", "(5"], "no number"),
    "broken groups": (["1", "1,23,4"], "no number"),
    "identifiers": (["1", "9007199254740993"], "a whole number beyond 2^53"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_another_number_or_none_is_refused_without_advice(case: str) -> None:
    cells, message = REFUSED[case]
    with pytest.raises(Refused, match=re.escape(message)) as refused:
        values(cells)
    assert refused.value.remedies == ()


MISSING = ["-", "--", "?", ".", "*", "n.a.", "#N/A", "missing", "NULL!", "#DIV/0!", "#REF!", "#VALUE!", "NaT", "\\N"]
MISSING += ["<NA>", "nil", "1.#QNAN", "#N/A N/A", "k.A.", "s.d.", "\u2013", "\u2014", "…", "inf", "closed"]


@pytest.mark.parametrize("cell", MISSING)
def test_a_mark_for_a_missing_value_is_named_as_it_stands(cell: str) -> None:
    cells = ["1", cell, "2.5", "3"]
    with pytest.raises(Refused, match=re.escape(f'(line 3 "{cell}")')) as refused:
        values(cells)
    assert [remedy.settings for remedy in refused.value.remedies] == [{"na": [cell]}]
    assert values(cells, na=[cell], missing="drop") == [1, 2.5, 3]


@pytest.mark.parametrize(
    "cells", [["1", "1", cell, "1"] for cell in MISSING] + [["1\u202f000,5"], ["1\u2019000"], ["1,5"]]
)
def test_what_is_advised_can_be_pasted_into_the_command(cells: list[str]) -> None:
    with pytest.raises(Refused, match="Read it with (.*) \\(") as refused:
        values(cells, separator=",")
    printed = str(refused.value).partition("Read it with ")[2].rpartition(" (")[0]
    words = ["data=csv", "data.path=d.csv", "data.separator=','", "data.target=y", *shlex.split(printed)]
    data = compose(*words, "data.missing=drop").data
    assert isinstance(data, csv)
    assert data.read().values[0, 0] > 0


def test_a_decimal_comma_may_be_the_separator_where_quotes_hold_it() -> None:
    assert csv(path="d.csv", target="y", separator=",", decimal=",").check() == []
    assert values(["1,5", "2,25"], separator=",", decimal=",") == [1.5, 2.25]


def test_a_number_with_a_remark_is_left_out_or_missing_but_not_invented() -> None:
    cells = ["1", "<0.05", "2.5", "45*", "3", "4"]
    with pytest.raises(Refused, match="Say which is meant") as refused:
        values(cells)
    rows, na = refused.value.remedies
    assert (rows.settings, rows.meaning) == ({"skip_rows": ["<0.05", "45*"]}, "2 rows left out")
    assert (na.settings, na.meaning) == ({"na": ["<0.05", "45*"]}, "2 cells missing")
    assert values(cells, **rows.settings) == values(cells, **na.settings, missing="drop") == [1, 2.5, 3, 4]


def test_many_different_words_are_not_listed() -> None:
    words = [chr(ord("a") + index) * 3 for index in range(9)]
    with pytest.raises(Refused, match='9 cells are not usable numbers .* "eee" and 4 more') as refused:
        values([*map(str, range(20)), *words])
    assert refused.value.remedies == ()
    with pytest.raises(Refused, match="Read it with"):
        values([*map(str, range(20)), *words[1:]])


def test_a_series_may_be_missing_for_the_most_part() -> None:
    assert values(["-", "-", "n.a.", "1", "-", "2.5"], na=["-", "n.a."], missing="drop") == [1, 2.5]
    with pytest.raises(Refused, match="Read it with") as refused:
        values(["-", "-", "n.a.", "1", "-", "2.5"])
    assert refused.value.remedies[0].settings == {"na": ["-", "n.a."]}
    with pytest.raises(Refused, match="a mark for a missing value$"):
        values(["-", "-", "n.a."])


def test_marks_that_are_given_stay() -> None:
    with pytest.raises(Refused, match="1 cell missing") as refused:
        values(["1", "x", "-", "2", "3"], na=["x"])
    assert refused.value.remedies[0] == Remedy({"na": ["x", "-"]}, "1 cell missing and not 0")


@pytest.mark.parametrize("na", ["-200", "-200.0", "-200,0", -200, -200.0, "-2e2"])
def test_a_number_that_means_missing_is_the_number(na: str | float) -> None:
    assert values(["1", "-200", "-200.0", "-200.00", "-2"], na=[na], missing="drop") == [1, -2]
    assert values(["1,5", "-200", "-200,0", "2"], na=[na], decimal=",", missing="drop") == [1.5, 2]
    assert values(["-200", "200", "1"], missing="drop") == [-200, 200, 1]


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "str", "Int64"])
def test_a_number_that_means_missing_is_the_number_in_typed_columns(kind: str) -> None:
    import pandas as pd

    pd.DataFrame({"y": pd.Series([1, -200, 3]).astype(kind)}).to_parquet("d.parquet")
    read = csv(path="d.parquet", target="y", na=["-200.0"], missing="drop").read()
    assert list(read.values[:, 0]) == [1, 3]


@pytest.mark.parametrize("plain", [0, 5])
@pytest.mark.parametrize("suffix", [" %", " €"])
@pytest.mark.parametrize("code", ["-99", "-999"])
def test_each_cell_from_which_a_unit_is_taken_off_is_counted_once(plain: int, suffix: str, code: str) -> None:
    cells = [f"{row}.5{suffix}" for row in range(30)] + [f"{code}{suffix}"] + [code] * plain + [""] * 4
    Path("d.csv").write_text("y\n" + "\n".join([*cells, f"1{suffix}"]) + "\n", encoding="utf-8")
    series = csv(path="d.csv", target="y", missing="drop", na=[code]).read()
    kept = 31 + bool(plain)  # with a unit it is a value where those that mean missing have none
    assert len(series.values) == kept
    assert f'column "y": "{suffix.strip()}" taken off {kept} cells' in series.notes[0]


def test_text_of_typed_columns_is_read_as_that_of_a_file() -> None:
    import pandas as pd

    pd.DataFrame({"y": ["$1,234.5", "(7)", "-"], "a": [1.5, 2, 3]}).to_parquet("d.parquet")
    with pytest.raises(Refused, match='2 cells are not usable numbers: 1 .row 1 "') as refused:
        csv(path="d.parquet", target="y", features=["a"]).read()
    (remedy,) = refused.value.remedies
    series = csv(path="d.parquet", target="y", features=["a"], missing="drop", **remedy.settings).read()
    assert series.values.tolist() == [[1234.5, 1.5], [-7, 2]]
    assert 'column "y": "$" taken off 1 cell; brackets read as a minus in 1 cell' in series.notes


@pytest.mark.fault("E5")
def test_all_wrong_cells_are_counted_by_kind() -> None:
    cells = ["1", "-", "-", "low", "2", "3", "4*", "5", "6", "7", "8", "1e39"]
    message = (
        '5 cells are not usable numbers: 2 (lines 3 "-", 4 "-"): a mark for a missing value; 1 (line 5 "low"): a word; '
        '1 (line 8 "4*"): a number with a sign or letters beside it (a bound'
    )
    with pytest.raises(DataError, match=re.escape(message)):
        values(cells)


DAYS = [f"2020-01-{day:02d}" for day in range(1, 31)]
PLAIN = [f"{8 + day % 7}.{day % 10}" for day in range(1, 31)]


def questions(cells: Sequence[str], end: str = ",", **given: Any) -> list[dict[str, Any]]:
    """Return the settings of each answer to the question that `init` has about the cells of a table."""
    rows = [f'{day}{end}"{cell}"' for day, cell in zip(DAYS, cells)]
    Path("d.csv").write_text("\n".join([f"date{end}y", *rows]))
    try:
        inspect("d.csv", {"missing": "ffill", **given})
    except Undecided as undecided:
        return [dict(remedy.settings) for remedy in undecided.questions[0].remedies]
    return []


@pytest.mark.parametrize("code", ["-200", "-999", "-9999.0", "9999", "99999", "1e20", "-99.9", "-999,0"])
def test_init_asks_whether_a_number_far_from_all_others_means_missing(code: str) -> None:
    cells = [*PLAIN[:4], code, *PLAIN[5:20], code, *PLAIN[21:]]
    number = float(code.replace(",", "."))
    if "," in code:
        cells = [cell.replace(".", ",") for cell in cells]
    assert questions(cells, ";") == [{"na": [number]}, {"na": []}]
    assert questions(cells, ";", na=[code]) == questions(cells, ";", na=[]) == []


def test_init_asks_about_a_code_beside_marks_that_it_has_found() -> None:
    cells = [*PLAIN[:4], "-", "-999", *PLAIN[6:20], "-999", *PLAIN[21:]]
    assert questions(cells) == [{"na": ["-", -999]}, {"na": ["-"]}]


@pytest.mark.parametrize("cells", [["-20", "99"], ["-9", "-9"], ["200", "200"], ["0", "0"]])
def test_init_does_not_ask_about_numbers_that_may_well_be_meant(cells: list[str]) -> None:
    assert questions([*PLAIN[:4], cells[0], *PLAIN[5:20], cells[1], *PLAIN[21:]]) == []


@pytest.mark.parametrize("end", [";", "|", "\t"])
def test_init_asks_what_a_point_is_that_always_stands_before_three_digits(end: str) -> None:
    cells = [f"{day}.{100 + day}" for day in range(1, 31)]
    assert questions(cells, end) == [{"decimal": "."}, {"decimal": ",", "thousands": "."}]
    assert questions(["-0.123", *cells[1:]], end) == questions(["1144.5", *cells[1:]], end) == []
    assert questions(cells, end, decimal=".") == questions(cells, end, decimal=",", thousands=".") == []


def test_init_takes_a_lone_reading_and_asks_about_two() -> None:
    assert questions([f"{day},{100 + day}" for day in range(1, 31)]) == [{"decimal": ","}, {"thousands": ","}]
    assert questions([f"{day},{100 + day}.5" for day in range(1, 31)]) == []


@pytest.mark.parametrize("first", ["USD 4,903", "5 %", "(4.5)", "1.234,5", "\u22125"])
def test_a_first_line_of_numbers_is_no_header(first: str) -> None:
    Path("d.csv").write_text(f'2020-01-01,"{first}"\n2020-01-02,"{first}"\n')
    with pytest.raises(DataError, match="line 1: the header looks like data"):
        csv(path="d.csv", target=1).read()


def look(cells: Sequence[str], layout: Layout) -> np.ndarray | Refused:
    """Read a column in memory as a table reads it."""
    flaws = Flaws()
    found = parse(cells, range(len(cells)), layout, flaws)
    if not flaws.found:
        return found
    survey = Survey(["y"], layout)
    for line, cell in enumerate(cells):
        survey.add(line, [cell])
    return survey.refuse("d.csv") or found


def changed(remedy: Remedy) -> Layout:
    return Layout(**{key: tuple(value) if key == "na" else value for key, value in remedy.settings.items()})


def test_no_column_is_read_as_other_numbers() -> None:
    rng = random.Random(0)
    outcomes = {"read": 0, "asked": 0, "refused": 0}
    for _ in range(4000):
        marks, sign, unit = rng.choice(MARKS), rng.choice(SIGNS), rng.choice(UNITS)
        decimals = rng.choice([0, 0, 1, 2, 3])
        size = 10 ** rng.randrange(1, 8)
        numbers = [round(rng.uniform(-size, size), decimals) + 0.0 for _ in range(rng.randrange(1, 7))]
        cells = [write(number, marks, decimals, sign, rng.choice([unit, unit, "{}"])) for number in numbers]
        found = look(cells, Layout())
        if isinstance(found, Refused):
            readings = [look(cells, changed(remedy)) for remedy in found.remedies]
            assert not any(isinstance(reading, Refused) for reading in readings), cells
            assert len(readings) == 0 or any(np.array_equal(reading, numbers) for reading in readings), cells
            outcomes[("refused", "read", "asked")[min(len(readings), 2)]] += 1
        elif not all(re.search(r"^-?\d{1,3}\.\d{3}$|^\D*\d+\D*$", cell) for cell in cells):
            assert np.array_equal(found, numbers), cells
            outcomes["read"] += 1
    assert outcomes["read"] > 2000
    assert 50 < outcomes["asked"] < 800


def test_the_property_can_fail() -> None:
    assert not np.array_equal(look(["1,144", "1,5"], Layout(decimal=",")), [1144, 1.5])
    assert np.array_equal(look(["1.144", "2.500"], Layout()), [1.144, 2.5])
