"""Wide files of many series, as the M4 competition gives them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from rnnexp import tasks
from rnnexp.config.compose import compose
from rnnexp.data.sources.m4 import m4
from rnnexp.data.splits import Split
from rnnexp.data.tables.wide import read_wide
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks import load

TRAIN = '"V1","V2","V3","V4"\n"W1","1.5","2","3"\n"W2","4","5",""\n'
TEST = '"V1","V2","V3"\n"W2","6","7"\n"W1","8","9"\n'


def wide(text: str, name: str = "wide.csv") -> Path:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text(text)
    return Path(name)


def both(train: str = TRAIN, test: str = TEST) -> None:
    wide(train, "m4/Weekly-train.csv")
    wide(test, "m4/Weekly-test.csv")


def test_test_values_follow_the_training_values_of_their_series() -> None:
    both()
    series = m4(group="Weekly").read()
    assert (series.ids, series.offsets.tolist()) == (("W1", "W2"), [0, 5, 9])
    assert series.values.ravel().tolist() == [1.5, 2, 3, 8, 9, 4, 5, 6, 7]


def test_the_test_file_can_be_left_alone() -> None:
    wide(TRAIN, "m4/Weekly-train.csv")
    assert m4(group="Weekly", rows="train").read().values.ravel().tolist() == [1.5, 2, 3, 4, 5]


OFFICIAL = {  # horizon and rows per season of the R code; the shortest real training part
    "Yearly": (6, 1, 13),
    "Quarterly": (8, 4, 16),
    "Monthly": (18, 12, 42),
    "Weekly": (13, 1, 80),
    "Daily": (14, 1, 93),
    "Hourly": (48, 24, 700),
}


def line(label: str, values: np.ndarray) -> str:
    return ",".join([label, *map(str, values.round(3))])


@pytest.mark.parametrize("group", OFFICIAL)
def test_a_group_is_all_that_need_be_given(group: str) -> None:
    horizon, season, shortest = OFFICIAL[group]
    generator = np.random.default_rng(0)
    rows = {f"{group[0]}{i}": 9 + generator.random(shortest + 30 * i + horizon) for i in (0, 1)}
    header = "V1,V2\n"
    wide(header + "\n".join(line(key, all_[:-horizon]) for key, all_ in rows.items()), f"m4/{group}-train.csv")
    wide(header + "\n".join(line(key, all_[-horizon:]) for key, all_ in rows.items()), f"m4/{group}-test.csv")
    source = compose("data=m4", f"data.group={group}").data
    dataset = load(source)
    assert (source.horizon, source.season, dataset.season) == (horizon, season, season if season > 1 else None)
    assert dataset.borders["test"].tolist() == [[end - horizon, end] for end in dataset.history.offsets[1:]]
    assert set(dataset.parts) == {"train", "test"}
    assert tasks.of("forecasting").primary_metric(dataset) == "owa"


def test_what_is_given_goes_before_what_the_group_tells() -> None:
    given = ("data.horizon=6", "data.season=4", "data.split.val=6")
    data = compose("data=m4", "data.group=Monthly", *given).data
    assert (data.horizon, data.season) == (6, 4)
    assert data.split == Split(train=None, val=6, test=6)  # type: ignore[call-arg]
    assert compose("data=m4", "data.split=none").data.split == "none"
    shares = compose("data=m4", "data.split.train=0.8", "data.split.test=0.2").data.split
    assert (shares.train, shares.val, shares.test) == (0.8, 0, 0.2)


def test_another_group_of_a_sweep_has_its_own_horizon() -> None:
    found = [compose("data=m4", f"data.group={group}").data.horizon for group in ("Daily", "Yearly")]
    assert found == [14, 6]


@pytest.mark.parametrize(
    "given", ["data.group=monthly", "data.group=12", "data.horizon=0", "data.season=0", "data.split.test=-1"]
)
def test_what_no_group_has_is_refused(given: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{given.partition('=')[0]}: "):
        compose("data=m4", given)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Train/Weekly-train.csv", "Test/Weekly-test.csv"),
        ("m4/Train/Weekly-train.csv", "m4/Test/Weekly-test.csv"),
        ("Weekly-train.csv", "Weekly-test.csv"),
    ],
)
def test_files_are_found_as_the_organizers_have_them(train: str, test: str) -> None:
    folder = "." if train.startswith("Train") else "m4"
    for name, text in ((train, TRAIN), (test, TEST)):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        wide(text, name)
    assert m4(group="Weekly", folder=folder).read().ids == ("W1", "W2")


def test_a_packed_file_is_read_as_a_plain_one() -> None:
    wide("", "m4/Weekly-train.csv").unlink()
    Path("m4/Weekly-train.csv.gz").write_bytes(gzip.compress(TRAIN.encode()))
    assert len(m4(group="Weekly", rows="train").read().values) == 5
    wide(TRAIN, "m4/Weekly-train.csv")
    with pytest.raises(DataError, match="lie side by side; keep one of them"):
        m4(group="Weekly", rows="train").read()


def test_a_series_without_test_values_is_named() -> None:
    both(test=TEST.replace("W1", "W3"))
    with pytest.raises(DataError, match="2 series are in only one of the two files, such as `W1`"):
        m4(group="Weekly").read()


@pytest.mark.fault("E1")
def test_an_absent_file_says_where_to_get_it() -> None:
    with pytest.raises(DataError, match=r"Hourly-train.csv.*Where to get it: folder Dataset of https://github.com"):
        m4().read()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("W1,1,two,3", 'line 2: series `W1` has a cell that is not a usable number: "two"'),
        ("W1,1,,3", "line 2: series `W1` has an empty cell before a value: V3"),
        ("W1,,,", "line 2: series `W1` has no values"),
        ("W1,1,2,3\nW1,4,5,6", "line 3: series `W1` is there twice"),
        ("", "there is nothing below the header"),
    ],
)
@pytest.mark.fault("E6")
def test_a_flawed_row_is_named(row: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_wide(wide(f"V1,V2,V3,V4\n{row}\n"))


def test_the_real_series_end_with_the_values_of_the_organizers(shared_data: Path) -> None:
    dataset = load(m4(root=str(shared_data), sequence_length=24, stride=24))
    assert (dataset.summary.series, dataset.summary.sizes["test"]) == (414, 414)
    assert dataset.history.values[-1].item() == 24.0
