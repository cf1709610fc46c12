"""Files are there whole or not at all, and what a full disk does not take is not lost."""

from __future__ import annotations

import errno
import os
import zipfile
from pathlib import Path

import pytest
from small_disk import KB, SmallDisk, mounted_disk

from rnnexp import disk
from rnnexp.disk import GrowingFile, put_whole, require_room, write_whole
from rnnexp.errors import ResourceError

LINES = [b"%d,%s\n" % (number, b"x" * (number % 90)) for number in range(3000)]


@pytest.mark.fault("B2")
@pytest.mark.parametrize("left", [0, 1, 5])
def test_what_a_full_disk_does_not_take_is_written_once_there_is_room(small_disk: SmallDisk, left: int) -> None:
    file = GrowingFile(small_disk.folder / "lines")
    for number, line in enumerate(LINES):
        if number == 1000:
            small_disk.fill(left)
        if number == 2000:
            assert file.error is not None
            assert file.error.errno in disk.FULL
            assert file.size() == sum(map(len, LINES[:2000]))
            assert file.read(0, 1 << 20) == b"".join(LINES[:2000])  # may be stored nevertheless
            assert file.read(5000, 100) == b"".join(LINES)[5000:5100]
            small_disk.free()
        file.append(line)
    assert file.flush()
    assert (small_disk.folder / "lines").read_bytes() == b"".join(LINES)
    assert file.error is None


@pytest.mark.fault("B5")
def test_what_follows_a_file_that_was_removed_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    file = GrowingFile(path)
    file.append(b"one\n")
    path.unlink()
    file.append(b"two\n")
    assert (file.size(), file.read(4, 9)) == (8, b"two\n")
    assert file.read(0, 9)[3:] == b"\ntwo\n"  # none of what was lost is taken for a line


@pytest.mark.fault("B5")
def test_a_file_whose_folder_was_removed_keeps_what_follows(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    file = GrowingFile(tmp_path / "a" / "lines")
    file.append(b"one\n")
    (tmp_path / "a" / "lines").unlink()
    (tmp_path / "a").rmdir()
    file.append(b"two\n")
    assert (file.flush(), file.size(), file.read(4, 9)) == (False, 8, b"two\n")


def test_half_a_line_of_a_process_that_was_killed_is_ended_first(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntw")
    GrowingFile(path).append(b"three\n")
    assert path.read_bytes() == b"one\ntw\nthree\n"


@pytest.mark.fault("B1")
def test_a_file_that_does_not_fit_leaves_what_was_there_and_nothing_else(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "one.json"
    write_whole(path, "old")
    small_disk.fill(4)
    with pytest.raises(OSError, match="one.json") as caught:
        write_whole(path, "new" * 100 * KB)
    assert caught.value.errno in disk.FULL
    assert path.read_text() == "old"
    assert {each.name for each in small_disk.folder.iterdir()} <= {"one.json", "filler"}
    small_disk.free()
    write_whole(path, "new")
    assert path.read_text() == "new"


@pytest.mark.fault("B1")
def test_a_folder_that_does_not_fit_leaves_nothing_whatever_its_writer_raises(small_disk: SmallDisk) -> None:
    def write(folder: Path) -> None:
        folder.mkdir()
        with zipfile.ZipFile(folder / "model.zip", "w") as whole, whole.open("weights", "w") as part:
            part.write(os.urandom(100 * KB))  # the file cannot be closed then: ValueError

    small_disk.fill(16)
    with pytest.raises(OSError, match="File too large|No space left"):
        put_whole(small_disk.folder / "model", write)
    assert {each.name for each in small_disk.folder.iterdir()} <= {"filler"}
    small_disk.free()
    put_whole(small_disk.folder / "model", write)
    put_whole(small_disk.folder / "model", write)  # in the place of the first
    assert [each.name for each in (small_disk.folder / "model").iterdir()] == ["model.zip"]


def test_a_mistake_of_the_writer_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError, match="division"):
        put_whole(tmp_path / "a", lambda path: path.write_text(str(1 / 0)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("B3")
def test_too_little_room_is_refused_with_what_is_needed_and_what_is_free(tmp_path: Path) -> None:
    with pytest.raises(
        ResourceError, match=r"the run needs about [\d,]+\.\d MB of room, and [\d,]+\.\d MB is free; make"
    ):
        require_room(tmp_path, 1 << 60, "the run needs about")
    require_room(tmp_path, 0, "the run needs about")


@pytest.mark.fault("B1")
def test_a_disk_without_room_for_another_name_is_full_too(tmp_path: Path) -> None:
    with mounted_disk(tmp_path / "names", "nr_inodes=8") as names:
        if not names.mounted:  # nothing else makes a file system run out of them
            return
        for number in range(5):
            write_whole(names.folder / f"{number}", "")
        with pytest.raises(OSError, match="No space left") as caught:
            put_whole(names.folder / "many", lambda path: [*map(Path.mkdir, (path, path / "a", path / "b"))])
        assert caught.value.errno == errno.ENOSPC


@pytest.mark.fault("A7")
def test_an_interruption_between_a_write_and_its_answer_doubles_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, write = GrowingFile(tmp_path / "lines"), os.write

    def write_and_be_interrupted(descriptor: int, data: bytes) -> int:
        write(descriptor, data)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", write_and_be_interrupted)
    with pytest.raises(KeyboardInterrupt):
        file.append(b"first\n")
    monkeypatch.setattr(os, "write", write)
    file.append(b"second\n")
    assert (tmp_path / "lines").read_bytes() == b"first\nsecond\n"
