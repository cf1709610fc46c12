"""How long a sweep is said to take, against sweeps that are played through piece by piece."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from rnnexp.sweeps.estimate import Work, estimate, lay_out
from rnnexp.sweeps.executors.vectorized import vectorized
from rnnexp.sweeps.preflight import Findings

FINDINGS = Findings(
    networks=1,
    parameters=(100, 100),
    validated=True,
    primary=("test/rmse", False),
    setup_s=0.5,
    first_epoch_s=0.5,
    epoch_s=0.01,
)


def play(work: list[Work], at_once: int, findings: Findings, draw: random.Random) -> float:
    """Return how long a sweep takes whose every piece of work costs what it costs on average, give or take a third."""
    clocks = [0.0] * at_once
    for one in work:
        fixed = 5 * findings.setup_s if one.jobs == 1 else (5 + 0.35 * one.jobs) * findings.setup_s
        grown = draw.uniform(1.0, one.relative) if one.relative > 1 else draw.uniform(one.relative, 1.0)
        steps = findings.epoch_s * one.epochs * grown * (1.0 if one.jobs == 1 else 0.6)
        compiled = findings.first_epoch_s * (1 if one.jobs == 1 else 2)
        clocks.sort()
        clocks[0] += (fixed + compiled + steps) * draw.uniform(0.7, 1.3)
    return max(clocks) + 8 * findings.setup_s * draw.uniform(0.7, 1.3)


def make_sweep(draw: random.Random) -> tuple[list[Work], int, Findings]:
    """Return some sweep: groups or jobs by themselves, long or short, on a quick or a slow machine."""
    grouped = draw.random() < 0.5
    work = []
    for _ in range(draw.choice((1, 2, 3, 9, 20))):
        jobs = draw.choice((2, 8, 32, 64)) if grouped else 1
        work.append(Work(jobs, jobs * draw.choice((2.0, 100.0, 1000.0)), draw.choice((0.3, 1.0, 1.0, 1.0, 4.0))))
    speed = draw.choice((0.5, 1.0, 5.0))
    findings = replace(
        FINDINGS, setup_s=0.5 * speed, first_epoch_s=0.5 * speed, epoch_s=draw.choice((1e-4, 1e-2)) * speed
    )
    return work, draw.choice((1, 2, 8)), findings


def test_of_generated_sweeps_nine_in_ten_take_a_time_of_the_range() -> None:
    draw = random.Random(0)
    hits, width, sweeps = 0, 0.0, 500
    for _ in range(sweeps):
        work, at_once, findings = make_sweep(draw)
        low, high = estimate(work, at_once, findings)
        hits += low <= play(work, at_once, findings, draw) <= high
        width += high / low / sweeps
    assert hits / sweeps > 0.9
    assert width < 4  # a range that is wide enough is always right


def test_the_range_would_miss_sweeps_that_are_played_three_times_as_slowly() -> None:
    draw = random.Random(0)
    missed = 0
    for _ in range(100):
        work, at_once, findings = make_sweep(draw)
        missed += not estimate(work, at_once, findings)[1] >= 3 * play(work, at_once, findings, draw)
    assert missed > 80


@pytest.mark.parametrize("epochs", [10, 1000])
def test_jobs_of_one_program_are_counted_once_for_their_start(epochs: int) -> None:
    together, apart = [Work(64, 64.0 * epochs)], [Work(1, epochs)] * 64
    assert estimate(together, 2, FINDINGS)[1] < estimate(apart, 2, FINDINGS)[1]
    assert estimate([Work(32, 32.0 * epochs)] * 2, 2, FINDINGS) < estimate(together, 2, FINDINGS)


def test_nine_jobs_on_two_places_take_five_rounds_and_not_four_and_a_half() -> None:
    nine, ten = (estimate([Work(1, 100.0)] * jobs, 2, FINDINGS) for jobs in (9, 10))
    assert nine == pytest.approx(ten)
    assert estimate([Work(1, 100.0)] * 8, 2, FINDINGS)[0] < nine[0]


def test_a_larger_network_widens_the_range_upwards_and_a_smaller_one_downwards() -> None:
    low, high = estimate([Work(1, 1000.0)], 1, FINDINGS)
    assert estimate([Work(1, 1000.0, relative=4.0)], 1, FINDINGS) == (low, pytest.approx(high + 48))
    assert estimate([Work(1, 1000.0, relative=0.1)], 1, FINDINGS) == (pytest.approx(low - 5.625), high)


def job(**values: Any) -> Any:
    mapping = {
        "data": {"name": "sine"},
        "model": {"name": "lstm", **values},
        "optimizer": {"name": "adam"},
        "trainer": {"epochs": 10},
    }
    return SimpleNamespace(mapping=mapping)


def test_work_is_laid_out_as_the_launcher_packs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnexp.sweeps.estimate.find_program", lambda mapping: str(mapping["model"]))
    jobs = [job(units=4), job(units=8), job(units=4), job(units=4)]
    launcher = vectorized()

    def pack(programs: Any) -> list[list[int]]:
        return launcher.pack(programs, 1)

    assert lay_out(jobs, 4, pack, FINDINGS) == [Work(3, 30.0), Work(1, 10.0)]
    assert lay_out(jobs, 8, pack, FINDINGS) == [Work(6, 60.0), Work(2, 20.0)]
    assert lay_out(jobs, 0, pack, FINDINGS) == []


def test_nothing_to_run_takes_next_to_no_time() -> None:
    assert estimate([], 2, FINDINGS)[1] < 2
