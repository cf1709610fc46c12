"""What a sweep's processes hold does not depend on how many jobs there were before: a small form of `growth.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from .growth import Look, grown, sweep_words, watch

FLAT = [Look(ended, 300.0, 30, 500.0, 20, 4) for ended in range(40)]


@pytest.mark.end_to_end
@pytest.mark.fault("G11")
@pytest.mark.parametrize(("jobs", "grouped"), [(60, True), (12, False)], ids=["grouped", "a-process-each"])
def test_memory_and_open_files_do_not_grow_with_the_number_of_jobs(jobs: int, grouped: bool, tmp_path: Path) -> None:
    looks = watch(sweep_words(jobs, grouped=grouped, group_size=10), tmp_path)
    assert grown(looks, jobs) == []


def test_what_is_flat_has_not_grown() -> None:
    assert grown(FLAT, 40) == []


def test_in_which_phase_of_a_worker_most_looks_fall_does_not_matter() -> None:
    beginning = [replace(look, worker_mb=250.0, worker_files=9) if look.ended < 18 else look for look in FLAT]
    assert grown(beginning, 40) == []


@pytest.mark.parametrize(
    ("field", "each"),
    [("coordinator_mb", 2.0), ("worker_mb", 3.0), ("coordinator_files", 1), ("worker_files", 1), ("processes", 1)],
)
def test_what_grows_with_each_job_is_told(field: str, each: float) -> None:
    leaking = [replace(look, **{field: getattr(look, field) + each * look.ended}) for look in FLAT]
    (told,) = grown(leaking, 40)
    assert told.startswith(f"{field}: ")


def test_a_look_at_another_phase_of_the_workers_is_no_growth() -> None:
    """A worker holds much only now and then, and each look meets another moment."""
    low, high = {"worker_mb": 478.0, "worker_files": 11}, {"worker_mb": 529.0, "worker_files": 22}
    early_low = [
        replace(look, **(high if number >= 20 or number % 5 == 0 else low)) for number, look in enumerate(FLAT)
    ]
    assert grown(early_low, 40) == []


def test_what_holds_more_at_its_most_has_grown_though_most_looks_see_little() -> None:
    seldom = [replace(look, worker_mb=600.0 if look.ended == 35 else 478.0) for look in FLAT]
    (told,) = grown(seldom, 40)
    assert told == "worker_mb: 478.0 at first, 600.0 in the end"


def test_too_few_looks_prove_nothing() -> None:
    with pytest.raises(ValueError, match="too few to compare"):
        grown(FLAT[:15], 40)
