"""`rnnexp init`: what is written down runs, whatever the table looks like."""

# ruff: noqa: E501 one case per line reads as a table

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from rnnexp.cli.main import main
from rnnexp.config.compose import compose
from rnnexp.tasks import load

DAYS = [f"2020-{month:02d}-{day:02d},{10 * month + day}" for month in (1, 2) for day in range(1, 29)]


def init(text: str | bytes, *more: str, name: str = "my.csv") -> str:
    """Run `rnnexp init` on a file of this content and return the experiment that it wrote."""
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert main(["init", name, *more]) == 0
    (file,) = Path("experiments").glob("*.yaml")
    return file.read_text(encoding="utf-8")


def daily(rows: list[str] = DAYS, header: str = "date,y") -> str:
    # The days 29 to 31 of January are absent: add them, so that only planted gaps are gaps.
    full = [*rows[:28], "2020-01-29,39", "2020-01-30,40", "2020-01-31,41", *rows[28:]]
    return "\n".join([header, *full]) + "\n"


def test_a_plain_table_becomes_a_commented_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert init(daily()) == (
        "# yaml-language-server: $schema=schema.json\n"
        "# How well can y be forecast one step ahead?  Command: rnnexp train experiment=my\n"
        "# @package _global_\n"
        "defaults:\n"
        "  - override /data: csv\n"
        "  - override /model: lstm\n"
        "  - override /callbacks: early_stopping\n"
        "  - _self_\n"
        "name: my\n"
        "data:\n"
        "  path: my.csv\n"
        "  time: date\n"
        '  target: "y"\n'
        "  sequence_length: 7  # 41 training rows, too few for more\n"
        "  horizon: 1\n"
        "  scaler: [standard, instance]  # the lag-1 autocorrelation of the training rows is 0.91, the mean of the "
        "validation rows is 1.2 training deviations away: each window is scaled by its own mean and deviation\n"
        "model:\n"
        "  skip_connection: ridge  # the network learns what ridge regression leaves\n"
        "ensemble: 5  # 34 training examples: the mean of 5 networks errs less and takes seconds\n"
        "optimizer:\n"
        "  learning_rate: 0.003  # few gradient steps: at a lower one many networks are still learning at the last\n"
        "trainer:\n"
        "  batch_size: 16  # 34 training examples: 3 gradient steps an epoch\n"
        "  epochs: 667  # at most 2,001 gradient steps\n"
        "callbacks:\n"
        "  early_stopping:\n"
        "    patience: 133  # there is a validation set; the weights of its best epoch are kept\n"
    )
    said = capsys.readouterr().out
    assert 'my.csv: utf-8, separator ",", header in line 1, 2 columns' in said
    assert "target y: 59 rows from 2020-01-01 to 2020-02-28, step D" in said
    assert "\ntrainer.epochs: 667 (at most 2,001 gradient steps)\n" in said
    assert said.endswith("Wrote experiments/my.yaml. Next:\n  rnnexp train experiment=my\n")


def test_the_schema_for_editors_lies_beside_it() -> None:
    init(daily())
    assert "data" in json.loads(Path("experiments/schema.json").read_text())["properties"]


def test_a_season_decides_the_rows_of_the_past() -> None:
    months = [f"{year}-{month:02d},{month}" for year in range(1949, 1961) for month in range(1, 13)]
    text = init("\n".join(["Month,Passengers", *months]))
    assert "  sequence_length: 13  # a season of 12 rows, and one\n" in text


