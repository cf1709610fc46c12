"""A run that has finished is not trained again by another sweep, unless something about it is not the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sweeping import LIGHT, TINY, TOYS, Quick, jobs, run, table, tracked

import rnnexp
from rnnexp.compare.find import sweep as find_sweep
from rnnexp.compare.winner import winner
from rnnexp.runtime import digests
from rnnexp.sweeps import coordinator
from rnnexp.sweeps.task import Outcome, Task
from rnnexp.tracking.journal import ENTRIES, ROWS

FIRST = (*TINY, "model.units=2,3")
WIDER = (*TINY, "model.units=2,3", "optimizer.learning_rate=0.001,0.5")  # the first rate is the default
OFFLINE = "tracking.mode=offline"


def trained(quick: Quick) -> list[tuple[int, float]]:
    """Return units and rate of what was trained since the last call."""
    found = [(task.mapping["model"]["units"], task.mapping["optimizer"]["learning_rate"]) for task in quick.tasks]
    quick.tasks.clear()
    return found


@pytest.fixture
def quick(quicken: Any) -> Quick:
    digests.hash_code.cache_clear()
    found: Quick = quicken(Quick(tracked))
    return found


NEW = [(2, 0.5), (3, 0.5)]
ALL = [(2, 0.001), (2, 0.5), (3, 0.001), (3, 0.5)]


@pytest.mark.fault("F14")
def test_another_sweep_trains_only_what_is_new_and_holds_all_results(
    quick: Quick, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(*FIRST)
    assert trained(quick) == [(2, 0.001), (3, 0.001)]
    before = {job.digest: job for job in jobs(first).values()}
    capsys.readouterr()
    second = run(*WIDER)
    assert trained(quick) == NEW
    assert second != first
    said = capsys.readouterr().out
    assert ": 4 jobs, 0 done, 2 reused, 2 to run\n" in said
    assert f"  reused         2 runs of runs/sweeps/{first.name}; --new trains all\n" in said
    rows = [row for row in table(second) if row["reused"]]
    assert {row["config_hash"]: (row["reused"], float(row["best/val/loss"])) for row in rows} == {
        digest: (job.run_id, job.value) for digest, job in before.items()
    }
    assert run(*WIDER) == second
    assert trained(quick) == []


@pytest.mark.fault("F14")
def test_the_store_shows_what_was_reused_below_the_new_sweep(quick: Quick, client: Any) -> None:
    first = run(*FIRST)
    run(*WIDER)
    found = find_sweep(None)
    compared = found.compared()
    assert len(found.children) == 4
    assert compared.notes == []
    assert [group.scores.mean for group in compared.groups if group.scores] == sorted(
        float(row["best/val/loss"]) for row in table(Path(found.parent.tags["rnnexp.folder"]))
    )
    origin = {job.run_id: job for job in jobs(first).values()}
    reused = {run.tags["rnnexp.reused_from"]: run for run in found.children if "rnnexp.reused_from" in run.tags}
    assert reused.keys() == origin.keys()
    for run_id, child in reused.items():
        source = client.get_run(run_id)
        assert (child.run_id, child.metrics) != (run_id, {})
        assert child.metrics == source.data.metrics
        assert (child.started, child.status) == (source.info.start_time, "FINISHED")
        assert child.tags["rnnexp.folder"] != source.data.tags["rnnexp.folder"]
        assert [p.value for p in client.get_metric_history(child.run_id, "val/loss")] == [
            p.value for p in client.get_metric_history(run_id, "val/loss")
        ]
    assert client.get_run(next(iter(origin))).data.tags["rnnexp.sweep"] == first.name


@pytest.mark.fault("F14")
def test_what_was_reused_is_called_after_the_sweep_that_has_it(quick: Quick, client: Any) -> None:
    """Or its repetitions would be counted under two names."""
    run(*FIRST, "name=first")
    run(*WIDER, "name=second")
    reused = [child for child in find_sweep(None).children if "rnnexp.reused_from" in child.tags]
    assert len(reused) == 2
    assert {(child.tags["rnnexp.group"], child.params["name"]) for child in reused} == {("second", "second")}
    others = [child for child in find_sweep(None).children if child not in reused]  # which differ in the rate alone
    for child in (*reused, *others):
        del child.params["optimizer.learning_rate"]
    assert all(child.params in [other.params for other in others] for child in reused)
    assert reused[0].params != reused[1].params


def edit(folder: Path, change: Callable[[str], str], name: str = ENTRIES) -> None:
    for path in folder.glob(f"jobs/*/{name}"):
        path.write_text(change(path.read_text()))


def other(key: str, value: str) -> Callable[[Path], None]:
    """Change a tag of finished runs."""

    def changed(text: str) -> str:
        entries = [json.loads(line) for line in text.splitlines()]
        for entry in entries:
            if key in entry.get("tags", {}):
                entry["tags"][key] = value
        return "".join(json.dumps(entry) + "\n" for entry in entries)

    return lambda folder: edit(folder, changed)


def without(word: str, name: str = ENTRIES) -> Callable[[Path], None]:
    return lambda folder: edit(
        folder, lambda text: "".join(line for line in text.splitlines(keepends=True) if word not in line), name
    )


DIFFERENCES: dict[str, Callable[[Path], Any]] = {
    "nothing": lambda folder: None,
    "pruned": other("rnnexp.outcome", "pruned"),
    "diverged": other("rnnexp.outcome", "diverged"),
    "killed": lambda folder: edit(folder, lambda text: text.replace("FINISHED", "KILLED")),
    "failed": lambda folder: edit(folder, lambda text: text.replace("FINISHED", "FAILED")),
    "without an end": without('"event": "end"'),
    "a torn end": lambda folder: edit(folder, lambda text: text[:-20]),
    "an epoch lost": without('"step": 1', ROWS),
    "scores lost": without('"step": 0', ROWS),
    "another code": other("rnnexp.code_digest", "0"),
    "an older version": lambda folder: edit(folder, lambda text: text.replace("rnnexp.code_digest", "some")),
    "other files": other("rnnexp.files_digest", "0"),
    "another backend": other("rnnexp.backend", "torch"),
    "another device": other("rnnexp.device", "gpu"),
    "of a group": other("rnnexp.engine", "vectorized"),
}
CSV = ("data=csv", "data.path=numbers.csv", "data.target=value", OFFLINE)


@pytest.mark.parametrize("kind", DIFFERENCES)
def test_only_what_is_the_same_in_all_that_counts_is_reused(quick: Quick, kind: str) -> None:
    Path("numbers.csv").write_text("\n".join(["value", *map(str, range(60))]))
    lines = tuple(line for line in FIRST if not line.startswith("data."))
    first = run(*lines, *CSV)
    trained(quick)
    DIFFERENCES[kind](first)
    run(*lines, *CSV, WIDER[-1])
    assert trained(quick) == (NEW if kind == "nothing" else ALL)


def test_new_trains_all_and_goes_on_to_do_so(quick: Quick) -> None:
    run(*FIRST, OFFLINE)
    trained(quick)
    folder = run(*WIDER, OFFLINE, new=True)
    assert trained(quick) == ALL
    assert run(*WIDER, OFFLINE, "seed=0", new=True) != folder
    assert trained(quick) == ALL


def test_a_changed_plugin_has_all_trained_by_a_new_sweep(quick: Quick) -> None:
    run(*FIRST, OFFLINE)
    trained(quick)
    Path("toys.py").write_text(f"{TOYS}\n# other arithmetic\n")
    digests.hash_code.cache_clear()  # as in a new process
    run(*WIDER, OFFLINE)
    assert trained(quick) == ALL


def test_a_run_without_its_model_is_not_reused_where_the_model_is_asked_for(quick: Quick) -> None:
    run(*FIRST, OFFLINE)
    trained(quick)
    run(*(line for line in WIDER if "log_model" not in line), OFFLINE)
    assert trained(quick) == ALL


def test_an_untracked_sweep_takes_the_results_of_a_tracked_one(quick: Quick) -> None:
    run(*FIRST, OFFLINE)
    trained(quick)
    folder = run(*WIDER, "tracking=off")
    assert trained(quick) == NEW
    assert not (folder / "jobs" / "0" / "tracking").exists()


def test_what_failed_is_trained_again(quicken: Any) -> None:
    def answer(task: Task) -> Outcome:
        return tracked(task) if task.number else Outcome("failed", error="no")

    quicken(Quick(answer))
    with pytest.raises(Exception, match="1 job of the sweep failed"):
        run(*FIRST, OFFLINE)
    quick = quicken(Quick(tracked))
    run(*WIDER, OFFLINE)
    assert trained(quick) == [(2, 0.001), *NEW]


@pytest.mark.fault("H3")
def test_a_coordinator_that_dies_while_it_reuses_a_run_makes_no_second_child(
    quick: Quick, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(*FIRST)
    trained(quick)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(coordinator, "end_event", die)
        with pytest.raises(KeyboardInterrupt):
            run(*WIDER)
    folder = run(*WIDER)
    assert sorted(trained(quick)) == NEW
    assert sum(bool(row["reused"]) for row in table(folder)) == 2
    assert len(find_sweep(None).children) == 4


def test_a_dry_run_says_what_would_be_reused(quick: Quick, capsys: pytest.CaptureFixture[str]) -> None:
    first = run(*FIRST, OFFLINE)
    capsys.readouterr()
    run(*WIDER, OFFLINE, dry_run=True)
    begun = json.loads((first / "jobs" / "0" / ENTRIES).read_text().splitlines()[0])
    assert f"reused from run {begun['key'][:8]}" in capsys.readouterr().out


@pytest.mark.fault("F14")
def test_a_single_run_is_reused_with_its_model(client: Any, rehearsed: None) -> None:
    lines = [line for line in TINY if line not in LIGHT and not line.startswith(("plugins", "model"))]
    lines += ["model=simple_rnn", "model.units=[2]", "tracking.figures=false"]
    sys.modules.pop("toys", None)
    digests.hash_code.cache_clear()
    single = rnnexp.run(rnnexp.compose(*lines))
    folder = run(*lines, "seed=0,1", launcher={"name": "serial"})
    reused, new = table(folder)
    assert (reused["reused"], new["reused"]) == (single.run_id, "")
    assert float(reused["test/rmse"]) == single.metrics["test/rmse"]
    assert float(new["test/rmse"]) != single.metrics["test/rmse"]
    child = next(run for run in find_sweep(None).children if run.job == 0)
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{Path('mlflow.db').absolute()}")
    rows = [[float(number)] for number in range(10)]
    answers = [mlflow.pyfunc.load_model(f"runs:/{one}/model").predict(rows) for one in (child.run_id, single.run_id)]
    assert str(answers[0]) == str(answers[1])
    assert winner(None, find_sweep(None)).run.run_id in {child.run_id, jobs(folder)[1].run_id}
