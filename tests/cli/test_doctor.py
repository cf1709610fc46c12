"""`rnnexp doctor`: what it says of this machine, of stores that do not work, and of settings that slow down."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rnnexp.cli import doctor
from rnnexp.cli.doctor import EXTRAS, Checked
from rnnexp.cli.main import main
from rnnexp.tracking.store import open_store, tracking_uri

PYPROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())


def texts(found: Any, state: str) -> str:
    return "\n".join(f"{one.about}: {one.text}" for one in found if one.state == state)


def test_a_store_is_made_by_the_first_run_answers_or_is_named_with_its_flaw(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert "is made by the first run" in texts(doctor.examine_store(uri), "ok")
    assert not (tmp_path / "mlflow.db").exists()
    open_store(tracking_uri(uri))
    assert "answers, tables of version" in texts(doctor.examine_store(uri), "ok")
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
    assert "file is not a database" in texts(doctor.examine_store(uri), "broken")
    assert "cannot be made" in texts(doctor.examine_store(f"sqlite:///{tmp_path}/none/mlflow.db"), "broken")


def test_runs_that_the_store_lacks_are_counted() -> None:
    from rnnexp.tracking.journal import RunJournal

    assert "not stored" not in texts(doctor.examine_store(None), "note")
    Path("runs/one/tracking").mkdir(parents=True)
    RunJournal(Path("runs/one")).append("begin", name="one", uri="sqlite:///mlflow.db")
    assert "1 run below ./runs not stored in full yet" in texts(doctor.examine_store(None), "note")


def test_what_slows_a_process_is_named_and_only_that(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*doctor.SLOW_VARIABLES, "OMP_NUM_THREADS", "JAX_ENABLE_COMPILATION_CACHE", "XLA_FLAGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    before = texts(doctor.examine_speed(), "slow")
    assert "settings" not in before
    assert "no compiled program yet" in before
    (tmp_path / "jit_step-0a1b-cache").touch()
    monkeypatch.setenv("JAX_DEBUG_NANS", "True")
    monkeypatch.setenv("JAX_DISABLE_JIT", "0")
    after = texts(doctor.examine_speed(), "slow")
    assert "JAX_DEBUG_NANS is set" in after
    assert "JAX_DISABLE_JIT" not in after
    assert "no compiled program" not in after


def test_every_extra_of_the_package_is_known() -> None:
    extras = PYPROJECT["project"]["optional-dependencies"]
    others = ("dev", "docs", "cuda")
    users = {name: words for name, words in extras.items() if not name.startswith(others)}
    known = {module: install for module, install, _ in doctor.find_extras()}
    assert {*known.values()} == {f"pip install 'rnnexp[{extra}]'" for extra in users}
    for module, install in known.items():
        extra = install.split("[")[1].split("]")[0]
        assert any(word.startswith(module) for word in users[extra])


def test_a_missing_extra_is_said_with_its_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "rnnexp_absent", ("absent", "nothing"))
    said = texts(doctor.examine_packages(), "note")
    assert "rnnexp_absent is not installed, for nothing: pip install 'rnnexp[absent]'" in said


@pytest.mark.parametrize("as_json", [False, True])
def test_the_exit_code_tells_whether_something_is_broken_and_no_secret_is_shown(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "examine_backends", lambda: iter([Checked("ok", "jax", "computes on the CPU")]))
    options = ["--json"] if as_json else []
    assert main(["doctor", *options]) == 0
    fine = capsys.readouterr().out
    assert "broken" not in fine
    assert main(["doctor", "--uri", "http://ann:opensesame@127.0.0.1:9/x?sig=abcdef0123456", *options]) == 1
    shown = capsys.readouterr()
    assert "store" in (shown.out if as_json else shown.out.splitlines()[-1])
    assert "opensesame" not in shown.out + shown.err
    assert "abcdef0123456" not in shown.out + shown.err
    if as_json:
        assert {one["state"] for one in json.loads(shown.out)} >= {"ok", "broken"}


@pytest.mark.end_to_end
def test_installed_backends_compute_and_one_that_does_not_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = list(doctor.examine_backends())
    assert "jax: computes on the " in texts(found, "ok")
    assert texts(found, "broken") == ""
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax/__init__.py").write_text("raise ImportError('libfoo is missing')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "jax: does not start: ImportError: libfoo is missing" in texts(doctor.examine_backends(), "broken")


@pytest.mark.end_to_end
def test_a_backend_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **options: Any) -> Any:
        raise subprocess.TimeoutExpired(command, options["timeout"])

    monkeypatch.setattr(subprocess, "run", hang)
    assert "no answer within 180 s" in texts(doctor.examine_backends(), "broken")
