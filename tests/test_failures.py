"""What a run that goes wrong says: a sentence and an exit code, whatever was raised."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rnnexp as rx
from rnnexp.cli import main as command
from rnnexp.cli.main import main
from rnnexp.errors import ConfigError, DataError
from rnnexp.failures import FAULT, find_culprit, find_unreachable, foreseen, keep_trace
from rnnexp.registry import load_plugins

DISK = (
    errno.EROFS,
    errno.EACCES,
    errno.ENOSPC,
    errno.EMFILE,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.ESTALE,
)


@pytest.mark.parametrize("number", DISK)
@pytest.mark.fault("B4")
def test_what_the_system_refuses_is_exit_6_with_the_path_and_what_to_do(number: int) -> None:
    known = foreseen(OSError(number, os.strerror(number), "runs/x"))
    assert known is not None
    assert known.exit_code == 6
    assert str(known).startswith(f"{Path.cwd()}/runs/x: {os.strerror(number)}; ")


@pytest.mark.parametrize("code", [0, None, 3, "bye"])
@pytest.mark.fault("A10")
def test_sys_exit_is_a_failure_of_the_run(code: object) -> None:
    known = foreseen(SystemExit(code))
    assert known is not None
    assert (known.exit_code, "sys.exit(" in str(known)) == (1, True)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("INVALID_ARGUMENT: overflow in static extent product: dimensions=[4000000000, 1000000000]"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: 4 bytes"),
        ValueError("Maximum allowed dimension exceeded"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libjax_common.so: failed to map segment from shared object"),
        RuntimeError("can't start new thread"),
    ],
)
def test_memory_that_ran_out_is_said(error: Exception) -> None:
    known = foreseen(error)
    assert known is not None
    assert "memory ran out" in str(known)
    assert known.exit_code == 6


def test_a_server_that_has_gone_is_found_behind_the_error_of_a_reader() -> None:
    gone = OSError(errno.ESTALE, "Stale file handle")

    def read() -> None:
        try:
            raise gone
        except OSError:
            raise DataError("a.csv: cannot be read") from None

    with pytest.raises(DataError, match="cannot be read") as raised:
        read()
    assert find_unreachable(raised.value, __name__) is gone
    assert find_unreachable(raised.value, "rnnexp.data") is None
    assert find_unreachable(PermissionError(errno.EACCES, "no"), __name__) is None


def test_an_error_of_ours_stays_and_a_fault_is_not_foreseen() -> None:
    ours = DataError("x")
    assert foreseen(ours) is ours
    assert foreseen(KeyError("x")) is None
    assert foreseen(FileNotFoundError(2, "x", "y")) is None


def test_what_nobody_has_foreseen_keeps_its_traceback_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fault(arguments: list[str]) -> int:
        raise KeyError("nobody has thought of this")

    monkeypatch.setattr(command, "_dispatch", fault)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["runs"]) == 1
    said = capsys.readouterr().err
    assert FAULT in said
    assert "Traceback (most" not in said
    (file,) = tmp_path.glob("rnnexp-error-*.txt")
    assert "nobody has thought of this" in file.read_text()
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # as Hydra has it: printed, too
    assert main(["runs"]) == 1
    assert "Traceback (most" in capsys.readouterr().err


def test_the_plugin_whose_code_ran_last_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outer_plugin.py").write_text("def go(then):\n    then()\n")
    (tmp_path / "inner_plugin.py").write_text("def go():\n    return {}['a']\n")
    monkeypatch.syspath_prepend(tmp_path)
    import inner_plugin
    import outer_plugin

    with pytest.raises(KeyError, match="a") as raised:
        outer_plugin.go(inner_plugin.go)
    file = tmp_path / "inner_plugin.py"
    told = find_culprit(raised.value, ["outer_plugin", "inner_plugin", "inner"])
    assert told == f"it comes from the plugin inner_plugin ({file}, line 2, in go), not from rnnexp"
    assert "the plugin outer_plugin" in find_culprit(raised.value, ["outer_plugin"])
    assert find_culprit(raised.value, ["inner", "plugin"]) == FAULT
    assert find_culprit(raised.value, [], "unclear") == "unclear"


def test_a_traceback_goes_into_the_folder_of_the_run(tmp_path: Path) -> None:
    assert keep_trace(KeyError("x"), tmp_path) == f"The traceback is in {tmp_path / 'error.txt'}"


@pytest.mark.fault("A10")
def test_a_plugin_that_exits_when_imported_is_exit_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(0)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"line 2: sys\.exit\(0\) was called while it was imported") as told:
        load_plugins(["leaving"])
    assert told.value.exit_code == 1


@pytest.mark.parametrize("name", ["", ".a", "a..b", "../x", "a\0b"])
def test_what_is_no_name_of_a_module_is_said(name: str) -> None:
    with pytest.raises(ConfigError, match="is not the name of a module"):
        load_plugins([name])


STREAMS = {
    ">&-": (0, ""),
    "2>&-": (0, ""),
    "<&- >&- 2>&-": (0, ""),
    ">/dev/full": (6, "rnnexp: what was printed is lost: No space left on device\n"),
    "| head -1": (0, ""),
}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("how", STREAMS)
@pytest.mark.fault("F12")
def test_output_that_cannot_be_written_is_no_traceback(how: str) -> None:
    code = "import sys; sys.argv = ['rnnexp', 'explain', 'model']; from rnnexp.cli.main import entry; entry()"
    shell = f'set -o pipefail; {sys.executable} -c "{code}" {how}'
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == STREAMS[how]


def test_a_working_directory_that_is_gone_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    try:
        assert main(["show"]) == 6
    finally:
        os.chdir(tmp_path)
    assert "the working directory does not exist any more" in capsys.readouterr().err


OUT_OF_MEMORY = """
import os, resource, sys
from pathlib import Path
from rnnexp.cli.main import main

assert main([sys.argv[1], "one", "--data", "few.csv"]) == 0  # so that all libraries are loaded
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * os.sysconf("SC_PAGE_SIZE") + (16 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
os._exit(main([sys.argv[1], "one", "--data", "many.csv"]))
"""


@pytest.mark.end_to_end
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_memory_that_runs_out_in_predict_and_evaluate_is_one_sentence(tmp_path: Path) -> None:
    for name, rows in (("few.csv", 200), ("many.csv", 400_000)):
        (tmp_path / name).write_text("y\n" + "".join(f"{row % 7}.25\n" for row in range(rows)))
    words = ("data=csv", "data.path=few.csv", "model.units=[2]", "trainer.epochs=1", "tracking=off")
    rx.run(rx.compose(*words, "tracking.figures=false"), run_dir=tmp_path / "one", quiet=True)
    for name in ("predict", "evaluate"):
        child = [sys.executable, "-c", OUT_OF_MEMORY, name]
        done = subprocess.run(child, capture_output=True, text=True, timeout=170, check=False)
        assert done.returncode == 6, done.stderr
        said = [line for line in done.stderr.splitlines() if line.startswith("rnnexp: ")]
        assert said == [line for line in said if "choose a smaller" in line or "read fewer" in line] != []
        assert "raceback" not in done.stdout + done.stderr


def test_a_package_that_is_missing_when_a_part_is_used_is_exit_6() -> None:
    known = foreseen(ImportError("TensorBoard is not installed, missing implementation for tf.summary.scalar"))
    assert known is not None
    assert str(known).startswith("TensorBoard is not installed")
    assert known.exit_code == 6
