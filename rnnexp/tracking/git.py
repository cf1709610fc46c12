"""The state of the git repository a run is started in."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rnnexp.redact import redact

DIFF_LIMIT = 1_000_000
_TIMEOUT_S = 10


@dataclass(frozen=True)
class GitState:
    """Commit and uncommitted changes; `diff` is redacted, at most `DIFF_LIMIT` bytes, empty when clean."""

    commit: str
    branch: str | None
    url: str | None
    diff: str

    def tags(self) -> dict[str, str]:
        """Return the tags that MLflow and people look for."""
        tags = {
            "mlflow.source.git.commit": self.commit,
            "mlflow.source.git.branch": self.branch,
            "mlflow.source.git.repoURL": self.url,
            "mlflow.source.git.dirty": "true" if self.diff else "false",
        }
        return {name: value for name, value in tags.items() if value}


def git_state(folder: Path) -> GitState | None:
    """Describe the repository that `folder` lies in; None without git, a repository, or a commit.

    Dirty means that tracked files differ from the commit: run folders and stores are untracked files of
    the same repository, and would make every second run dirty.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    branch = _git(folder, "symbolic-ref", "--short", "--quiet", "HEAD")
    url = _git(folder, "config", "--get", "remote.origin.url")
    diff = _git(folder, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD") or ""
    return GitState(commit, branch, redact(url) if url else None, _limited(redact(diff)))


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints, or None if it is absent, fails or hangs."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    text = done.stdout.decode("utf-8", "replace")
    return (text if arguments[0] == "diff" else text.strip()) if done.returncode == 0 else None


def _limited(diff: str) -> str:
    """Cut a long diff and say so; bytes count, because artifacts are files."""
    data = diff.encode()
    if len(data) <= DIFF_LIMIT:
        return diff
    mark = f"\n[cut: {len(data)} bytes, of which the first are kept]\n"
    return data[: DIFF_LIMIT - len(mark)].decode("utf-8", "ignore") + mark