TABLES = {
    "decimal comma": ("d;wert\n" + "\n".join(f"{i:02d}.01.2020;{i},5" for i in range(1, 32)), ['decimal: ","', "time: d"]),
    "thousands": ("a;y\n" + "\n".join(f"x;{i}.234,5" for i in range(1, 60)), ['thousands: "."', 'decimal: ","']),
    "latin-1": (daily(header="date,größe").encode("latin-1"), ["encoding: cp1252  # it reads größe\n", "target: größe"]),
    "UTF-16": (daily().encode("utf-16"), ["time: date\n"]),
    "byte-order mark": (daily().encode("utf-8-sig"), ["time: date\n"]),
    "no header": ("\n".join(DAYS[:28]), ["header: none", "time: 0\n", "target: 1\n"]),
    "comments": ("# made by hand\n" + daily(), ['comment: "#"  # line 1 begins with "#": comments, not rows']),
    "no dates": ("y\n" + "\n".join(map(str, range(40))), ["target: \"y\"\n  sequence_length: 5  # 28 training rows, too few for more\n"]),
    "missing": (daily([*DAYS[:9], "2020-01-10,", *DAYS[10:]]), ['missing: ffill  # 1 missing value (fills 1 cell with the value before); without']),
    "markers": (daily([*DAYS[:9], "2020-01-10,?", *DAYS[10:]]), ['na: ["?"]  # 1 cell missing', "missing: ffill"]),
    "missing at first": (daily(["2020-01-01,", *DAYS[1:]]), ["sequence_length: 7  #"]),
    "gap": (daily([*DAYS[:9], *DAYS[10:]]), ["gaps: ffill  # 1 absent row (adds 1 row like the one before); without this: an error"]),
    "no even step": ("date,y\n" + "\n".join(f"2020-01-{d:02d},{d}" for d in (1, 2, 4, 9, 11, 15, 16, 20, 29, 31)), ["gaps: ignore"]),
    "unsorted": (daily([DAYS[1], DAYS[0], *DAYS[2:]]), ["unsorted: sort  # 1 row out of the order of time (moves 1 row); without"]),
    "in two blocks": ("\n".join(["date,y", *DAYS[42:], *DAYS[28:42]]), ["unsorted: sort  # 14 rows out of the order of time"]),
    "same date": (daily([DAYS[0], *DAYS]).replace("2020-01-29,39\n", "", 1), ["duplicates: mean  # 1 row with the date of another (merges 1 row with others)"]),
    "epoch": ("ts_time,y\n" + "\n".join(f"{1577836800 + 60 * i},{i}" for i in range(60)), ["time_format: s  # from 2020-01-01 to 2020-01-01 00:59\n"]),
    "day or month": ("date,y\n" + "\n".join(f"01/{m:02d}/{y},{m}" for y in (2018, 2019, 2020) for m in range(1, 13)),
                     ['time_format: "%d/%m/%Y"  # dates read as %d/%m/%Y: only so they go on in even steps']),
    "parts": ("year,month,day,y\n" + "\n".join(f"2020,1,{d},{d}" for d in range(1, 32)), ["time: [year, month, day]"]),
    "two columns": ("date;time;y\n" + "\n".join(f"2020-01-01;{h:02d}:00;{h}" for h in range(24)), ["time: [date, time]"]),
    "long": ("unique_id,ds,y\n" + "\n".join(f"{s},2020-01-{d:02d},{d}" for s in "AB" for d in range(1, 31)),
             ["series: unique_id  # 2 series in one long table"]),
    "several numbers": ("a,b,c\n" + "\n".join(f"{i},{i},{i}" for i in range(40)), ['target: c  # a guess, the last column of numbers; others: "a", "b" (--target)']),
    "strange names": ("no,an: {odd} #name\n" + "\n".join(f"x,{i}" for i in range(40)), ['target: "an: {odd} #name"']),
}  # fmt: skip


def pairs(*names: str, dates: int = 30, last: str = "{n}") -> list[str]:
    """Return the rows of several series on the same dates; the last cell is the target."""
    return [
        f"{name},{date},{last.format(n=10 * number + place)}"
        for place, date in enumerate(DAYS[:dates])
        for number, name in enumerate(names)
        for date in [date.split(",")[0]]
    ]


def holes(rows: list[str], *places: int) -> list[str]:
    return [f"{row.split(',')[0]}," if place in places else row for place, row in enumerate(rows)]


