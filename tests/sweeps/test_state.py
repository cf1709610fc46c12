"""The journal of a sweep: whole after a crash at any byte."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnexp.errors import TrackingError
from rnnexp.sweeps.state import Journal, State, best_setting, write_whole

JOB = {"event": "job", "job": 0, "trial": 0, "digest": "ab", "values": {"seed": "0"}}
START = {"event": "start", "job": 0, "attempt": 1, "time": 1.0}
END = {"event": "end", "job": 0, "status": "done", "value": 0.5, "metrics": {"a": 1.0}, "run_id": "r", "seconds": 2.0}

APPEND = """
import sys
from pathlib import Path
from rnnexp.sweeps.state import Journal

journal = Journal(Path("jobs.jsonl"))
first = max(journal.state.jobs, default=-1) + 1
for number in range(first, 1_000_000):
    job = {"event": "job", "job": number, "trial": number, "digest": str(number), "values": {"seed": str(number)}}
    journal.append(job, {"event": "start", "job": number, "attempt": 1})
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.jsonl"


def test_what_was_appended_is_read_again(path: Path) -> None:
    written = Journal(path)
    written.append(JOB, START)
    written.append(END)
    read = Journal(path)
    assert read.state == written.state
    assert (read.state.jobs[0].status, read.state.jobs[0].value, read.state.jobs[0].attempts) == ("done", 0.5, 1)
    Journal(path).append({**END, "value": 0.6})
    assert Journal(path).state != written.state


def test_a_start_forgets_how_the_attempt_before_ended(path: Path) -> None:
    journal = Journal(path)
    journal.append(JOB, START, {**END, "status": "failed", "error": "no"}, {**START, "attempt": 2})
    job = journal.state.jobs[0]
    assert (job.status, job.error, job.attempts) == (None, None, 2)


@pytest.mark.fault("H3")
def test_a_torn_last_line_is_left_behind_and_appending_goes_on(path: Path) -> None:
    journal = Journal(path)
    journal.append(JOB, START)
    with path.open("ab") as file:
        file.write(json.dumps(END).encode()[:25])
    torn = Journal(path)
    assert torn.state == journal.state
    torn.append(END)
    again = Journal(path)
    assert again.state.jobs[0].status == "done"
    again.append({**START, "attempt": 2})
    assert Journal(path).state.jobs[0].attempts == 2


def test_a_kind_that_this_version_does_not_know_is_passed_over(path: Path) -> None:
    journal = Journal(path)
    journal.append(JOB, {"event": "weather", "sky": "blue"}, START)
    assert Journal(path).state.jobs[0].attempts == 1


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(b"what is this\n", id="text"),
        pytest.param(b"\0" * 40 + b"\n", id="zeros of a lost block"),
        pytest.param(b"[1, 2]\n", id="no event"),
        pytest.param(b'{"event":"start","job":7,"attempt":1}\n', id="a job that was never planned"),
        pytest.param(b'{"event":"end"}\n', id="an end of nothing"),
    ],
)
@pytest.mark.fault("H3")
def test_a_damaged_file_is_refused_with_its_line(path: Path, damage: bytes) -> None:
    Journal(path).append(JOB)
    with path.open("ab") as file:
        file.write(damage)
    with pytest.raises(TrackingError, match="jobs.jsonl, line 2: is not an event of a sweep; restore the file"):
        Journal(path)


def test_an_empty_or_missing_file_is_a_new_journal(path: Path) -> None:
    assert Journal(path).state == State()
    path.touch()
    assert Journal(path).state == State()
    Journal(path).append(JOB)
    assert Journal(path).state != State()


def test_writing_nothing_makes_no_file(path: Path) -> None:
    Journal(path).append()
    assert not path.exists()


events = st.lists(
    st.one_of(
        st.builds(lambda text: {**JOB, "values": {"name": text}}, st.text(max_size=5)),
        st.builds(lambda value: {**END, "value": value}, st.floats(allow_nan=False)),
        st.just(START),
    ),
    max_size=6,
)


