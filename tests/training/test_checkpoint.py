"""Checkpoints on the disk: whole or absent, checked before they are believed, and nothing in them is run."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.errors import ConfigError, ResourceError
from rnnexp.training import checkpoint
from rnnexp.training.keeper import Cadence, Keeper, TrainingStopped, restore_newest
from rnnexp.training.plan import TrainingPlan
from rnnexp.training.snapshot import Position, Snapshot, fill


class Counting:
    """A training whose state is one array, and its position."""

    def __init__(self) -> None:
        self.at, self.weights = 0, np.zeros(3, np.float32)

    def snapshot(self) -> Snapshot:
        return Snapshot({"weights": self.weights}, Position("toy", "none", self.at, run={"digest": "abc"}))

    def restore(self, snapshot: Snapshot) -> None:
        snapshot.position.require("toy", "none")
        state = fill({"weights": self.weights}, snapshot.arrays)
        self.at, self.weights = snapshot.position.epoch, state["weights"]


def kept(root: Path, *epochs: int) -> None:
    for epoch in epochs:
        training = Counting()
        training.at, training.weights = epoch, np.full(3, epoch, np.float32)
        checkpoint.save(root / checkpoint.name_state(training.snapshot().position), training.snapshot())


def newest(root: Path) -> Path:
    return checkpoint.list_newest(root)[0]


def test_what_is_read_back_is_what_was_written(tmp_path: Path) -> None:
    arrays = {"a/b": np.arange(3, dtype=np.uint32), "text": np.array("Grün"), "nothing": np.array(np.nan)}
    position = Position("keras", "jax", 3, 7, 4, "early_stopping", 1.5, {"digest": "abc"})
    checkpoint.save(tmp_path / "state-1", Snapshot(arrays, position))
    found = checkpoint.load(tmp_path / "state-1")
    assert found.position == position
    assert {name: (array.dtype, array.tobytes()) for name, array in found.arrays.items()} == {
        name: (array.dtype, array.tobytes()) for name, array in arrays.items()
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state-1"]


def write(path: Path, content: bytes) -> None:
    """Write a file and make the manifest agree with it: whoever wrote it meant it."""
    path.write_bytes(content)
    manifest = json.loads((path.parent / checkpoint.MANIFEST).read_text())
    manifest[path.name] = checkpoint._measure_file(path)
    (path.parent / checkpoint.MANIFEST).write_text(json.dumps(manifest))


def archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return file.getvalue()


def array(values: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(values), **options)
    return file.getvalue()


def header(shape: str, kind: str = "<f4") -> bytes:
    """Return an array's header that claims a shape, and no values."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def cut(folder: Path) -> None:
    path = folder / checkpoint.ARRAYS
    path.write_bytes(path.read_bytes()[:-20])


def flip(folder: Path) -> None:
    path = folder / checkpoint.ARRAYS
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def change_meta(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        meta = json.loads((folder / checkpoint.META).read_text())
        write(folder / checkpoint.META, json.dumps(meta | changes).encode())

    return change


def change_arrays(content: bytes) -> Callable[[Path], None]:
    return lambda folder: write(folder / checkpoint.ARRAYS, content)


def link(folder: Path) -> None:
    outside = folder.parent.parent / "outside.npz"
    (folder / checkpoint.ARRAYS).rename(outside)
    (folder / checkpoint.ARRAYS).symlink_to(outside)


ELSEWHERE = {"engine": "toy", "backend": "none", "epoch": 2}
DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut": (cut, r"state.npz: is not as it was written"),
    "flipped": (flip, r"state.npz: is not as it was written"),
    "empty arrays": (lambda f: (f / checkpoint.ARRAYS).write_bytes(b""), r"state.npz: is not as it was written"),
    "empty meta": (lambda f: (f / checkpoint.META).write_bytes(b""), r"meta.json: is not as it was written"),
    "no manifest": (lambda f: (f / checkpoint.MANIFEST).unlink(), r"MANIFEST.json: cannot be read"),
    "empty manifest": (lambda f: (f / checkpoint.MANIFEST).write_bytes(b""), r"MANIFEST.json: cannot be read"),
    "a list as manifest": (lambda f: (f / checkpoint.MANIFEST).write_text("[]"), r"must hold a JSON object"),
    "no arrays": (lambda f: (f / checkpoint.ARRAYS).unlink(), r"state.npz: cannot be read"),
    "a folder as meta": (lambda f: ((f / checkpoint.META).unlink(), (f / checkpoint.META).mkdir()), r"a folder, not"),
    "a link": (link, r"a link that leads out of its folder"),
    "newer": (change_meta(format=99, made_by={"rnnexp": "9.9"}), r"is of format 99, made by .*9\.9"),
    "no position": (change_meta(position=None), r"meta.json: is damaged"),
    "a strange position": (change_meta(position={**ELSEWHERE, "epoch": "two"}), r"meta.json: is damaged: epoch"),
    "another engine": (change_meta(position={**ELSEWHERE, "engine": "keras"}), r"of engine keras on none"),
    "another shape": (change_arrays(archive(("weights.npy", array(np.ones(4, "f4"))))), r"has shape \(4,\)"),
    "another type": (change_arrays(archive(("weights.npy", array(np.ones(3, "f8"))))), r"of float64, needed"),
    "another name": (change_arrays(archive(("other.npy", array(np.ones(3, "f4"))))), r"`weights` is missing"),
    "one more": (
        change_arrays(archive(("weights.npy", array(np.ones(3, "f4"))), ("more.npy", array(1)))),
        r"`more` belongs to nothing",
    ),
    "objects": (change_arrays(archive(("weights.npy", array(np.array([{}]), allow_pickle=True)))), r"holds object"),
    "a pickle": (change_arrays(b"\x80\x04\x95..."), r"state.npz: cannot be read"),
    "a huge shape": (change_arrays(archive(("weights.npy", header("(1000000000000,)")))), r"bytes, which are fewer"),
    "a negative shape": (change_arrays(archive(("weights.npy", header("(-1,)")))), r"cannot be read"),
    "a bomb": (
        change_arrays(archive(("weights.npy", array(np.zeros(10**6, "f4"))), compression=zipfile.ZIP_DEFLATED)),
        r"compressed, or claims more than it holds",
    ),
    "twice": (change_arrays(archive(*[("a.npy", array(1.0)), ("a", array(1.0))])), r"is there twice"),
}