OPEN = {
    "missing": (daily(holes(DAYS, 9, 20, 30)), "missing", 'column "y": 3 missing values'),
    "gaps": ("\n".join(["date,y", *DAYS]), "gaps", '3 rows are absent between 56 rows in steps of "D"'),
    "same dates": (daily(sorted([*DAYS, *DAYS[40:]])), "duplicates", "16 rows have the same date as another"),
    "two shops, one of them twice": (
        "shop,date,y\n" + "\n".join([*sorted([*pairs("A", "B", dates=28), *pairs("A", "B")[20:30]])]), "series", "38 rows have the date of another"),
}  # fmt: skip


def flags_of(said: str) -> list[list[str]]:
    """Return the flags of each answer that was printed, one list per answer."""
    lines = [line for line in said.splitlines() if line.startswith("  --")]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("case", OPEN)
def test_what_would_invent_data_is_asked_and_each_printed_answer_works(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table, key, why = OPEN[case]
    Path("my.csv").write_text(table)
    assert main(["init", "my.csv"]) == 3
    said = capsys.readouterr().err
    assert said.startswith("rnnexp: my.csv")
    assert why in said
    assert said.endswith("to `rnnexp init my.csv`\n")
    assert not Path("experiments").exists()
    assert flags_of(said)[0][0] == f"--{key}"
    for flags in flags_of(said):
        written = answered("my.csv", flags, capsys)
        assert f"  {flags[0].strip('-')}: {flags[1].replace('none', 'null')}\n" in written
        load(compose("experiment=my").data)


def answered(file: str, flags: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Answer with these flags, then with the last answer to each question that is left; return what is written."""
    for _ in range(5):
        if main(["init", file, "--force", *flags]) == 0:
            (written,) = Path("experiments").glob("*.yaml")
            return written.read_text()
        flags = [*flags, *flags_of(capsys.readouterr().err)[-1]]
    raise AssertionError(f"{flags} lead nowhere")


def test_series_that_two_columns_tell_apart_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("my.csv").write_text("shop,item,date,y\n" + "\n".join(pairs("A,x", "A,z", "B,x", "B,z")))
    assert main(["init", "my.csv"]) == 3
    assert 'my.csv: "shop", "item" together tell the series apart: join' in capsys.readouterr().err
    assert not Path("experiments").exists()


ENDS = {
    "at the beginning": (daily(holes(DAYS, 0, 1)), 57),
    "at the end": (daily(holes(DAYS, 55)), 58),
    "at the end without dates": ("y,z\n" + "\n".join(f"{i},a" for i in range(40)) + "\n,a\n", 40),
    "at the end of a series": ("shop,date,y\n" + "\n".join([*pairs("A", "B", dates=28)[:-1], "B,2020-01-28,"]), 55),
}


@pytest.mark.parametrize("case", ENDS)
def test_rows_without_a_target_at_the_ends_are_left_out_unasked(case: str) -> None:
    table, rows = ENDS[case]
    text = init(table)
    assert "missing" not in text
    dataset = load(compose("experiment=my").data)
    assert dataset.summary.rows == rows
    assert any("left out of training and scoring" in note for note in dataset.summary.notes)


NAMES = {
    "shop": ("shop,date,y\n" + "\n".join(pairs("A", "B")), "shop"),
    "a shop with one row": ("shop,date,y\n" + "\n".join([*pairs("A"), "B,2020-01-09,5"]), "shop"),
    "numbers": ("store,date,y\n" + "\n".join(pairs("1", "2", "3")), "store"),
    "numbers of another name": ("branch,date,y\n" + "\n".join(pairs("1", "2", "3")), "branch"),
    "a word beside it": ("note,branch,date,y\n" + "\n".join(pairs("a,1", "a,2", "b,3")), "branch"),
    "one row twice": ("shop,date,y\n" + "\n".join(sorted([*pairs("A", "B"), pairs("A")[3]])), "shop"),
}


@pytest.mark.parametrize("case", NAMES)
def test_the_column_that_makes_dates_unique_is_named_as_the_series(case: str) -> None:
    table, name = NAMES[case]
    text = init(table, "--gaps", "ignore")
    assert f"  series: {name}  # " in text
    assert ("duplicates: mean  # 1 row" in text) == (case == "one row twice")


def test_a_column_of_numbers_that_happens_to_differ_is_no_series(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{place},{row}" for place, row in enumerate(sorted([*DAYS, *DAYS[40:]]))]
    Path("my.csv").write_text("count,date,y\n" + "\n".join(rows))
    assert main(["init", "my.csv"]) == 3
    said = capsys.readouterr().err
    assert "16 rows have the same date as another" in said
    assert "--series" not in said


@pytest.mark.parametrize("case", TABLES)
def test_what_is_written_can_be_composed_and_read(case: str) -> None:
    table, lines = TABLES[case]
    text = init(table)
    for line in lines:
        assert line in text
    dataset = load(compose("experiment=my").data)
    assert len(dataset.parts["train"]) > 0


def test_tsv_gzip_and_parquet_are_looked_at_too() -> None:
    import gzip

    import pandas as pd

    assert "path: my.tsv" in init(daily().replace(",", "\t"), name="my.tsv")
    assert "path: my.csv.gz" in init(gzip.compress(daily().encode()), "--force", name="my.csv.gz")
    pd.DataFrame({"when": pd.date_range("2020", periods=50), "y": range(50)}).to_parquet("source")
    text = init(Path("source").read_bytes(), "--force", name="my.parquet")
    assert "path: my.parquet\n  time: when\n" in text
    assert len(load(compose("experiment=my").data).parts["train"]) > 0


@pytest.mark.parametrize(("asked", "said"), [("a,b", "a and b"), ("a,c,b", "a and 2 others"), ("b", "b")])
def test_several_targets_are_said(asked: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = init("a,b,c\n" + "\n".join(f"{i},{i},{i}" for i in range(40)), "--target", asked)
    assert f"How well can {said} be forecast" in text
    assert f"target {said}: 40 rows" in capsys.readouterr().out


def test_target_and_name_can_be_chosen() -> None:
    text = init("a,b\n" + "\n".join(f"{i},{i}" for i in range(40)), "--target", "a", "--name", "my_question")
    assert "experiment=my_question" in text
    assert "  target: a" in text


def test_an_experiment_is_not_overwritten_without_force(capsys: pytest.CaptureFixture[str]) -> None:
    init(daily())
    Path("experiments/my.yaml").write_text("mine")
    assert main(["init", "my.csv"]) == 2
    assert "experiments/my.yaml: exists already; choose another --name, or overwrite it" in capsys.readouterr().err
    assert Path("experiments/my.yaml").read_text() == "mine"
    assert main(["init", "my.csv", "--force"]) == 0
    assert Path("experiments/my.yaml").read_text() != "mine"


@pytest.mark.parametrize(
    ("text", "more", "code", "message"),
    [
        ("a,b\nx,y\n", [], 3, 'no column of numbers to forecast (columns: "a", "b")'),
        ("y\n1\n", ["--target", "z"], 3, '--target: there is no column "z"'),
        ("y\n1\n", ["--name", "../up"], 2, "--name: `../up` may only have letters"),
        ("", [], 3, "my.csv: is empty (0 bytes)"),
    ],
)
def test_what_cannot_be_written_is_an_error_and_leaves_no_file(
    text: str, more: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my.csv").write_text(text)
    assert main(["init", "my.csv", *more]) == code
    assert message in capsys.readouterr().err
    assert not Path("experiments").exists()


@pytest.mark.fault("E1")
def test_an_absent_file_names_what_is_near(capsys: pytest.CaptureFixture[str]) -> None:
    Path("sales.csv").write_text("y\n1\n")
    assert main(["init", "sale.csv"]) == 3
    assert "near it: sales.csv" in capsys.readouterr().err
