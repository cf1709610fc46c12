"""What a file holds besides its table: read past where only one reading exists, else refused with what reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp.data.inspect import inspect
from rnnexp.data.series import Series
from rnnexp.data.sources.csv import csv
from rnnexp.data.tables.columns import Table
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.places import Counts
from rnnexp.data.tables.remedy import Refused, Undecided
from rnnexp.data.tables.table import read_cells, read_table
from rnnexp.errors import DataError

SEPARATORS = (",", ";", "\t", "|")
NAMES = ["date", "y", "z"]
ROWS = [[f"2020-01-{day:02d}", f"{day}.5", f"{day * 7 % 10}"] for day in range(1, 13)]
TRUTH = [[day + 0.5, float(day * 7 % 10)] for day in range(1, 13)]


def table(rows: list[list[str]] | None = None, names: list[str] | None = None, separator: str = ",") -> list[str]:
    every = [NAMES if names is None else names, *(ROWS if rows is None else rows)]
    return [separator.join(cells) for cells in every]


def write(lines: list[str], name: str = "d.csv", end: str = "\n", encoding: str = "utf-8") -> Path:
    path = Path(name)
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def read(lines: list[str], **settings: object) -> Series:
    path = write(lines)
    return csv(**{"path": str(path), "time": "date", "target": ["y", "z"], **settings}).read()


def table_of(lines: list[str], layout: Layout | None = None) -> Table:
    return read_table(write(lines), layout or Layout(), Wanted(("date",), None, ("y", "z")))


def assert_true(series: Series) -> None:
    assert series.values.tolist() == TRUTH
    assert series.time is not None
    assert str(series.time[0])[:10] == "2020-01-01"


def test_lines_above_the_header_are_left_out_and_told() -> None:
    series = read(["Station 7", "", *table()], skip_lines=2)
    assert_true(series)
    assert series.notes == ("2 lines left out (data.skip_lines) of d.csv",)


def test_lines_below_the_rows_are_left_out_and_told() -> None:
    series = read([*table(), "", "Source: office, 2020", ""], skip_footer=3)
    assert_true(series)
    assert series.notes == ("3 lines left out (data.skip_footer) of d.csv",)


@pytest.mark.parametrize("skip", [[3, 4], ["Deg C", "Avg"], [3, "Avg"]])
def test_rows_are_left_out_by_line_or_by_a_cell(skip: list[int | str]) -> None:
    rows = [["TS", "Deg C", "%"], ["", "Avg", "Smp"], *ROWS]
    series = read(["TOA5", *table(rows)], skip_lines=1, skip_rows=skip)
    assert_true(series)
    assert series.notes == ("3 lines left out (data.skip_lines and data.skip_rows) of d.csv",)


def test_a_column_that_is_called_like_rows_left_out_stays() -> None:
    rows = [*ROWS, ["Total", "9", "9"]]
    series = read(table(rows, ["date", "Total", "z"]), target=["Total", "z"], skip_rows=["Total"])
    assert_true(series)


def test_the_line_that_names_the_separator_is_read_past_and_told() -> None:
    for separator in SEPARATORS:
        series = read([f"sep={separator}", *table(separator=separator)])
        assert_true(series)
        assert series.notes == ('line 1 only names the separator ("sep=") of d.csv',)


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("where", ["header", "rows", "both", "some rows"])
def test_separators_at_the_end_of_lines_add_no_column(separator: str, where: str) -> None:
    lines = table(separator=separator)
    for row in range(len(lines)):
        if where == "both" or (where == "header") == (row == 0) and not (where == "some rows" and row % 3):
            lines[row] += separator
    series = read(lines)
    assert_true(series)
    told = "1 column without name and values of d.csv"
    assert (told in series.notes) == (where in ("header", "both"))
    assert series.notes


def test_a_cell_too_many_that_is_not_empty_is_no_separator_at_the_end() -> None:
    lines = table()
    lines[4] += ",7"
    with pytest.raises(DataError, match=r"a row has another number of cells than expected: line 5 \(4 cells\)"):
        read(lines)


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("place", [1, 5, 13])
def test_rows_of_empty_cells_are_left_out_where_there_are_dates(separator: str, place: int) -> None:
    lines = table(separator=separator)
    lines[place:place] = [separator * 2, separator * 2, " " + separator + " ", ""]
    series = read(lines)
    assert_true(series)
    assert series.notes == ("2 rows of empty cells left out of d.csv",)


def test_a_row_of_empty_cells_is_a_step_where_there_are_no_dates() -> None:
    with pytest.raises(DataError, match=r'column "y": 1 missing value \(line 3\)'):
        read(["y,z", "1,2", ",", "3,4"], time=None)


BROKEN = ["2020-01-13", '"1\n"', "2"]
REPEATED = ",".join(NAMES)
BELOW = table()[1:]
MORE_THAN_A_TABLE = {
    "a title": (["Hourly temperature", "", *table()], {"skip_lines": 2}),
    "a title of as many cells": (["Report,of,2020", *table()], {"skip_lines": 1}),
    "a title that a spreadsheet filled up": (["Report,,", ",,", *table()], {"skip_lines": 2}),
    "keys and values": (["Station: 7", "Lat: 47.1", "", *table()], {"skip_lines": 3}),
    "keys and values in cells": (["Station,Bern", "Lat,47.1", "Lon,8.5", "", *table()], {"skip_lines": 4}),
    "keys and values of as many cells": (["Station,Bern,x", "Lat,47.1,8", *table()], {"skip_lines": 2}),
    "names of groups": ([",Site A,", *table()], {"skip_lines": 1}),
    "a logger": (['"TOA5","St7","CR1000","123"', *table([["TS", "Deg C", "%"], ["", "Avg", "Smp"], *ROWS])],
                 {"skip_lines": 1, "skip_rows": [3, 4]}),
    "a logger with empty columns": (
        ["TOA5,St7,CR1000,123,Hourly", "date,y,z,,", *(f"{row},," for row in table([["TS", "[kWh]", "%"], *ROWS])[1:])],
        {"skip_lines": 1, "skip_rows": [3]}),
    "a title like names": (["Zeitreihe; Quelle: Amt; Stand: 2020", *table(separator=";")], {"skip_lines": 1}),
    "units": (table([["yyyy-mm-dd", "°C", "%"], *ROWS]), {"skip_rows": [2]}),
    "units with numbers": (table([["TS", "1000 t", "10 m"], ["", "Avg", "Avg"], *ROWS]), {"skip_rows": [2, 3]}),
    "units with numbers only": (table([["", "1000 t", ""], ["", "Tot", ""], *ROWS]), {"skip_rows": [2, 3]}),
    "units of some": (table([["", "degC", ""], *ROWS]), {"skip_rows": [2]}),
    "a total": (table([*ROWS, ["Total", "90", "54"]]), {"skip_rows": ["Total"]}),
    "totals of years": (table([*ROWS[:5], ["Total 2019", "1", "2"], *ROWS[5:], ["Total 2020", "1", "2"]]),
                        {"skip_rows": ["Total 2019", "Total 2020"]}),
    "a total of nothing": (table([*ROWS[:5], ["Subtotal", "", ""], *ROWS[5:]]), {"skip_rows": ["Subtotal"]}),
    "a total of a remark": (["date,y,z,r", *(f"{row},x" for row in table()[1:6]), "Subtotal,,,x",
                             *(f"{row}," for row in table()[6:])], {"skip_rows": ["Subtotal"]}),
    "a column without cells": (["Report", *(f"{row},{'' if n else 'x'}" for n, row in enumerate(table()))],
                                              {"skip_lines": 1}),
    "units wider than the rows": ([f"{row},," for row in [*table([["TS", "m/s", "%,,d"]]), *table()[1:]]],
                                  {"skip_rows": [2]}),
    "a logger with numbered rows": (['"TOA5","St7","CR1000","123","x",555', *table([["TS", "%", "m"]]),
                                     *(f"{row},{line}" for row, line in enumerate(table()[1:], 1))],
                                    {"skip_lines": 2, "skip_rows": [3], "header": ["row", *NAMES]}),
    "a German sum": (table([*ROWS, ["Summe", "90", "54"]]), {"skip_rows": ["Summe"]}),
    "an average": (table([*ROWS, ["Average:", "9,5", "4"]], separator=";"), {"skip_rows": ["Average:"]}),
    "a footer": ([*table(), "", "Source: office", "* provisional", "3 rows exported", ""], {"skip_footer": 5}),
    "a footer of as many cells": ([*table(), "Source: office, Bern, 2020"], {"skip_footer": 1}),
    "a footer in one cell": ([*table(), "Copyright 2020,,"], {"skip_footer": 1}),
    "a repeated header": (table([*ROWS[:5], NAMES, *ROWS[5:]]), {"skip_rows": ["date"]}),
    "a repeated header above units": (table([["TS", "m/s", "%"], *ROWS[:5], NAMES, *ROWS[5:]]),
                                      {"skip_rows": [2, "date"]}),
    "a repeated header with its units": (table([["TS", "m/s", "%"], *ROWS[:5], NAMES, ["TS", "m/s", "%"], *ROWS[5:]]),
                                         {"skip_rows": [2, "date", "TS"]}),
    "headings": (["date,y,z", "Year 2020", *table()[1:6], "Year 2021", *table()[6:]], {"skip_rows": [2, 8]}),
    "comments": (["# a", "# b, c", *table(), "# end"], {"comment": "#"}),
    "names of rows without a name": (["y,z", *table(names=NAMES)[1:]], None),
    "numbers of rows without a name": ([REPEATED, *(f"{row},{line}" for row, line in enumerate(table()[1:], 1))],
                                       {"skip_lines": 1, "header": ["row", *NAMES]}),
    "numbers of rows before dates with a comma": (
        ["Quelle: Amt", "", REPEATED, *(f'{row},"Jan {row}, 2020",{row}.5,{row * 7 % 10}' for row in range(1, 13))],
        {"skip_lines": 3, "header": ["row", *NAMES]}),
    "letters of rows without a name": ([REPEATED, *(f"{'abc'[row % 3]},{line}" for row, line in enumerate(BELOW))],
                                       {"skip_lines": 1, "header": ["row", *NAMES]}),
    "numbers of rows, and remarks below the first row": (
        ["date,y,z,w", *(f"{row},{line},{'rain' if row % 3 else ''}" for row, line in enumerate(BELOW))],
        {"skip_lines": 1, "header": ["row", *NAMES, "w"]}),
    "numbers of rows by name, and remarks without": (
        ["id,date,y,z", *(f"{row},{line},rain" for row, line in enumerate(BELOW))],
        {"skip_lines": 1, "header": ["id", *NAMES, "last_column"]}),
    "numbers of rows, and an empty column": (["date,y,z,w", *(f"{row},{line}," for row, line in enumerate(BELOW))],
                                             {"skip_lines": 1, "header": ["row", *NAMES, "w"]}),
    "all of it": (["Report", "", "Owner: me", *table([["TS", "m/s", "%"], *ROWS[:4], ["Total", "1", "2"], *ROWS[4:],
                                                      ["Total", "1", "2"]]), "", "Source: x"],
                  {"skip_lines": 3, "skip_rows": [5, "Total"], "skip_footer": 2}),
}  # fmt: skip


@pytest.mark.parametrize("case", [case for case, (_, settings) in MORE_THAN_A_TABLE.items() if settings])
def test_more_than_a_table_is_refused_with_what_reads_it(case: str) -> None:
    lines, settings = MORE_THAN_A_TABLE[case]
    with pytest.raises(Refused, match="lines? [0-9]") as caught:
        read(lines)
    assert [remedy.settings for remedy in caught.value.remedies] == [settings]
    assert_true(read(lines, **caught.value.remedies[0].settings))


@pytest.mark.parametrize("case", MORE_THAN_A_TABLE)
def test_all_cells_are_refused_like_the_columns_of_a_run(case: str) -> None:
    with pytest.raises(Refused, match="lines? [0-9]"):
        read_cells(write(MORE_THAN_A_TABLE[case][0]), Layout())
    read_cells(write(table()), Layout())


READINGS = {
    "two headers": (["date,first,second", "day,y,z", *table()[1:]], ["date, first, second", "day, y, z"]),
    "names of rows": (["y,z", *table()[1:]], ["the first column has no name", "the last column has no name"]),
    "a name too many": (["date,y,z,w", *table()[1:]], ['no column for "w"', 'no column for "date"']),
    "names too many": (["date,y,z,v,w", *table()[1:]], ['no column for "v" and "w"', 'no column for "date" and "y"']),
    "a name too many, but not where it is repeated": (
        ["date,y,z,w", *table()[1:6], "date,y,z", *table()[6:]],
        ['no column for "w"', 'no column for "date"'],
    ),
    "a name too many above units": (
        ["date,y,z,w", "[-],m/s,count", *BELOW],
        ['no column for "w"', 'no column for "date"'],
    ),
    "two tables": ([*table(), "", "name,count", "1,2", "3,4"], ["lines 1 to 13", "lines 15 to 17"]),
    "two tables alike": ([*table(), "", "date,a,b", *table()[1:]], ["lines 1 to 13", "lines 15 to 27"]),
    "a small table first": (["count,share", "1,2", "3,4", "", *table()], ["lines 1 to 3", "lines 5 to 17"]),
}


@pytest.mark.parametrize("case", READINGS)
def test_between_several_readings_the_user_chooses(case: str) -> None:
    lines, meanings = READINGS[case]
    with pytest.raises(Refused, match="Say which is meant") as caught:
        read(lines, target=None)
    found = caught.value.remedies
    assert [meaning in remedy.meaning for meaning, remedy in zip(meanings, found, strict=True)] == [True] * len(found)
    for remedy in found:
        read_cells(Path("d.csv"), Layout().change(remedy.settings))


@pytest.mark.parametrize("mark", ["^", ":", "~", "!", "/", "§"])
def test_an_unusual_separator_is_found_where_it_cuts_all_lines_alike(mark: str) -> None:
    finding, series = inspect(str(write(table(separator=mark))), {})
    assert finding.settings["separator"] == mark
    assert series.values[:, 0].tolist() == [row[0] for row in TRUTH]
    with pytest.raises(DataError, match="unreadable date|no column of numbers"):
        inspect(str(write([*table(separator=mark), f"2020-01-13{mark}1{mark}2{mark}3"])), {})


GROUPS = {
    "above": (["Place,north,north,south,south", "date,y,z,y,z"], {}, ["north_y", "north_z", "south_y", "south_z"]),
    "above, over several columns": (
        [",north,,south,", "date,y,z,y,z"],
        {},
        ["north_y", "north_z", "south_y", "south_z"],
    ),
    "below": (["date,y,z,y,z", "Place,a,a,b,b"], {"skip_rows": [2]}, ["y_a", "z_a", "y_b", "z_b"]),
    "below a title and above": (["Data of 2020", "", ",a,,b,", "date,y,z,y,z"], {}, ["a_y", "a_z", "b_y", "b_z"]),
    "not at all": (["date,y,z,y,z"], {}, ["y_1", "z_1", "y_2", "z_2"]),
    "not by a title": (["Data of 2020", "date,y,z,y,z"], {}, ["y_1", "z_1", "y_2", "z_2"]),
    "not by what is alike": (["date,y,z,y,z", "Date,m,m,m,m"], {"skip_rows": [2]}, ["y_1", "z_1", "y_2", "z_2"]),
}


@pytest.mark.parametrize("case", GROUPS)
def test_columns_of_the_same_name_are_told_apart_by_the_line_beside_the_header(case: str) -> None:
    head, settings, names = GROUPS[case]
    rows = [",".join([day, *(f"{number}.{place}" for place in range(4))]) for number, (day, *_) in enumerate(ROWS)]
    finding, series = inspect(str(write([*head, *rows])), settings)
    assert finding.settings["header"] == ["date", *names]
    assert series.values[:, 0].tolist() == [float(f"{number}.2") for number in range(12)]  # the last y


@pytest.mark.parametrize("number", ["{}.5", "-{}.5", "{},025"])
@pytest.mark.parametrize("numbers", [1, 2, 3])
@pytest.mark.parametrize("whole", [None, 0, 7])
def test_numbers_that_the_separator_cuts_are_no_columns(number: str, numbers: int, whole: int | None) -> None:
    names = ["date", "y", "z", "u"][: 1 + numbers]
    cells = [[number.replace(".", ",").format(day)] * numbers for day in range(1, 13)]
    if whole is not None:
        cells[whole][0] = "7"
    rows = [[day, *own] for (day, *_), own in zip(ROWS, cells)]
    with pytest.raises(DataError, match=f"{len(names)} names, the rows have {1 + 2 * numbers} cells: a comma"):
        inspect(str(write(table(rows, names))), {})
    assert inspect(str(write(table(rows, names, ";"))), {"decimal": ","})[1].values.shape == (12, 1)


@pytest.mark.parametrize("lines", [["20,5", "21,5", "22,0"], ["value", "20,5", "21,5", "22,0"]])
def test_a_single_column_of_decimal_commas_is_a_question_that_reads_it(lines: list[str]) -> None:
    path = str(write(lines))
    with pytest.raises(Undecided, match='"20,5" is one number'):
        inspect(path, {})
    assert inspect(path, {"separator": ";"})[1].values.tolist() == [[20.5], [21.5], [22.0]]


@pytest.mark.parametrize("result", [np.sum, np.mean])
def test_a_row_of_sums_or_means_without_a_date_is_told_as_a_total(result: Any) -> None:
    total = ",".join(f"{value:.2f}" for value in result(TRUTH, axis=0))
    lines = [*table()[:1], ",1,2", *table()[1:], f",{total}"]
    with pytest.raises(Refused, match="without a date hold the sums or means") as caught:
        read(lines, skip_rows=[2])
    assert caught.value.remedies[0].settings == {"skip_rows": [2, len(lines)]}
    assert_true(read(lines, **caught.value.remedies[0].settings))
    for other in (",1,2", ",,1"):
        with pytest.raises(DataError, match="1 empty date"):
            read([*table(), other])


def test_totals_of_parts_and_of_all_are_told() -> None:
    sums = [",".join(f"{value:g}" for value in np.sum(part, axis=0)) for part in (TRUTH[:5], TRUTH[5:], TRUTH)]
    lines = [*table()[:6], f",{sums[0]}", *table()[6:], f",{sums[1]}", f",{sums[2]}"]
    with pytest.raises(Refused, match="sums or means of those above") as caught:
        read(lines)
    assert_true(read(lines, **caught.value.remedies[0].settings))


@pytest.mark.parametrize("skip", [{"skip_lines": 1}, {"skip_rows": ["Total"]}, {"skip_footer": 2}])
def test_lines_of_parquet_cannot_be_left_out(skip: dict[str, Any]) -> None:
    pd.DataFrame({"date": ["2020-01-01", "2020-01-02"], "y": [1.0, 2.0]}).to_parquet("p.parquet")
    with pytest.raises(
        DataError, match=f"data.{next(iter(skip))}: leaves out lines of text, but this is a Parquet file"
    ):
        csv(path="p.parquet", time="date", target="y", **skip).read()
    assert csv(path="p.parquet", time="date", target="y").read().values.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("comments", [["# a"], ["# a", "# b"]])
def test_comments_at_the_beginning_are_no_lines_that_are_left_out(comments: list[str]) -> None:
    lines = [*comments, "Report", "", *table()]
    with pytest.raises(Refused, match="data.skip_lines=2") as caught:
        read(lines, comment="#")
    assert_true(read(lines, **caught.value.remedies[0].settings))
    numbered = [*comments, *MORE_THAN_A_TABLE["numbers of rows without a name"][0]]
    with pytest.raises(Refused, match="data.skip_lines=1 ") as caught:
        read(numbered, comment="#")
    assert_true(read(numbered, **caught.value.remedies[0].settings))


def test_numbers_with_signs_in_the_first_row_are_no_units() -> None:
    rows = [[date, f"+{y} €", z] for date, y, z in ROWS]
    with pytest.raises(Refused, match="Read it with data.skip_lines=1"):
        read_cells(write(["Report", *table(rows)]), Layout())


FLAWED = {
    "a word": ([*table()[:3], "2020-01-20,low,3", *table()[3:]], "line 4"),
    "a word at the end": ([*table(), "2020-01-20,low,3"], "line 14"),
    "a word at the beginning": (["date,y,z", "2020-01-20,low,3", *table()[1:]], "line 2"),
    "no date": ([*table()[:3], "tomorrow,2,3", *table()[3:]], "line 4"),
    "a cell too many": ([*table()[:3], "2020-01-20,1,3,5", *table()[3:]], r"line 4 \(4 cells\)"),
    "torn": ([*table(), "2020-01"], r"line 14 \(1 cell\)"),
}


@pytest.mark.parametrize("case", FLAWED)
def test_a_flawed_row_is_not_left_out(case: str) -> None:
    lines, message = FLAWED[case]
    with pytest.raises(DataError, match=message) as caught:
        read(lines)
    remedies = getattr(caught.value, "remedies", ())
    assert not any(key.startswith("skip") for remedy in remedies for key in remedy.settings)


def test_a_total_of_regions_is_a_series_like_others() -> None:
    rows = [[region, date, y] for region in ("Bern", "Total") for date, y, _ in ROWS]
    series = read(table(rows, ["region", "date", "y"]), target="y", series="region")
    assert series.ids == ("Bern", "Total")


STRUCTURE = {
    "plain": (table(), Layout(), Counts(13, 1, 0, 0, 0, 12, 12)),
    "blank": (["", *table(), "", ""], Layout(), Counts(16, 1, 0, 3, 0, 12, 12)),
    "comments": (["# a", *table(), "# b"], Layout(comment="#"), Counts(15, 1, 0, 0, 2, 12, 12)),
    "skipped": (["t", *table(), "f"], Layout(skip_lines=1, skip_footer=1, skip_rows=(4,)),
                Counts(15, 1, 3, 0, 0, 11, 11)),
    "breaks": (table([*ROWS, BROKEN]), Layout(), Counts(15, 1, 0, 0, 0, 14, 13)),
    "broken header": (table([[*row, ""] for row in ROWS], [*NAMES, '"a\nb"']), Layout(),
                      Counts(14, 2, 0, 0, 0, 12, 12)),
    "skipped breaks": (table([*ROWS, ['"\n\n"', "x", "2"]]), Layout(skip_rows=("x",)),
                       Counts(16, 1, 3, 0, 0, 12, 12)),
    "empty": (table([*ROWS, ["", "", ""]]), Layout(), Counts(14, 1, 0, 0, 0, 13, 13, 1)),
    "declared": (["sep=,", *table(), "  "], Layout(), Counts(15, 1, 1, 1, 0, 12, 12)),
}  # fmt: skip


@pytest.mark.parametrize("case", STRUCTURE)
def test_every_line_of_a_file_is_accounted_for(case: str) -> None:
    lines, layout, counts = STRUCTURE[case]
    found = table_of(lines, layout)
    assert found.counts == counts
    assert found.counts.adds_up
    assert found.counts.rows == len(found.values)


def test_a_lost_line_would_be_seen() -> None:
    assert not Counts(lines=14, header=1, record_lines=12, records=12).adds_up
    assert (Counts(13, 1, 0, 0, 0, 12, 12) + Counts(13, 1, 0, 0, 0, 12, 12)).lines == 26


def test_all_cells_are_given_as_text_with_their_lines() -> None:
    names, columns, lines = read_cells(
        write(["t", *table([["2020-01-01", " 1 ", "a"], ["", "", ""], ["b", "2", ""]])]), Layout(skip_lines=1)
    )
    assert names == ("date", "y", "z")
    assert columns == [["2020-01-01", "b"], ["1", "2"], ["a", ""]]
    assert np.array_equal(lines, [3, 5])


HEADERS = {
    "gb18030": ["日期,销量", "时间,温度", "日期,收盘价,成交量", "城市,人口(万)", "年份,北京,上海"],
    "big5": ["日期,銷量", "時間,溫度", "年份,臺北"],
    "shift_jis": ["日付,売上", "時刻,気温", "データ,平均"],
    "cp932": ["年月,東京(℃)①"],
    "euc_jp": ["日付,売上", "時刻,気温データ"],
    "euc_kr": ["날짜,매출", "시간,기온", "연도,서울"],
    "cp1252": ["Datum,Größe", "Datum,Höhe", "Temp (°C),y", "température,à", "año,ventas", "µg/m³,NO2", "Überschuß,Öl",
               "date,prix €", "Malmö,Ærø", "Jahr,Ärzte", "t,Preis – netto"],
    "cp1250": ["miesiąc,ilość", "rok,příjem"],
    "iso8859-2": ["miesiąc,ilość"],
    "cp1251": ["Дата,Продажи", "Месяц,Выручка", "дата,кВт·ч"],
    "koi8-r": ["Дата,Продажи"],
    "cp1253": ["Ημερομηνία,Τιμή"],
    "mac-roman": ["Datum,Größe", "température,y", "Temp (°C),y"],
}  # fmt: skip
UNCLEAR = {
    "mètres,y": ("cp1252", "cp1250"),
    "datum,počet": ("cp1250", "cp1252"),
    "ДАТА,СУММА": ("cp1251", "koi8-r"),
    "Tarih,Satış": ("cp1254", "cp1252"),
    "Höhe,y": ("mac-roman", "cp1252"),
    "dátum,főváros": ("cp1250", "cp1252"),
    "库存,编码": ("gb18030", "euc_jp"),
    "朝阳,概览": ("gb18030", "euc_kr"),
}


def save(header: str, encoding: str) -> None:
    rows = "".join(f"2020-01-{row % 28 + 1:02d}{',1.5' * header.count(',')}\n" for row in range(200))
    Path("d.csv").write_bytes(f"{header}\n{rows}".encode(encoding))


@pytest.mark.parametrize(("encoding", "header"), [(one, header) for one, many in HEADERS.items() for header in many])
def test_the_encoding_of_a_file_is_found_where_only_its_header_tells(encoding: str, header: str) -> None:
    save(header, encoding)
    with pytest.raises(Refused, match="not valid utf-8: byte 0x.*it reads") as caught:
        read_cells(Path("d.csv"), Layout())
    assert len(caught.value.remedies) == 1
    names, _, _ = read_cells(Path("d.csv"), Layout().change(caught.value.remedies[0].settings))
    assert names == tuple(header.split(","))


@pytest.mark.parametrize("header", UNCLEAR)
def test_where_several_encodings_make_words_the_user_sees_how_each_reads(header: str) -> None:
    encoding, other = UNCLEAR[header]
    save(header, encoding)
    with pytest.raises(Refused, match="Say which is meant: data.encoding=.* or data.encoding=") as caught:
        read_cells(Path("d.csv"), Layout())
    meanings = {remedy.settings["encoding"]: remedy.meaning for remedy in caught.value.remedies}
    assert {encoding, other} <= set(meanings)
    assert meanings[encoding] != meanings[other]
    assert [word for word in header.split(",") if not word.isascii()][0] in meanings[encoding]


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.fault("E4", "E9", "E10")
def test_marks_of_encodings_and_ends_of_lines_are_obeyed(separator: str, end: str, encoding: str) -> None:
    write(table(names=["date", "y", "größe"], separator=separator), end=end, encoding=encoding)
    series = csv(path="d.csv", time="date", target=["y", "größe"]).read()
    assert_true(series)
    marked = encoding in ("utf-16", "utf-32")
    assert series.notes == ((f"{encoding}, by the byte-order mark of d.csv",) if marked else ())


@pytest.mark.parametrize("encoding", ["utf-16-be", "utf-32-be"])
def test_the_other_order_of_bytes_is_told_by_the_mark(encoding: str) -> None:
    write(["\ufeff" + ",".join(NAMES), *table()[1:]], encoding=encoding)
    assert_true(csv(path="d.csv", time="date", target=["y", "z"]).read())


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.fault("E9")
def test_utf_16_without_a_mark_is_named(encoding: str) -> None:
    write(table(), encoding=encoding)
    with pytest.raises(Refused, match=f"Read it with data.encoding={encoding}"):
        csv(path="d.csv", time="date", target=["y", "z"]).read()
    assert_true(csv(path="d.csv", time="date", target=["y", "z"], encoding=encoding).read())


def test_a_title_in_another_encoding_takes_two_advices() -> None:
    write(["Größe in °C", "", *table()], encoding="cp1252")
    with pytest.raises(Refused, match=r"Read it with data.encoding=cp1252 \(it reads Größe, °C\)"):
        csv(path="d.csv", time="date", target=["y", "z"]).read()
    with pytest.raises(Refused, match="Read it with data.skip_lines=2"):
        csv(path="d.csv", time="date", target=["y", "z"], encoding="cp1252").read()


NAMED = {
    "blanks around": (' date , y,"z "', ("date", "y", "z")),
    "a line break": ('date,"y\nkWh",z', ("date", "y\nkWh", "z")),
    "no name": ("date,,z", ("date", "column_1", "z")),
    "a quote": ('date,"y ""net""",z', ("date", 'y "net"', "z")),
    "numbers": ("date,1h,2h", ("date", "1h", "2h")),
    "years": ("date,2019,2020", ("date", "2019", "2020")),
    "twice, but not used": ("date,y,y", ("date", "y", "y")),
}