@pytest.mark.fault("B6", "B7", "I2")
@pytest.mark.parametrize("name", DAMAGES)
def test_a_bad_checkpoint_is_named_and_left_out(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    damage, reason = DAMAGES[name]
    kept(tmp_path / "c", 1, 2)
    damage(newest(tmp_path / "c"))
    training = Counting()
    with caplog.at_level(logging.WARNING):
        found = restore_newest(training, tmp_path / "c")
    assert found
    assert (found.position.epoch, training.at, training.weights.tolist()) == (1, 1, [1, 1, 1])
    [line] = [record.getMessage() for record in caplog.records]
    assert "state-000002-00000000 is left out" in line
    assert re.search(reason, line), line


def test_without_a_usable_checkpoint_nothing_is_restored(tmp_path: Path) -> None:
    kept(tmp_path, 2)
    flip(newest(tmp_path))
    training = Counting()
    assert restore_newest(training, tmp_path) is None
    assert restore_newest(training, tmp_path / "nowhere") is None
    assert (training.at, training.weights.tolist()) == (0, [0, 0, 0])


def test_reading_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    kept(tmp_path, 1)
    change_arrays(archive(("weights.npy", header("(250000000,)"))))(newest(tmp_path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ConfigError, match="which are fewer"):
        checkpoint.load(newest(tmp_path))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB, of a million


DYING = """
import os, signal, sys
from pathlib import Path
import test_checkpoint as t

root = Path("kept")
for call in range(1, 10):
    t.kept(root, 1, 2)
    pid = os.fork()
    if pid == 0:
        left = iter(range(call - 1))
        def dying(function):
            def instead(*arguments, **options):
                if next(left, None) is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*arguments, **options)
            return instead
        os.fsync, os.rename, os.mkdir, os.rmdir = map(dying, (os.fsync, os.rename, os.mkdir, os.rmdir))
        t.kept(root, 2)
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    left = sorted(path.name for path in root.iterdir() if path.name.startswith("."))
    training = t.Counting()
    t.restore_newest(training, root)
    t.checkpoint.remove_unfinished(root)
    print(call, killed, training.at, bool(left), *sorted(path.name for path in root.iterdir()))
"""


@pytest.mark.fault("A3")
def test_a_process_that_is_killed_while_it_writes_leaves_a_whole_checkpoint() -> None:
    """It is killed at each call of the system that makes a step final: a folder made, a file flushed, renamed."""
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here.parents[1]}{os.pathsep}{here}"}
    done = subprocess.run([sys.executable, "-c", DYING], env=environment, capture_output=True, text=True, check=True)
    seen = [line.split() for line in done.stdout.splitlines()]
    assert len(seen) == 9
    assert [line[1] for line in seen[:5]] == ["True"] * 5
    for _, _, epoch, _, *names in seen:
        assert int(epoch) in (1, 2)
        assert "state-000001-00000000" in names
        assert all(name.startswith("state-") for name in names)
    assert any(line[3] == "True" for line in seen)  # something was left to be removed


DELETING = """
import os, signal
from pathlib import Path
import test_checkpoint as t

for left in range(3):  # files that are gone before it is killed
    root = Path(f"deleted-{left}")
    t.kept(root, 1, 2, 3)
    pid = os.fork()
    if pid == 0:
        numbers, unlink = iter(range(left)), os.unlink
        def dying(*arguments, **options):
            if next(numbers, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            unlink(*arguments, **options)
        os.unlink = dying
        t.checkpoint.prune(root, 2, t.checkpoint.STATES)
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    whole = [t.checkpoint.load(folder).position.epoch for folder in t.checkpoint.list_newest(root)]
    t.checkpoint.remove_unfinished(root)
    print(killed, whole, sorted(os.listdir(root)))
"""


@pytest.mark.fault("A3")
def test_a_process_that_is_killed_while_it_deletes_an_old_checkpoint_leaves_whole_ones() -> None:
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here.parents[1]}{os.pathsep}{here}"}
    done = subprocess.run([sys.executable, "-c", DELETING], env=environment, capture_output=True, text=True, check=True)
    names = ["state-000002-00000000", "state-000003-00000000"]
    assert done.stdout.splitlines() == [f"True [3, 2] {names}"] * 3


