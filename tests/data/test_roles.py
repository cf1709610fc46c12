"""What the columns of an unknown table are: what is forecast, what names the series, and what lies on its side."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.data.inspect import inspect
from rnnexp.data.inspect.finding import Finding
from rnnexp.data.tables.remedy import Undecided
from rnnexp.errors import DataError

DAYS = np.datetime64("2020-01-01") + np.arange(40)
WAVE = [round(float(value), 3) for value in np.sin(np.arange(40)) + 3]
COMMON = {"date": DAYS, "wave": WAVE}


def table(columns: dict[str, Sequence[object]], name: str = "my.csv") -> str:
    rows = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values()))]
    Path(name).write_text("\n".join(rows) + "\n")
    return name


def found(columns: dict[str, Sequence[object]], **given: object) -> Finding:
    return inspect(table(columns), given)[0]


ROWS = range(1, 41)
UNFIT: dict[str, Sequence[object]] = {
    "id": [100 - row for row in ROWS],
    "Unnamed: 0": [row - 1 for row in ROWS],
    "": ROWS,
    "index": [2 * row for row in ROWS],
    "customer_id": [row % 7 for row in ROWS],
    "storeId": [row % 3 for row in ROWS],
    "flag": [1] * 40,
    "steps": ROWS,
    "year": [2020] * 20 + [2021] * 20,
}


@pytest.mark.parametrize("name", UNFIT)
@pytest.mark.parametrize("first", [True, False])
def test_what_numbers_or_names_rows_is_not_forecast(name: str, first: bool) -> None:
    own = {name: UNFIT[name]}
    first = name == "" or (first and name != "year")  # a year before the date is one
    chosen = found({**own, **COMMON} if first else {**COMMON, **own})
    assert chosen.settings["target"] == "wave"
    assert any(line.endswith(": not the target") for line in chosen.seen)
    assert not chosen.reasons.get("target")


@pytest.mark.parametrize("name", UNFIT)
def test_it_is_forecast_all_the_same_where_the_user_says_so(name: str) -> None:
    called, own = name or "column_0", {name: UNFIT[name]}
    columns = {**own, **COMMON} if name == "" else {**COMMON, **own}
    assert found(columns, target=called).settings["target"] == called


@pytest.mark.parametrize("name", ["id", "Unnamed: 0", "customer_id", "flag"])
def test_a_table_of_nothing_else_has_no_target(name: str) -> None:
    with pytest.raises(DataError, match=f'no column of numbers to forecast .*"{name}" .*--target NAME takes one'):
        found({"date": DAYS, name: UNFIT[name], "word": ["a", "b"] * 20})


def test_a_column_of_which_only_the_missing_ones_are_plain_is_not_constant() -> None:
    rows = [f'{day},"{1_000_000 + row * 37:,}"' if row % 9 else f"{day},-200" for row, day in enumerate(DAYS)]
    Path("my.csv").write_text("\n".join(["date,wave", *rows]) + "\n")
    with pytest.raises(Undecided, match='-200 in column "wave"'):
        inspect("my.csv", {})


@pytest.mark.parametrize("name", ["humid", "paid", "grid", "economy", "node", "monkey"])
def test_a_word_that_ends_like_an_identifier_is_none(name: str) -> None:
    assert found({"date": DAYS, name: [row % 5 for row in ROWS]}).settings["target"] == name


def test_a_guess_is_said_to_be_one_with_the_others() -> None:
    columns = {"date": DAYS} | {name: np.roll(WAVE, shift) for shift, name in enumerate(["a", "b", "c", "d", "e"])}
    assert (
        found(columns).reasons["target"] == 'a guess, the last column of numbers; others: "a", "b", "c", "d" (--target)'
    )
    named = found({"date": DAYS, "y": WAVE, "a": np.roll(WAVE, 1)})
    assert named.settings["target"] == "y"
    assert named.reasons["target"] == 'others: "a" (--target)'


PROMO = [int(day % 7 == 0) for day in ROWS]
SINGLED_OUT = {
    "its name": ("my.csv", {"sales": WAVE, "price": WAVE}, "sales", 'others: "price" (--target)'),
    "the name of the file": ("load.csv", {"load_kw": WAVE, "temp": WAVE}, "load_kw", "named like the file; "),
    "the name of the file, of several": (
        "air_passengers.csv",
        {"Passenger": WAVE, "b": WAVE},
        "Passenger",
        "named like",
    ),
    "the others, which are flags": (
        "my.csv",
        {"sold": WAVE, "promo": PROMO},
        "sold",
        "the only column of other numbers",
    ),
}


@pytest.mark.parametrize("by", SINGLED_OUT)
def test_of_several_columns_one_is_singled_out_by(by: str) -> None:
    name, columns, target, reason = SINGLED_OUT[by]
    finding = inspect(table({"date": DAYS, **columns}, name), {})[0]
    assert finding.settings["target"] == target
    assert finding.reasons["target"].startswith(reason)
    assert any("--known promo" in line for line in finding.seen) == ("promo" in columns)


def test_flags_alone_and_two_columns_named_like_the_file_single_out_none() -> None:
    assert found({"date": DAYS, "promo": PROMO}).settings["target"] == "promo"
    columns = {"date": DAYS, "load_a": WAVE, "load_b": WAVE, "c": WAVE}
    assert inspect(table(columns, "load.csv"), {})[0].settings["target"] == "c"


def test_a_column_that_is_a_feature_is_no_target() -> None:
    columns = {"date": DAYS, "a": WAVE, "b": np.roll(WAVE, 1)}
    assert found(columns, features=["b"]).settings["target"] == "a"


def shops(*names: str, rows: int = 20, word: str = "shop") -> dict[str, list[object]]:
    """Return a long table: each name on each date."""
    return {
        "date": [day for day in DAYS[:rows] for _ in names],
        word: [name for _ in DAYS[:rows] for name in names],
        "sales": [10 * place + row % 7 for row in range(rows) for place, _ in enumerate(names)],
    }


@pytest.mark.parametrize("word", ["shop", "Store", "unique_id", "sku", "Filiale"])
@pytest.mark.parametrize("names", [("A", "B"), ("7", "8", "12")])
def test_two_shops_do_not_become_their_mean(word: str, names: tuple[str, ...]) -> None:
    long = found(shops(*names, word=word))
    assert long.settings["series"] == word
    assert long.reasons["series"] == f"{len(names)} series in one long table"
    assert "duplicates" not in long.settings


@pytest.mark.parametrize("keys", [("store", "item"), ("region", "store", "item"), ("kind", "place", "Artikel")])
@pytest.mark.parametrize("words", [True, False])
def test_series_that_several_columns_tell_apart_are_refused_with_the_way_to_join_them(keys: Any, words: bool) -> None:
    names = [dict(zip(keys, chosen)) for chosen in itertools.product(*[("a", "b") if words else (1, 2)] * len(keys))]
    rows = [{"date": day, **name, "sales": row * 3.5 % 7} for name in names for row, day in enumerate(DAYS)]
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    with pytest.raises(DataError, match="together tell the series apart: join them in one column and name it") as told:
        found(columns)
    assert all(f"frame['{key}'].astype(str)" in str(told.value) for key in keys)
    joined = ["/".join(str(row[key]) for key in keys) for row in rows]
    assert found(columns | {"series": joined}, series="series", target="sales").settings["series"] == "series"


def test_of_two_columns_that_tell_the_same_series_apart_the_first_is_taken() -> None:
    columns = shops("A", "B")
    both = {**columns, "town": [f"{name}-ville" for name in columns["shop"]]}
    assert found(both).settings["series"] == "shop"
    assert "guess" not in found(both).reasons["series"]


def test_words_that_change_from_day_to_day_are_no_series() -> None:
    sky = ["sun", "rain", "sun", "fog"] * 10
    columns = {"date": [*DAYS[:39], DAYS[38]], "sky": sky, "wave": WAVE}
    assert "series" not in found(columns).settings


def test_series_with_many_days_missing_are_a_question() -> None:
    rng = np.random.default_rng(1)
    columns = shops("A", "B", "C", rows=40)
    kept = np.flatnonzero(rng.random(120) < 0.4)
    sparse = {name: [values[row] for row in kept] for name, values in columns.items()}
    with pytest.raises(Undecided) as asked:
        found(sparse)
    question = asked.value.questions[0]
    assert "have the date of another" in question.message
    assert [dict(remedy.settings) for remedy in question.remedies][0] == {"series": "shop"}


def test_blocks_of_rows_without_dates_are_a_question() -> None:
    columns = {"machine": ["a"] * 20 + ["b"] * 20, "wave": WAVE}
    with pytest.raises(Undecided, match='rows lie in blocks by "machine": is each block a series') as asked:
        found(columns)
    assert [dict(one.settings) for one in asked.value.questions[0].remedies] == [
        {"series": "machine"},
        {"series": None},
    ]
    assert "series" not in found({**columns, "machine": ["a", "b"] * 20}).settings


SIDEWAYS = {
    "years": (["Country", *map(str, range(1990, 2010))], "years: a row for each year"),
    "years of the World Bank": (["Country Name", *(f"{y} [YR{y}]" for y in range(1990, 2000))], "years"),
    "years behind a letter": (["geo", *(f"X{year}" for year in range(1990, 2000))], "years"),
    "months": (
        ["Year", *["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]],
        "months: a row for each month",
    ),
    "months in German": (["Jahr", *["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli"]], "months"),
    "hours": (["date", *(f"H{hour}" for hour in range(1, 25))], "hours of a day: a row for each hour"),
    "hours from 0": (["date", *(f"{hour:02d}:00" for hour in range(24))], "times of a day"),
    "quarters of an hour": (["date", *(f"{n // 4:02d}:{n % 4 * 15:02d}" for n in range(96))], "times of a day"),
    "days": (["Province", *(f"1/{day}/20" for day in range(1, 20))], "dates: a row for each date"),
    "months of years": (["shop", *(f"2020-{month:02d}" for month in range(1, 13))], "dates"),
    "years apart": (["Country", *map(str, range(1950, 2001, 10))], "years"),
    "years from the last": (["Country", *map(str, range(2020, 1990, -1))], "years"),
    "quarters of years": (["geo", *(f"{n // 4 + 2010}-Q{n % 4 + 1}" for n in range(12))], "dates"),
    "quarters before years": (["geo", *(f"Q{n % 4 + 1} {n // 4 + 2010}" for n in range(12))], "dates"),
    "months of Eurostat": (["geo", *(f"2010M{month:02d}" for month in range(1, 13))], "dates"),
    "months in digits": (["geo", *(f"2010{month:02d}" for month in range(1, 13))], "dates"),
    "months in words": (["shop", *(f"{word}-20" for word in ("Jan", "Feb", "Mar", "Apr", "May"))], "dates"),
    "months in German words": (["Filiale", *(f"{word} 2020" for word in ("Januar", "März", "Mai", "Dez"))], "dates"),
    "quarters": (["Year", "Total", "Q1", "Q2", "Q3", "Q4"], "quarters: a row for each quarter"),
    "quarters in German": (["Jahr", *(f"{quarter}. Quartal" for quarter in range(1, 5))], "quarters"),
    "days of the week": (["Week", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], "days: a row for each day"),
    "days in German": (["KW", "Mo", "Di", "Mi", "Do", "Fr"], "days"),
    "days in French": (["semaine", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"], "days"),
    "half-hours": (["date", *(f"HH{half}" for half in range(1, 49))], "hours of a day"),
    "periods": (["date", *(f"P{half}" for half in range(1, 49))], "hours of a day"),
    "ranges of hours": (["date", *(f"{hour}-{hour + 1} Uhr" for hour in range(24))], "hours of a day"),
    "ranges of clocks": (["date", *(f"{hour:02d}:00-{hour + 1:02d}:00" for hour in range(24))], "times of a day"),
    "hours of half a day": (["date", *(f"{n % 12 or 12} {'AP'[n // 12]}M" for n in range(24))], "times of a day"),
    "steps": (["id", *(f"V{step}" for step in range(2, 50))], "steps in time"),
}


@pytest.mark.parametrize("case", SIDEWAYS)
def test_a_table_on_its_side_is_refused_with_the_way_out(case: str) -> None:
    names, told = SIDEWAYS[case]
    first = [["A", "B", "C"], [2001, 2002, 2003], list(DAYS[:3])][{"Year": 1, "Jahr": 1, "date": 2}.get(names[0], 0)]
    rng = np.random.default_rng(0)
    columns = {names[0]: first, **{name: rng.random(3).round(3) for name in names[1:]}}
    with pytest.raises(DataError, match=f'"{names[-1].replace("[", ".").replace("]", ".")}", are {told}.*frame.melt'):
        found(columns)


@pytest.mark.parametrize("case", ["years", "hours"])
def test_a_table_on_its_side_is_refused_below_a_title_too(case: str) -> None:
    lines = ["Source,World indicators", "", ",".join(SIDEWAYS[case][0])]
    lines += [",".join(["A", *(f"{row}.{place}" for place in range(1, len(SIDEWAYS[case][0])))]) for row in range(30)]
    Path("my.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="frame.melt"):
        inspect("my.csv", {})


@pytest.mark.parametrize("separator", [",", "\t", "  ", ";"])
def test_rows_of_many_numbers_without_names_may_be_sequences(separator: str) -> None:
    rows = [[row % 2, *(round(value + row, 2) for value in WAVE)] for row in range(30)]
    Path("Gun_TRAIN.txt").write_text("".join(separator.join(map(str, row)) + "\n" for row in rows))
    with pytest.raises(DataError, match=r"--target NUMBER says .* if each row is a sequence of its own"):
        inspect("Gun_TRAIN.txt", {})
    assert inspect("Gun_TRAIN.txt", {"target": 40})[1].values[:, 0].tolist() == [row[40] for row in rows]


def test_of_columns_of_the_same_name_one_is_forecast() -> None:
    columns = [DAYS, WAVE, np.roll(WAVE, 1)]
    rows = ["date,wave,wave", *(",".join(map(str, row)) for row in zip(*columns))]
    Path("my.csv").write_text("\n".join(rows) + "\n")
    finding, series = inspect("my.csv", {})
    assert series.values[:, 0].tolist() == np.roll(WAVE, 1).tolist() != WAVE
    assert finding.source().read().values.tolist() == series.values.tolist()


@pytest.mark.parametrize("above", [0, 3])
def test_a_question_about_dates_says_on_which_lines_they_are(above: int) -> None:
    rows = [f"{1 + row % 9:02d}/{1 + row % 7:02d}/2021,{row % 5}.5" for row in range(30)]
    Path("my.csv").write_text("\n".join(["Title", *[""] * (above - 1)][:above] + ["date,wave", *rows]) + "\n")
    with pytest.raises(Undecided, match=rf"ambiguous dates \(lines {above + 2}, {above + 3}, {above + 4},"):
        inspect("my.csv", {})


@pytest.mark.parametrize(
    "names", [["q1", "q2", "q3", "q4"], ["mo", "sun", "so"], ["w1", "w2", "w3", "w4"], ["t20", "t30", "t40", "t50"]]
)
def test_columns_that_only_count_are_no_dates(names: list[str]) -> None:
    assert found({"date": DAYS} | {name: WAVE for name in names}).settings["target"] == names[-1]


@pytest.mark.parametrize("names", [["x1", "x2", "x3"], ["2020", "2021"], ["lag1", "lag2"], ["q1", "q2", "q3"]])
def test_a_few_columns_that_count_on_are_columns(names: list[str]) -> None:
    columns = {"date": DAYS} | {name: np.roll(WAVE, shift) for shift, name in enumerate(names)}
    assert found(columns).settings["target"] == names[-1]
