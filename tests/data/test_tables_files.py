"""Finding files: every place that was looked in is named, and what comes near."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest

from rnnexp.data.sources.csv import csv
from rnnexp.data.tables.files import unchanged
from rnnexp.data.tables.locate import locate, locate_folder
from rnnexp.errors import DataError

TEXT = "y\n1\n2\n3\n"


def write(name: str, text: str = TEXT) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.fault("E1")
def test_an_absent_file_names_the_places_the_nearest_file_and_where_to_get_it(tmp_path: Path) -> None:
    write("ETTh1.csv")
    root = write("root/other.csv").parent
    with pytest.raises(DataError) as caught:
        locate("ETTh2.csv", str(root), "https://example.org/ett")
    message = str(caught.value)
    assert f"there is no file `ETTh2.csv` in {tmp_path} nor {tmp_path / 'root'}" in message
    assert "near it: ETTh1.csv" in message
    assert message.endswith("Where to get it: https://example.org/ett")


@pytest.mark.fault("E1")
def test_an_absent_folder_is_named() -> None:
    with pytest.raises(DataError, match=r"\(the folder nowhere does not exist\)"):
        locate("nowhere/a.csv")


def test_a_relative_path_is_found_in_the_root_and_first_in_the_working_directory() -> None:
    write("root/a.csv")
    assert locate("a.csv", "root") == [Path("root/a.csv")]
    write("a.csv")
    assert locate("a.csv", "root") == [Path("a.csv")]


def test_the_root_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    write("elsewhere/a.csv")
    monkeypatch.setenv("RNNEXP_DATA", "elsewhere")
    assert len(csv(path="a.csv").read().values) == 3


@pytest.mark.fault("E1")
def test_a_directory_is_no_file() -> None:
    write("folder/a.csv")
    with pytest.raises(
        DataError, match=re.escape("is a directory, not a file. It holds a.csv. For all its files as")
    ) as told:
        locate("folder")
    assert "put labels.csv beside them" in str(told.value)
    write("folder/labels.csv")
    with pytest.raises(DataError, match="labels.csv needs a column with their names and one with their labels"):
        locate("folder")


@pytest.mark.parametrize("address", ["https://example.org/a.csv", "http://x/*.csv", "file:///etc/passwd", "s3://b/a"])
@pytest.mark.fault("E18")
def test_an_address_is_not_fetched_and_told_to_be_one(address: str) -> None:
    for find in (locate, locate_folder):
        with pytest.raises(DataError, match=f"^{re.escape(address)}: is an address, and only files are read: download"):
            find(address)


@pytest.mark.fault("E1")
def test_a_broken_link_is_named_with_its_goal() -> None:
    os.symlink("gone.csv", "link.csv")
    with pytest.raises(DataError, match="link.csv: is a broken link to gone.csv"):
        locate("link.csv")


@pytest.mark.fault("E1")
def test_a_glob_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(DataError, match=re.escape("*.tsv: no file matches `*.tsv` in")):
        locate("*.tsv")


def test_a_glob_finds_files_in_name_order_and_brackets_in_a_real_name_are_no_glob() -> None:
    write("b.csv")
    write("a.csv")
    assert locate("*.csv") == [Path("a.csv"), Path("b.csv")]
    assert locate(str(write("x[1].csv"))) == [Path("x[1].csv")]


@pytest.mark.parametrize("name", ["with space.csv", "größe-日本-😀.csv", "a#b%20.csv", "x" * 200 + ".csv"])
@pytest.mark.fault("B10", "E9")
def test_strange_names_are_read(name: str) -> None:
    assert csv(path=str(write(name))).read().source == name


@pytest.mark.fault("E11")
def test_a_name_that_promises_another_format_is_refused() -> None:
    write("a.csv.gz")
    write("a.parquet")
    with pytest.raises(DataError, match="is named .gz but is not gzip"):
        csv(path="a.csv.gz").read()
    with pytest.raises(DataError, match="is named .parquet but is not parquet"):
        csv(path="a.parquet").read()


@pytest.mark.fault("E17")
def test_a_file_that_changes_while_it_is_read_is_refused() -> None:
    path = write("a.csv")
    with pytest.raises(DataError, match="a.csv: the file changed while it was read"), unchanged(path):
        path.write_text(TEXT + "4\n")
    with unchanged(path):
        path.read_text()


def test_files_of_one_series_are_put_in_the_order_of_time() -> None:
    write("a.csv", "d,y\n2020-01-03,3\n2020-01-04,4\n")
    write("b.csv", "d,y\n2020-01-01,1\n2020-01-02,2\n")
    assert csv(path="*.csv", time="d").read().values.ravel().tolist() == [1, 2, 3, 4]


def test_files_that_overlap_are_refused_unless_both_policies_allow_it() -> None:
    write("a.csv", "d,y\n2020-01-01,1\n2020-01-02,2\n")
    write("b.csv", "d,y\n2020-01-02,4\n2020-01-03,5\n")
    with pytest.raises(DataError, match=r"a.csv and b.csv overlap: 2 rows from 2020-01-01 to 2020-01-02"):
        csv(path="*.csv", time="d").read()
    series = csv(path="*.csv", time="d", unsorted="sort", duplicates="mean").read()
    assert series.values.ravel().tolist() == [1, 3, 5]
    assert series.notes == ("1 row merged with another of the same date (duplicates=mean)",)


def test_a_flaw_in_one_of_several_files_names_that_file() -> None:
    write("a.csv", "d,y\n2020-01-01,1\n2020-01-02,2\n")
    write("b.csv", "d,y\n2020-01-03,\n2020-01-04,5\n")
    with pytest.raises(DataError, match=r"a.csv and 1 more file: column \"y\": 1 missing value \(line 2 of b.csv\)"):
        csv(path="*.csv", time="d", target="y").read()


@pytest.mark.fault("E4")
def test_files_with_other_columns_are_refused() -> None:
    write("a.csv", "y\n1\n")
    write("b.csv", "z\n1\n")
    with pytest.raises(DataError, match='b.csv: data.target: there is no column "y"'):
        csv(path="*.csv").read()


@pytest.mark.fault("E11")
def test_gzip_is_recognized_by_its_content() -> None:
    Path("a.csv").write_bytes(gzip.compress(TEXT.encode()))
    assert len(csv(path="a.csv").read().values) == 3
