"""Data of many rows: what is done piece by piece gives what the whole gives, from memory and from a mapped file."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import rnnexp as rx
from rnnexp import disk, tasks
from rnnexp.data import large
from rnnexp.data.calendar import write_dates
from rnnexp.data.dataset import Part, digest
from rnnexp.data.sources.csv import csv
from rnnexp.data.tables import mapped, mapped_files
from rnnexp.errors import DataError, ResourceError
from rnnexp.evaluation import metrics
from rnnexp.tasks.forecasting import leaks

ROWS, PARTS = 3000, 3


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let two thousand rows be many."""
    sizes = {"LARGE": 2000, "PIECE": 300, "SAMPLE": 200, "RUN": 16, "POOL": 256}
    for name, size in sizes.items():
        monkeypatch.setattr(large, name, size)
    monkeypatch.setattr(mapped, "PIECE", 300)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write parts of a table, the last first, beside the mark that Spark leaves."""
    folder, random = tmp_path / "parts", np.random.default_rng(0)
    folder.mkdir()
    for part in range(PARTS):
        row = np.arange(part * 1000, (part + 1) * 1000)
        time = (row * 60).astype("datetime64[s]").astype("datetime64[ns]")
        columns = {"time": time, "y": np.sin(row / 5) + random.normal(size=1000) / 5 + 5, "x": row % 7}
        pq.write_table(pa.table(columns), folder / f"part-{PARTS - part}.parquet", row_group_size=400)
    (folder / "_SUCCESS").touch()
    return folder


def source(folder: Path, **more: Any) -> csv:
    return csv(**{"path": str(folder), "time": "time", "target": "y", "features": ["x"], **more})


def cached(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache/rnnexp/tables").glob("*"))


def load_both(monkeypatch: pytest.MonkeyPatch, settings: csv) -> tuple[Any, Any]:
    """Return the data of a mapped file, and the same read in memory."""
    in_file = tasks.load(settings)
    with monkeypatch.context() as patch:
        patch.setattr(mapped, "read_mapped", lambda *_: None)
        in_memory = tasks.load(settings)
    return in_file, in_memory


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"scaler": ["log", "difference", "standard"], "horizon": 3},
        {"scaler": ["seasonal_difference", "robust"], "season": 7, "calendar": ["hour"]},
        {"scaler": ["minmax", "instance"]},
    ],
)
def test_a_mapped_file_gives_what_memory_gives(
    monkeypatch: pytest.MonkeyPatch, folder: Path, more: dict[str, Any]
) -> None:
    in_file, in_memory = load_both(monkeypatch, source(folder, **more))
    assert isinstance(in_file.reading.series.values.base, np.memmap)
    assert not isinstance(in_memory.reading.series.values.base, np.memmap)
    assert in_file.summary == in_memory.summary
    assert in_file.scaling == in_memory.scaling
    assert in_file.reading.series.tally == in_memory.reading.series.tally
    for name, part in in_file.parts.items():
        other = in_memory.parts[name]
        assert part.order(1, 2, 32).tobytes() == other.order(1, 2, 32).tobytes()
        for key, array in part.arrays.items():
            assert array.tobytes() == other.arrays[key].tobytes()
    assert not list(leaks.leaks(in_file))


def test_scaling_piece_by_piece_is_scaling_of_the_whole(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    settings = source(folder, scaler=["log", "seasonal_difference", "standard"], season=7)
    pieces = tasks.load(settings)
    monkeypatch.setattr(large, "LARGE", ROWS)
    whole = tasks.load(settings)
    first, second = pieces.parts["train"], whole.parts["train"]
    assert not np.array_equal(first.order(1, 1, 32), second.order(1, 1, 32))
    np.testing.assert_array_equal(first.indices, second.indices)
    np.testing.assert_allclose(first.arrays["values"], second.arrays["values"], rtol=1e-5, atol=1e-5)


def test_many_windows_are_sampled_and_it_is_said(folder: Path) -> None:
    data = tasks.load(source(folder))
    assert len(data.parts["train"]) > 2000
    assert 100 < len(data.parts["test"]) <= 200
    assert len(np.unique(np.diff(data.starts("test")))) == 1
    assert len(data.list_learned_starts()) <= 200
    assert "windows of test, evenly spread, are scored" in data.summary.notes[-1]


def test_parts_are_put_in_the_order_of_their_dates(folder: Path) -> None:
    series = source(folder).read()
    assert (np.diff(series.time) == np.timedelta64(60, "s")).all()
    assert series.frequency == "min"


def test_the_cache_is_made_once_and_anew_for_other_content(folder: Path, tmp_path: Path) -> None:
    source(folder).read()
    (path,) = cached(tmp_path)
    before = path.stat().st_ino
    source(folder).read()
    assert [one.stat().st_ino for one in cached(tmp_path)] == [before]
    table = pq.read_table(folder / "part-1.parquet").to_pandas()
    table.loc[3, "y"] += 1e-9
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), folder / "part-1.parquet")
    source(folder).read()
    assert len(cached(tmp_path)) == 2


def test_nothing_half_is_left_where_writing_fails(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    written = mapped._put

    def put(file: Any, batch: Any, done: int, sources: Any) -> int:
        if done > 1000:
            raise OSError(28, "No space left on device")
        return written(file, batch, done, sources)

    monkeypatch.setattr(mapped, "_put", put)
    with pytest.raises(OSError, match="No space left"):
        source(folder).read()
    assert cached(tmp_path) == []


def test_a_file_of_the_cache_that_was_cut_is_made_again(folder: Path, tmp_path: Path) -> None:
    whole = source(folder).read().values.tobytes()
    (path,) = cached(tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    (path.parent / ".tmp-999999999-x.table").touch()
    assert source(folder).read().values.tobytes() == whole
    assert cached(tmp_path) == [path]


def test_what_is_unused_for_long_goes_when_another_table_is_written(folder: Path, tmp_path: Path) -> None:
    source(folder).read()
    (old,) = cached(tmp_path)
    os.utime(old, (0, 0))
    source(folder, features=[]).read()
    assert len(cached(tmp_path)) == 1
    assert not old.exists()


def test_what_is_mapped_stays_however_old_it_is(folder: Path, tmp_path: Path) -> None:
    held = source(folder).read()
    (old,) = cached(tmp_path)
    os.utime(old, (0, 0))
    source(folder, features=[]).read()
    assert old.exists()
    del held
    mapped_files.prune(old.parent, 0)
    assert not old.exists()


def test_the_oldest_goes_where_the_cache_takes_too_much_of_the_disk(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    for day, features in enumerate(([], ["x"])):
        known = set(cached(tmp_path))
        source(folder, features=features).read()
        (new,) = set(cached(tmp_path)) - known
        os.utime(new, (time.time(), time.time() - 1000 + day))
    older, newer = sorted(cached(tmp_path), key=lambda path: path.stat().st_mtime)
    sizes = older.stat().st_size, newer.stat().st_size
    monkeypatch.setattr(mapped_files.shutil, "disk_usage", lambda _: disk.shutil._ntuple_diskusage(1, 1, sizes[1]))
    mapped_files.prune(newer.parent, 0)
    assert cached(tmp_path) == [newer]


def test_a_disk_without_room_is_said_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: disk.shutil._ntuple_diskusage(10, 5, 5))
    with pytest.raises(ResourceError, match="the table as it is mapped takes 0.1 MB of room"):
        source(folder).read()
    assert cached(tmp_path) == []


def test_what_needs_mending_is_read_in_memory_with_its_message(folder: Path, tmp_path: Path) -> None:
    table = pq.read_table(folder / "part-2.parquet").to_pandas()
    table.loc[3, "y"] = np.nan
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), folder / "part-2.parquet")
    with pytest.raises(DataError, match="missing"):
        source(folder).read()
    assert source(folder, missing="interpolate").read().values.shape == (ROWS, 2)
    assert cached(tmp_path) == []


def test_what_needs_mending_and_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "part-2.parquet").unlink()
    for part in (4, 5):
        pq.write_table(pq.read_table(folder / "part-3.parquet"), folder / f"part-{part}.parquet")
    monkeypatch.setattr(mapped.machine, "measure_memory", lambda: 1000)
    with pytest.raises(ResourceError, match="where dates have gaps, go back or occur twice"):
        source(folder).read()


def test_what_takes_much_of_the_memory_is_told_before_it_is_read(
    monkeypatch: pytest.MonkeyPatch, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pq.read_table(folder / "part-3.parquet").to_pandas().to_csv(folder.parent / "one.csv", index=False)
    repeated = folder / "part-4.parquet"
    pq.write_table(pq.read_table(folder / "part-3.parquet"), repeated)
    monkeypatch.setattr(mapped.machine, "measure_free_memory", lambda: 10**6)
    monkeypatch.setattr(mapped.machine, "measure_memory", lambda: 10**9)
    text = csv(path=str(folder.parent / "one.csv"), time="time", target="y")
    assert len(text.read().values) == 1000
    assert caplog.messages == []
    monkeypatch.setattr(mapped.machine, "measure_free_memory", lambda: 10**5)
    text.read()
    source(folder, duplicates="first", unsorted="sort").read()
    told = "; ".join(caplog.messages)
    assert "MB is free: text is read whole; Parquet files are read piece by piece" in told
    assert "4,000 rows are read whole where dates have gaps, go back or occur twice" in told


def test_few_rows_are_no_business_of_the_cache(monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path) -> None:
    monkeypatch.setattr(large, "LARGE", ROWS)
    assert isinstance(source(folder).read().values, np.ndarray)
    assert cached(tmp_path) == []


def test_near_examples_are_each_there_once_and_from_few_places() -> None:
    part = Part({}, np.arange(5000, dtype=np.int32), near=True)
    order = part.order(3, 1, 32)
    assert sorted(order) == list(range(5000))
    assert order.dtype == np.int32
    assert not np.array_equal(order, part.order(3, 2, 32))
    places = [len(np.unique(order[first : first + 256] // 16)) for first in range(0, 4800, 256)]
    assert max(places) <= 33  # of two pools, where a shorter run has moved their border
    spread = Part({}, part.indices).order(3, 1, 32)
    assert len(np.unique(spread[:256] // 16)) > 100  # the control: a shuffle of all


def test_sums_by_pieces_are_close_to_the_whole() -> None:
    rows = np.random.default_rng(0).normal(5, 3, (4000, 2))
    mean, deviation = large.measure_spread(rows)
    np.testing.assert_allclose(mean, rows.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(deviation, rows.std(axis=0), rtol=1e-13)
    expected = np.abs(rows[7:] - rows[:-7]).mean(axis=0)
    np.testing.assert_allclose(metrics.naive_scale(rows, 7), expected, rtol=1e-13)
    assert metrics.naive_scale(rows, 7)[0] != metrics.naive_scale(rows, 8)[0]


def test_arrays_of_many_rows_lie_in_files_without_a_name(tmp_path: Path) -> None:
    many, few = large.make_room((4000, 1), np.float32), large.make_room((10, 1), np.float32)
    assert isinstance(many.base, np.memmap)
    assert few.base is None
    assert not list((tmp_path / "cache/rnnexp").glob("*"))
    many[:] = 1
    assert many.sum() == 4000


def test_a_digest_does_not_depend_on_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, settings = np.random.default_rng(0).normal(size=(4000, 2)), csv(path="a.csv", target="y")
    pieces = digest(settings, rows)
    monkeypatch.setattr(large, "LARGE", 5000)
    assert digest(settings, rows) == pieces != digest(settings, rows[::-1])


def losses(result: Any) -> dict[str, float]:
    return {name: value for name, value in result.metrics.items() if not name.startswith("time/")}


def test_the_losses_are_the_same_to_the_bit(monkeypatch: pytest.MonkeyPatch, folder: Path, tmp_path: Path) -> None:
    words = ["data=csv", f"data.path={folder}", "data.time=time", "data.target=y", "data.features=[x]"]
    words += ["model.units=[2]", "trainer.epochs=2", "trainer.batch_size=512", "tracking=off", "tracking.figures=false"]
    monkeypatch.chdir(tmp_path)
    in_file = rx.run(*words)
    with monkeypatch.context() as patch:
        patch.setattr(mapped, "read_mapped", lambda *_: None)
        in_memory = rx.run(*words)
    assert losses(in_file) == losses(in_memory)
    assert losses(in_file) != losses(rx.run(*words, "seed=1"))


def test_numbers_in_a_file_are_those_of_numpy() -> None:
    for first, stop, step in ((3, 9000, 1), (3, 9000, 4), (5, 5, 1), (9, 2, 3)):
        found = large.number(first, stop, step)
        assert found.dtype == np.int32
        assert found.tolist() == list(range(first, stop, step))
        assert isinstance(found.base, np.memmap) == (len(found) > 2000)


def test_one_date_with_seconds_among_many_rows_has_all_written_so() -> None:
    days = np.datetime64("2020-01-01", "ns") + np.arange(4000) * np.timedelta64(1, "D")
    later = days.copy()
    later[3500] += np.timedelta64(90, "s")
    assert write_dates(days[:1], days) == ["2020-01-01"]
    assert write_dates(days[:1], later) == ["2020-01-01 00:00:00"]
