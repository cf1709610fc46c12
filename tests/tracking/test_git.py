"""A run remembers the code it was started with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rnnexp.tracking import git
from rnnexp.tracking.git import git_state


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for command in (
        ["init", "-q", "-b", "trunk"],
        ["config", "user.name", "Ada"],
        ["config", "user.email", "ada@example.org"],
        ["remote", "add", "origin", "https://ada:hunter2secret@example.org/repo.git"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (tmp_path / "code.py").write_text("units = 8\n")
    subprocess.run(["git", "add", "code.py"], cwd=tmp_path, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "First"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.fault("I6")
def test_a_clean_repository_is_described_without_its_password(repository: Path) -> None:
    state = git_state(repository)
    assert state is not None
    tags = state.tags()
    assert len(tags.pop("mlflow.source.git.commit")) == 40
    assert tags == {
        "mlflow.source.git.branch": "trunk",
        "mlflow.source.git.repoURL": "https://***@example.org/repo.git",
        "mlflow.source.git.dirty": "false",
    }
    assert state.diff == ""


@pytest.mark.fault("I6")
def test_a_changed_file_makes_it_dirty_and_the_diff_is_redacted(repository: Path) -> None:
    (repository / "code.py").write_text("units = 9\npassword = 'hunter2secret'\n")
    state = git_state(repository)
    assert state is not None
    assert state.tags()["mlflow.source.git.dirty"] == "true"
    assert "+units = 9" in state.diff
    assert "hunter2" not in state.diff


def test_untracked_files_do_not_make_it_dirty(repository: Path) -> None:
    (repository / "mlflow.db").write_text("x")
    state = git_state(repository)
    assert state is not None
    assert state.tags()["mlflow.source.git.dirty"] == "false"


def test_a_long_diff_is_cut_at_its_limit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "DIFF_LIMIT", 500)
    (repository / "code.py").write_text("".join(f"line {i} ü\n" for i in range(1000)))
    state = git_state(repository)
    assert state is not None
    assert len(state.diff.encode()) <= 500
    assert "[cut: " in state.diff


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    subprocess.run(["git", "checkout", "-q", "--detach"], cwd=repository, check=True)
    state = git_state(repository)
    assert state is not None
    assert "mlflow.source.git.branch" not in state.tags()


def test_a_subfolder_belongs_to_its_repository(repository: Path) -> None:
    (repository / "inner").mkdir()
    assert git_state(repository / "inner") is not None


def test_there_may_be_no_repository_no_commit_and_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert git_state(tmp_path) is None
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert git_state(tmp_path) is None
    monkeypatch.setenv("PATH", "")
    assert git_state(tmp_path) is None