@settings(max_examples=30, deadline=None)
@given(events=events, cut=st.integers(0, 2**16))
@pytest.mark.fault("H3")
def test_a_file_cut_at_any_byte_is_a_readable_prefix(
    tmp_path_factory: pytest.TempPathFactory, events: list[dict[str, Any]], cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "jobs.jsonl"
    written = [JOB, *events]
    Journal(path).append(*written)
    whole = path.read_bytes()
    at = cut % (len(whole) + 1)
    path.write_bytes(whole[:at])
    ends = itertools.accumulate(len(line) + 1 for line in whole.splitlines())
    prefix = Journal(path.with_name("prefix"))
    prefix.append(*written[: sum(end - 1 <= at for end in ends)])
    torn = Journal(path)
    assert torn.state == prefix.state
    torn.append(JOB, START)
    assert Journal(path).state.jobs[0].attempts == 1


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.fault("H3")
def test_a_writer_killed_at_random_leaves_whole_events(path: Path, seed: int) -> None:
    path.touch()
    for _ in range(2):  # the second writer goes on behind what may be torn
        before = path.stat().st_size
        writer = subprocess.Popen([sys.executable, "-c", APPEND])
        while path.stat().st_size == before:
            time.sleep(0.01)
        time.sleep(random.Random(seed).uniform(0, 0.2))
        writer.kill()
        writer.wait()
    state = Journal(path).state
    assert list(state.jobs) == list(range(len(state.jobs)))
    assert all(job.digest == str(number) for number, job in state.jobs.items())
    assert [job.number for job in state.jobs.values() if not job.attempts] in ([], [len(state.jobs) - 1])


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_whole(tmp_path / "one.json", "old")
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        write_whole(tmp_path / "one.json", "new\ud800")
    assert (tmp_path / "one.json").read_text() == "old"


def ended(number: int, value: float | None, status: str = "done", **values: str) -> list[dict[str, Any]]:
    job = {"event": "job", "job": number, "trial": number, "digest": str(number), "values": values}
    return [job, {"event": "end", "job": number, "status": status, "value": value}]


def state(*jobs: list[dict[str, Any]]) -> State:
    found = State()
    for event in itertools.chain(*jobs):
        found.apply(event)
    return found


def test_the_best_is_a_setting_over_its_seeds_and_folds_not_a_lucky_job() -> None:
    jobs = [ended(n, value, units="8", seed=str(n)) for n, value in enumerate((0.1, 0.9, 0.8))]
    jobs += [ended(3 + n, value, units="16", seed=str(n)) for n, value in enumerate((0.5, 0.4, 0.6))]
    best = best_setting(state(*jobs), "minimize")
    assert best is not None
    assert (best.value, best.point, best.jobs, best.job.number) == (pytest.approx(0.5), {"units": "16"}, 3, 4)
    upwards = best_setting(state(*jobs), "maximize")
    assert upwards is not None
    assert upwards.point == {"units": "8"}


def test_a_setting_is_not_the_best_before_all_of_its_jobs_have_ended() -> None:
    running = ended(2, None, units="8", seed="1")[:1]
    jobs = [ended(0, 0.1, units="8", seed="0"), running, ended(3, 0.2, units="16", seed="0")]
    best = best_setting(state(*jobs), "minimize")
    assert best is not None
    assert best.point == {"units": "16"}


def test_what_failed_diverged_or_was_pruned_is_not_in_the_mean() -> None:
    others = [ended(1 + n, 0.0, status, units="8", seed=str(n)) for n, status in enumerate(("pruned", "diverged"))]
    best = best_setting(
        state(ended(0, 0.3, units="8", seed="9"), *others, ended(5, None, "failed", units="8")), "minimize"
    )
    assert best is not None
    assert (best.value, best.jobs) == (0.3, 1)
    assert best_setting(state(*others), "minimize") is None


def test_a_point_that_was_drawn_twice_counts_once() -> None:
    first, again = ended(0, 0.1, units="8", seed="0"), ended(1, 0.1, units="8", seed="0")
    again[0]["digest"] = "0"
    best = best_setting(state(first, again, ended(2, 0.4, units="8", seed="1")), "minimize")
    assert best is not None
    assert (best.value, best.jobs) == (pytest.approx(0.25), 2)