def test_what_others_have_put_there_is_not_deleted(tmp_path: Path) -> None:
    names = (".tmp-notes", f".tmp-{os.getppid()}-state-1", "state.txt")
    for name in names:
        (tmp_path / name).mkdir()
    (tmp_path / ".tmp-999999999-mine").mkdir()
    checkpoint.remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def keeper_of(folder: Path, cadence: Cadence) -> Keeper:
    from rnnexp.config.settings import Trainer

    return Keeper(TrainingPlan(None, None, Trainer(checkpoint_every_s=60.0), run_dir=folder), cadence)


def test_a_checkpoint_is_kept_every_so_many_seconds_and_two_of_them(tmp_path: Path) -> None:
    now, training = [0.0], Counting()
    own = keeper_of(tmp_path, Cadence(60.0, clock=lambda: now[0]))
    seen = []
    for training.at in range(1, 21):
        now[0] += 15
        own.look(training, training.at)
        seen.append([int(path.name[6:12]) for path in checkpoint.list_newest(tmp_path / "checkpoints")])
    assert seen[:4] == [[], [], [], [4]]
    assert seen[-1] == [20, 16]


def test_a_short_training_keeps_nothing_and_a_long_one_its_end(tmp_path: Path) -> None:
    now, training = [0.0], Counting()
    own = keeper_of(tmp_path, Cadence(60.0, clock=lambda: now[0]))
    own.look(training, 1)
    own.finish(training)
    assert not (tmp_path / "checkpoints").exists()
    now[0] = 61
    own.look(training, 2)
    training.at = 9
    own.finish(training)
    assert newest(tmp_path / "checkpoints").name == "state-000009-00000000"


def test_expensive_checkpoints_are_rarer() -> None:
    now = [0.0]
    cadence = Cadence(1.0, clock=lambda: now[0])
    spent, due = 0.0, 0
    for turn in range(10_000):
        now[0] += 0.1
        if cadence.ask(turn)[0]:
            cadence.charge(0.5)
            spent, due, now[0] = spent + 0.5, due + 1, now[0] + 0.5
    assert due > 10
    assert spent / now[0] < 0.021


def test_members_of_a_group_get_one_answer_in_one_turn() -> None:
    times = iter([0.0, 61.0, 61.5, 62.0])
    cadence = Cadence(60.0, clock=lambda: next(times))
    assert [cadence.ask(turn)[0] for turn in (1, 1, 1, 2)] == [True, True, True, False]


def test_a_training_ends_where_somebody_asks_for_it(tmp_path: Path) -> None:
    own, training = keeper_of(tmp_path, Cadence(None, lambda: "SIGTERM")), Counting()
    training.at = 3
    with pytest.raises(TrainingStopped, match="stopped after epoch 3, step 0: SIGTERM") as stopped:
        own.look(training, 1)
    assert stopped.value.checkpoint == newest(tmp_path / "checkpoints")
    assert stopped.value.snapshot.position.run == {"digest": "abc"}


@pytest.mark.fault("B1")
def test_a_disk_without_room_ends_a_training_after_the_third_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    training, turns = Counting(), iter(range(100))
    now = [0.0]
    own = keeper_of(tmp_path, Cadence(1.0, clock=lambda: now[0]))

    def look(size: int) -> None:
        training.at, training.weights, now[0] = training.at + 1, np.zeros(size, np.float32), now[0] + 100
        own.look(training, next(turns))

    look(3)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, usual[1]))
    try:
        look(10_000)
        look(10_000)
        assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["state-000001-00000000"]
        assert "the training continues" in caplog.text
        with pytest.raises(ResourceError, match="cannot be written: File too large; the training ends after 3"):
            look(10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert checkpoint.load(newest(tmp_path / "checkpoints")).position.epoch == 1


def test_without_a_cadence_only_a_training_that_is_to_end_keeps_a_checkpoint(tmp_path: Path) -> None:
    from rnnexp.config.settings import Trainer

    plan, reasons = TrainingPlan(None, None, Trainer(), run_dir=tmp_path), iter([None, "enough"])
    own = Keeper(plan, Cadence(None, lambda: next(reasons)))
    own.look(Counting(), 1)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TrainingStopped) as stopped:
        own.look(Counting(), 2)
    assert stopped.value.checkpoint == newest(tmp_path / "checkpoints")
