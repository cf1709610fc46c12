"""Where the files of a job lie."""

from __future__ import annotations

from pathlib import Path


def job_folder(sweep: Path, number: int) -> Path:
    """Return the folder of a job's latest attempt."""
    return sweep / "jobs" / str(number)


def free_name(folder: Path, attempt: int) -> Path:
    """Return a name under which an earlier attempt is kept: nothing is deleted."""
    number = max(1, attempt)
    while (name := folder.with_name(f"{folder.name}.attempt{number}")).exists():
        number += 1
    return name


def shown(path: Path) -> Path:
    """Return a path as short as it can be from the working directory."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
