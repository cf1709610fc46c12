"""Logs and journals that grow while somebody looks, and what is said once they do not grow any more."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sweeping import UNTRACKED, Quick, run

from rnnexp.cli.main import main
from rnnexp.run_folder import hold
from rnnexp.sweeps.follow import SweepReader, Tail, find_end_of_run, find_log, follow_log
from rnnexp.sweeps.state import JOURNAL


def read_all(tail: Tail) -> bytes:
    return b"".join(line for lines in iter(tail.read, []) for line in lines)


def test_a_log_that_does_not_exist_yet_is_read_once_it_does(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "job.log")
    assert tail.read() == []
    tail.path.write_bytes(b"one\ntw")
    assert tail.read() == [b"one\n"]
    with tail.path.open("ab") as file:
        file.write(b"o\n")
    assert tail.read() == [b"two\n"]
    assert tail.close() == []


@pytest.mark.parametrize("way", ["moved with its folder", "moved", "replaced", "emptied"])
def test_a_log_in_the_place_of_another_is_read_from_its_beginning(tmp_path: Path, way: str) -> None:
    folder = tmp_path / "3"
    folder.mkdir()
    tail = Tail(folder / "job.log")
    tail.path.write_bytes(b"first\nhalf")
    assert tail.read() == [b"first\n"]
    if way == "moved with its folder":
        folder.rename(tmp_path / "3.attempt1")
        assert tail.read() == []
        folder.mkdir()
    elif way == "moved":
        tail.path.rename(folder / "earlier.log")
    if way == "replaced":
        (folder / "new").write_bytes(b"2nd\n")
        (folder / "new").replace(tail.path)
    else:
        tail.path.write_bytes(b"2nd\n")
    assert read_all(tail) == b"half2nd\n"


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("text", [b"", b"one", b"one\n", b"one\ntwo\nthree\n", b"one\n\nthree", b"\xff\n\xfe\r\n" * 3])
def test_the_last_lines_are_those_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes, count: int
) -> None:
    monkeypatch.setattr("rnnexp.sweeps.follow.CHUNK", 4)
    tail = Tail(tmp_path / "a.log")
    tail.path.write_bytes(text)
    tail.skip_to_last(count)
    lines = text.removesuffix(b"\n").split(b"\n") if text else []
    kept = b"\n".join(lines[len(lines) - min(count, len(lines)) :])
    assert (read_all(tail) + b"".join(tail.close())).removesuffix(b"\n") == kept


def following(path: Path, ended: Callable[[], str | None], last: int | None = None) -> Iterator[str]:
    return follow_log(path, last, ended, lambda: True)


def test_what_is_written_between_the_last_look_and_the_end_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "job.log"

    def ended() -> str:
        path.write_bytes(b"the last \xff words\nand half a line")
        return "job 3: done"

    assert list(following(path, ended)) == ["the last \ufffd words\n", "and half a line\n", "job 3: done\n"]


def test_half_a_letter_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "job.log"
    whole = "ü\n".encode()
    looks = iter([whole[:1], whole[1:2], whole[2:]])

    def ended() -> str | None:
        with path.open("ab") as file:
            file.write(next(looks, b""))
        return "done" if path.read_bytes() == whole else None

    assert list(following(path, ended)) == ["ü\n", "done\n"]


def test_following_ends_when_nobody_reads(tmp_path: Path) -> None:
    assert list(follow_log(tmp_path / "job.log", None, lambda: None, lambda: False)) == []


def test_the_log_of_a_run_is_found_under_whatever_name(tmp_path: Path) -> None:
    assert find_log(tmp_path) == tmp_path / "train.log"
    assert find_log(tmp_path / "jobs" / "3").name == "job.log"
    (tmp_path / "mine.log").touch()
    assert find_log(tmp_path).name == "mine.log"
    (tmp_path / "train.log").touch()
    assert find_log(tmp_path).name == "train.log"


def test_a_run_has_ended_once_nobody_holds_its_folder(tmp_path: Path) -> None:
    with hold(tmp_path):
        assert find_end_of_run(tmp_path) is None
    assert find_end_of_run(tmp_path) == f"run {tmp_path.name}: has ended"


def test_a_folder_that_has_just_been_made_is_waited_for_and_an_old_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "train.log").touch()
    assert find_end_of_run(tmp_path) is None
    os.utime(tmp_path, (time.time() - 100, time.time() - 100))
    assert find_end_of_run(tmp_path) is not None


def logs(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["logs", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_log_of_a_job_is_printed_by_its_number(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(*UNTRACKED, "seed=0,1", name="mine")
    (folder / "jobs" / "1" / "job.log").write_bytes(b"one\ntwo\xff\nthree")
    capsys.readouterr()
    whole = "one\ntwo\ufffd\nthree"
    for place in (["mine", "1"], ["last", "1"], [str(folder), "1"], [str(folder / "jobs" / "1")], ["min", "1"]):
        assert logs(capsys, *place) == (0, whole, "")
    assert logs(capsys, "mine", "1", "-n", "2") == (0, "two\ufffd\nthree", "")
    assert logs(capsys, "mine", "1", "-n", "0")[:2] == (0, "")
    code, out, _ = logs(capsys, "mine", "1", "--follow", "-n", "1")
    first, last = out.splitlines()
    assert (code, first) == (0, "three")
    assert last.startswith("job 1: done, best/val/loss 0.")


def test_a_log_that_nobody_can_have_is_refused_in_a_sentence(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(*UNTRACKED, "seed=0,1", name="mine")
    capsys.readouterr()
    assert logs(capsys, "mine")[0::2] == (
        2,
        "rnnexp: mine is a sweep; name one of its jobs that have begun (0, 1)\n",
    )
    assert logs(capsys, "mine", "7")[0::2] == (2, "rnnexp: the sweep mine has no job 7: it has 0 to 1\n")
    assert "there is no run or sweep `mein` below ./runs; did you mean `mine`?" in logs(capsys, "mein")[2]
    assert "leave the number 3 out" in logs(capsys, str(folder / "jobs" / "1"), "3")[2]
    (folder / "jobs" / "1" / "job.log").unlink()
    assert "job 1 of mine has no log: job 1: done" in logs(capsys, "mine", "1")[2]


def test_a_job_of_a_sweep_that_nobody_runs_is_not_waited_for(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(*UNTRACKED, "seed=0,1", name="mine")
    lines = (folder / JOURNAL).read_text().splitlines(keepends=True)
    (folder / JOURNAL).write_text("".join(line for line in lines if '"event":"end"' not in line))
    capsys.readouterr()
    code, out, _ = logs(capsys, "mine", "1", "--follow")
    assert code == 0
    assert out.startswith("job 1: its sweep is not running; to resume: rnnexp train -m")


def test_a_run_is_followed_from_before_its_log_until_it_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runs" / "sine" / "one"
    release, written = threading.Event(), threading.Event()

    def live() -> None:
        with hold(folder):
            written.set()
            time.sleep(0.3)
            (folder / "train.log").write_text("epoch 1\n")
            release.wait(20)
            (folder / "error.txt").touch()

    thread = threading.Thread(target=live)
    thread.start()
    assert written.wait(20)
    threading.Timer(0.8, release.set).start()
    assert logs(capsys, "one", "--follow") == (
        0,
        "epoch 1\nrun one: has failed, see error.txt in its folder\n",
        "",
    )
    thread.join()


@pytest.mark.parametrize("way", ["closed pipe", "Ctrl-C"])
def test_following_ends_with_its_reader(tmp_path: Path, way: str) -> None:
    folder = tmp_path / "runs" / "sine" / "one"
    with hold(folder):
        (folder / "train.log").write_text("epoch 1\n")
        command = [sys.executable, "-m", "rnnexp", "logs", "one", "--follow"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "epoch 1\n"
            if way == "closed pipe":
                process.stdout.close()
            else:
                process.send_signal(signal.SIGINT)
            assert process.wait(60) == (0 if way == "closed pipe" else 130)
            assert "Traceback" not in (process.stderr.read() if process.stderr else "")


def test_a_reader_of_a_journal_sees_half_lines_only_once_they_are_whole(quick: Quick) -> None:
    folder = run(*UNTRACKED, "seed=0,1", name="mine")
    whole = (folder / JOURNAL).read_bytes()
    (folder / JOURNAL).write_bytes(whole[:-5])
    reader = SweepReader(folder)
    assert not reader.state.closed
    with (folder / JOURNAL).open("ab") as file:
        file.write(whole[-5:])
    assert [event["event"] for event in reader.read()] == ["closed"]
    assert reader.verdict() == (0, "it has ended")
