"""What a table becomes: values, dates, series, and a note for everything that was mended."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnnexp.data.series import Series
from rnnexp.data.sources.csv import csv
from rnnexp.errors import DataError, ResourceError
from rnnexp.runtime import machine

DAYS = [f"2020-01-{day:02d},{day}" for day in range(1, 21)]


def read(text: str | bytes, name: str = "d.csv", **settings: object) -> Series:
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return csv(**{"path": name, **settings}).read()


def daily(rows: list[str], **settings: object) -> Series:
    return read("\n".join(["date,y", *rows]), time="date", **settings)


def values(series: Series) -> list[float]:
    return series.values.ravel().tolist()


def test_a_plain_table_is_read_without_a_note() -> None:
    series = daily(DAYS)
    assert series.columns == ("y",)
    assert values(series) == list(range(1, 21))
    assert series.frequency == "D"
    assert series.time[-1] == np.datetime64("2020-01-20")
    assert series.notes == ()


def test_numbers_are_read_to_the_last_bit() -> None:
    exact = [0.1 + 0.2, 1 / 3, 5.827000141143799, 1e-300, 9007199254740992.0]
    assert values(read("y\n" + "\n".join(map(repr, exact)))) == exact


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "  "])
@pytest.mark.fault("E10")
def test_the_separator_is_found(separator: str) -> None:
    text = "a,b,c\n1.5,2,x y\n3,4,z\n".replace("x y", "xy").replace(",", separator)
    assert values(read(text, target=["a", "b"])) == [1.5, 2, 3, 4]


@pytest.mark.parametrize(("spelled", "mark"), [("tab", "\t"), ("whitespace", " "), (":", ":")])
def test_a_separator_can_be_given(spelled: str, mark: str) -> None:
    assert values(read(f"a{mark}b\n1{mark}2\n", target="b", separator=spelled)) == [2]


@pytest.mark.fault("E12")
@pytest.mark.parametrize("megabytes", [1, 100])
def test_a_table_larger_than_memory_is_refused_before_memory_is_full(
    monkeypatch: pytest.MonkeyPatch, megabytes: int
) -> None:
    monkeypatch.setattr(machine, "measure_memory", lambda: megabytes * 2**20)
    text = "y\n" + "1.5\n" * 50_000
    if megabytes == 100:
        assert len(values(read(text))) == 50_000
        return
    with pytest.raises(
        ResourceError, match=r"d\.csv: [\d,]+ rows fill half of the memory .*; read fewer columns"
    ) as no:
        read(text)
    assert no.value.exit_code == 6
    assert int(str(no.value).split()[1].replace(",", "")) < 50_000  # and it was not read to its end


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.fault("E10")
def test_line_ends_and_a_missing_last_one_do_not_matter(end: str) -> None:
    assert values(read(end.join(["y", "1", "2"]))) == [1, 2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.fault("E9")
def test_encodings(encoding: str) -> None:
    given = "utf-8" if encoding == "utf-8-sig" else encoding
    assert read("größe\n1\n2\n".encode(encoding), encoding=given).columns == ("größe",)


@pytest.mark.fault("E9")
def test_names_in_any_script_are_kept() -> None:
    assert read("السعر,価格,😀\n1,2,3\n", target=["価格", "😀", "السعر"]).columns == ("価格", "😀", "السعر")


def test_a_file_without_a_header_is_read_by_position() -> None:
    series = read("\n".join(DAYS), header="none", time=0, target=-1)
    assert series.columns == ("column_1",)
    assert values(series)[:2] == [1, 2]


def test_targets_come_first_then_features_then_known_columns() -> None:
    series = read("a,b,c,d\n1,2,3,4\n", target="c", features=["a"], known=[3])
    assert series.columns == ("c", "a", "d")
    assert values(series) == [3, 1, 4]


@pytest.mark.fault("E5")
def test_decimal_comma_and_thousands() -> None:
    assert values(read('a;b\n"1.234,5";x\n2,25;y\n', decimal=",", thousands=".", target="a")) == [
        1234.5,
        2.25,
    ]


@pytest.mark.fault("E10")
def test_comment_lines_are_left_out_and_counted() -> None:
    series = read('# it, "said\ny\n1\n# more\n2\n', comment="#")
    assert values(series) == [1, 2]
    assert series.notes == ("2 comment lines left out of d.csv",)


@pytest.mark.parametrize(
    ("policy", "expected", "note"),
    [
        ("drop", [1, 4], "2 rows dropped for missing values (missing=drop)"),
        ("ffill", [1, 1, 1, 4], '2 missing values in column "y" filled (missing=ffill)'),
        ("interpolate", [1, 2, 3, 4], '2 missing values in column "y" filled (missing=interpolate)'),
    ],
)
@pytest.mark.fault("E5")
def test_missing_values(policy: str, expected: list[float], note: str) -> None:
    series = read("y,z\n1,a\n?,b\n,c\n4,d\n", missing=policy, na=["?"], target="y")
    assert values(series) == expected
    assert series.notes == (note,)


def test_a_blank_line_in_a_table_of_one_column_is_a_missing_value_but_not_at_the_end() -> None:
    assert values(read("y\n1\n\n3\n\n\n", missing="interpolate")) == [1, 2, 3]


def test_interpolation_follows_the_dates() -> None:
    rows = ["2020-01-01,0", "2020-01-02,", "2020-01-05,4"]
    assert values(daily(rows, missing="interpolate", gaps="ignore", target="y")) == [0, 1, 4]


@pytest.mark.parametrize(("policy", "expected"), [("first", [1, 2, 3]), ("last", [1, 9, 3]), ("mean", [1, 5.5, 3])])
@pytest.mark.fault("E7")
def test_duplicated_dates(policy: str, expected: list[float]) -> None:
    series = daily([*DAYS[:2], "2020-01-02,9", DAYS[2]], duplicates=policy)
    assert values(series) == expected
    assert series.notes == (f"1 row merged with another of the same date (duplicates={policy})",)


@pytest.mark.fault("E7")
def test_unsorted_dates_are_sorted_on_request() -> None:
    series = daily([DAYS[1], DAYS[0], *DAYS[2:5]], unsorted="sort")
    assert values(series) == [1, 2, 3, 4, 5]
    assert series.notes == ("1 row sorted in that went back in time (unsorted=sort)",)


@pytest.mark.parametrize(("policy", "third"), [("ffill", 2), ("interpolate", 3)])
def test_gaps_are_filled_with_new_rows(policy: str, third: float) -> None:
    series = daily([*DAYS[:2], *DAYS[3:]], gaps=policy)
    assert values(series)[:4] == [1, 2, third, 4]
    assert len(series.time) == 20
    assert series.notes == (f"1 absent row added (gaps={policy})",)


def test_gaps_can_be_ignored() -> None:
    series = daily([*DAYS[:2], *DAYS[3:]], gaps="ignore")
    assert len(series.values) == 19
    assert series.frequency == "D"


STAMPS = {
    "years": (["1990", "1991", "1992"], "1991-01-01", "YS-JAN"),
    "months": (["2020-01", "2020-02", "2020-03"], "2020-02-01", "MS"),
    "digits": (["20200101", "20200102", "20200103"], "2020-01-02", "D"),
    "year and month": (["202001", "202002", "202003"], "2020-02-01", "MS"),
    "quarters": (["2020Q1", "2020Q2", "2020Q3"], "2020-04-01", "QS-JAN"),
    "month names": (["Jan 2020", "Feb 2020", "Mar 2020"], "2020-02-01", "MS"),
    "day first": (["30/01/2020", "31/01/2020", "01/02/2020"], "2020-01-31", "D"),
    "month first": (
        ["1/30/2020 11:00 AM", "1/30/2020 12:00 PM", "1/30/2020 1:00 PM"],
        "2020-01-30T12:00",
        "h",
    ),
    "weekdays": ([f"2020-01-{d:02d}" for d in (1, 2, 3, 6, 7, 8, 9, 10, 13, 14, 15)], "2020-01-02", "B"),
    "mixed precision": (
        ["2020-01-01", "2020-01-01 00:15", "2020-01-01 00:30:00"],
        "2020-01-01T00:15",
        "15min",
    ),
    "one zone": ([f"2020-01-0{d}T00:00-03:30" for d in (1, 2, 3)], "2020-01-02", "D"),
}


@pytest.mark.parametrize("case", STAMPS)
def test_dates_as_people_write_them(case: str) -> None:
    stamps, second, frequency = STAMPS[case]
    series = daily([f"{stamp},{row}" for row, stamp in enumerate(stamps)], target="y")
    assert series.time[1] == np.datetime64(second)
    assert series.frequency == frequency


def test_a_format_settles_ambiguous_dates() -> None:
    rows = ["01/02/2020,1", "02/02/2020,2", "03/02/2020,3"]
    assert daily(rows, time_format="%d/%m/%Y").time[0] == np.datetime64("2020-02-01")
    assert daily(rows, time_format="%m/%d/%Y", gaps="ignore").time[0] == np.datetime64("2020-01-02")


@pytest.mark.parametrize(("unit", "zeros"), [("s", ""), ("ms", "000"), ("ns", "000000000")])
def test_epoch_time_in_a_given_unit(unit: str, zeros: str) -> None:
    rows = [f"{1577836800 + 60 * row}{zeros},{row}" for row in range(3)]
    series = daily(rows, time_format=unit, target="y")
    assert series.time[1] == np.datetime64("2020-01-01T00:01")


@pytest.mark.fault("E7")
def test_mixed_zones_are_converted_on_request() -> None:
    rows = ["2020-03-29T01:00+01:00,1", "2020-03-29T03:00+02:00,2", "2020-03-29T04:00+02:00,3"]
    series = daily(rows, time_zone="UTC")
    assert series.frequency == "h"
    assert series.notes == ("dates converted to UTC",)


def test_a_date_over_several_columns() -> None:
    text = "year,month,day,hour,y\n2020,1,31,22,1\n2020,1,31,23,2\n2020,2,1,0,3\n"
    series = read(text, time=["year", "month", "day", "hour"])
    assert series.time[2] == np.datetime64("2020-02-01")
    assert series.frequency == "h"


def test_a_date_and_a_time_of_day_in_two_columns() -> None:
    text = "d;t;y\n16/12/2006;23:59:00;1\n17/12/2006;00:00:00;2\n17/12/2006;00:01:00;3\n"
    series = read(text, time=["d", "t"])
    assert series.time[1] == np.datetime64("2006-12-17")


def test_a_long_table_is_cut_into_series_in_the_order_of_their_names() -> None:
    rows = [f"{name},2020-01-{day:02d},{day + shift}" for day in range(1, 5) for name, shift in (("B", 0), ("A", 10))]
    series = read("\n".join(["unique_id,ds,y", *rows]), series="unique_id", time="ds", target="y")
    assert series.ids == ("B", "A")
    assert series.offsets.tolist() == [0, 4, 8]
    assert values(series) == [1, 2, 3, 4, 11, 12, 13, 14]


@pytest.mark.fault("E13")
def test_values_are_never_filled_from_another_series() -> None:
    rows = ["A,1", "A,2", "B,", "B,4"]
    series = read("\n".join(["s,y", *rows]), series="s", target="y", missing="drop")
    assert series.offsets.tolist() == [0, 2, 3]


@pytest.mark.fault("E8")
def test_a_constant_column_is_remarked_on() -> None:
    assert read("y\n2\n2\n").notes == ('column "y" is constant (2)',)
    assert read("y\n2\n3\n").notes == ()


def test_parquet_knows_its_own_types() -> None:
    import pandas as pd

    frame = pd.DataFrame({"when": pd.date_range("2020", periods=5, freq="h"), "y": range(5), "s": "text"})
    frame.to_parquet("d.parquet")
    series = csv(path="d.parquet", time="when").read()
    assert series.columns == ("y",)
    assert series.frequency == "h"
    assert values(series) == [0, 1, 2, 3, 4]


def test_settings_that_contradict_each_other_are_found_without_reading() -> None:
    found = csv(path="absent.csv", thousands=",", decimal=",", time_format="s", target="y").check()
    assert 'data.decimal: "," is the thousands mark, too' in found
    assert "data.time_format: there are no dates to apply it to; name their column with data.time" in found
    assert csv(path="absent.csv", target="y").check() == []


def test_the_airline_series(shared_data: Path) -> None:
    path = shared_data / "airline_passengers" / "airline-passengers.csv"
    series = csv(path=str(path), time="Month").read()
    assert series.columns == ("Passengers",)
    assert (len(series.values), series.values[0, 0], series.values[-1, 0]) == (144, 112, 432)
    assert series.frequency == "MS"
    assert series.notes == ()


def test_etth1_is_read_exactly(shared_data: Path) -> None:
    path = shared_data / "ett" / "ETTh1.csv.gz"
    columns = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"]
    series = csv(path=str(path), time="date", target=columns).read()
    with gzip.open(path, "rt") as lines:
        first = [float(cell) for cell in list(lines)[1].split(",")[1:]]
    assert series.values.shape == (17_420, 7)
    assert series.values[0].tolist() == first
    assert series.frequency == "h"


@pytest.mark.parametrize("duplicates", ["first", "last", "mean"])
@pytest.mark.parametrize("place", ["first", "last"])
def test_an_empty_cell_among_rows_of_one_date_is_found_wherever_it_is_used(duplicates: str, place: str) -> None:
    pair = ["2020-01-05,", "2020-01-05,7"]
    lines = [f"2020-01-{d:02d},{d}" for d in range(1, 30) if d != 5]
    lines[4:4] = pair if place == "first" else pair[::-1]
    Path("t.csv").write_text("date,y\n" + "\n".join(lines) + "\n")
    source = csv(path="t.csv", time="date", target="y", duplicates=duplicates)
    if duplicates in ("mean", place):
        with pytest.raises(DataError, match=r'column "y": 1 missing value \(line \d+\)'):
            source.read()
        assert replace(source, missing="ffill").read().values[4, 0] == 4
    else:
        assert source.read().values[4, 0] == 7