@pytest.mark.parametrize("case", NAMED)
def test_names_are_read_as_they_are_written_but_for_blanks_around_them(case: str) -> None:
    header, names = NAMED[case]
    found, columns, lines = read_cells(write([header, *table()[1:]]), Layout())
    assert found == names
    assert len(columns[0]) == len(lines) == 12


@pytest.mark.parametrize("header", ["date,y,y", 'date,"y",y', '"date",y,"y\n"'])
@pytest.mark.fault("E4")
def test_a_name_that_is_there_twice_takes_a_number(header: str) -> None:
    write([header, *table()[1:]])
    with pytest.raises(Refused, match=r'2 columns are called "y" \(positions 1, 2\)') as caught:
        csv(path="d.csv", time="date", target="y").read()
    (remedy,) = caught.value.remedies
    assert remedy.settings["header"] == ["date", "y_1", "y_2"]
    series = csv(path="d.csv", time="date", target="y_2", **remedy.settings).read()
    assert series.values.ravel().tolist() == [row[1] for row in TRUTH]


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.fault("E10")
def test_the_separator_is_decided_by_all_lines(separator: str) -> None:
    rows = [[f"2020-01-{row % 28 + 1:02d}", str(row), "7"] for row in range(300)]
    lines = [*(f"Station: {row}" for row in range(260)), *table(rows, separator=separator)]
    assert len(read(lines, skip_lines=260, time=None).values) == 300
    with pytest.raises(Refused, match="Read it with data.skip_lines=260"):
        read(lines)


TEXTS = [f'"a{mark} b"' for mark in ",;|"] + ["word; other", "x | y"]
WITHIN = [(separator, text) for separator in SEPARATORS for text in TEXTS if '"' in text or separator not in text]


@pytest.mark.parametrize(("separator", "text"), WITHIN)
def test_other_separators_within_cells_do_not_count(separator: str, text: str) -> None:
    rows = [[date, f'"{y}"', text] for date, y, _ in ROWS]
    assert read(table(rows, separator=separator), target="y").values.ravel().tolist() == [row[0] for row in TRUTH]


@pytest.mark.parametrize("separator", SEPARATORS)
def test_a_blank_in_a_name_makes_no_column(separator: str) -> None:
    lines = table([[str(row), *cells] for row, cells in enumerate(ROWS, 1)], ["date", "y (kW h)", "z"], separator)
    with pytest.raises(Refused, match="has 3 names, the rows have 4 cells. Read it with"):
        read(lines)
