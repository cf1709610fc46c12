"""The check of what `init` writes: its arithmetic, its verdicts, and that it runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gpu.processes import Clock, Ended
from tests.untuned import __main__ as command
from tests.untuned.job import SCORES
from tests.untuned.pool import CUT, run_jobs, share_cores
from tests.untuned.sets import CONTROL, FORECAST, LABELS, SETS
from tests.untuned.verdict import STRONG, Found, judge, judge_both, list_summary, list_table, measure_skill

ROOT = Path(__file__).parents[2]


def row(network: float, metric: str = "rmse", **baselines: float) -> Found:
    return {"metric": metric, "network": network, "baselines": baselines, "seconds": {"init": 1.0, "all": 2.0}}


def found(*networks: float, metric: str = "rmse", **baselines: float) -> dict[str, Found]:
    return {str(seed): row(network, metric, **baselines) for seed, network in enumerate(networks)}


@pytest.mark.parametrize(
    ("network", "baseline", "metric", "skill"),
    [(0.5, 1.0, "rmse", 0.5), (2.0, 1.0, "owa", -1.0), (0.9, 0.8, "accuracy", 0.5), (0.9, 1.0, "accuracy", -0.1)],
    ids=["half the error", "twice the error", "half of what is missing", "a baseline without errors"],
)
def test_skill_is_the_share_of_a_baselines_errors_that_is_avoided(
    network: float, baseline: float, metric: str, skill: float
) -> None:
    assert measure_skill(network, baseline, metric) == pytest.approx(skill)


def test_an_interval_is_students_and_a_win_is_one_without_zero() -> None:
    """With 4 degrees of freedom t is 2.776; the skills .1 to .5 have a deviation of .158, and the mean .3."""
    skill = judge(list(found(0.9, 0.8, 0.7, 0.6, 0.5, linear=1.0).values()))
    assert skill is not None
    assert (skill.over.low, skill.over.high) == pytest.approx((0.3 - 2.776 * 0.0707, 0.3 + 2.776 * 0.0707), abs=1e-3)
    assert skill.verdict == "wins"
    verdicts = [judge(list(found(*many, linear=1.0).values())) for many in ((0.9, 1.2, 1.0), (1.2, 1.3, 1.25), (0.5,))]
    assert [one and one.verdict for one in verdicts] == ["within noise", "loses", "one seed"]


def test_each_seed_is_held_against_the_best_baseline_of_its_own_run() -> None:
    rows = [row(0.9, linear=1.0, ets=0.5), row(0.9, linear=1.0, ets=2.0), row(0.9, linear=1.0, ets=3.0)]
    both = judge_both(rows)
    assert both["all"] is not None
    assert both["all"].best == ("linear", "ets")
    assert both["all"].over.mean == pytest.approx((-0.8 + 0.1 + 0.1) / 3)
    assert both["simple"] is not None
    assert both["simple"].over.mean == pytest.approx(0.1)
    assert judge([row(0.9)]) is None


def test_the_aims_are_counted_over_the_sets_that_were_scored() -> None:
    results = {
        "airline": found(0.5, 0.51, 0.52, linear=1.0, ets=0.4, persistence=2.0),
        "m4_weekly": found(0.9, 0.91, 0.92, metric="owa", linear=1.0, persistence=0.8),
        "gunpoint": found(0.9, 0.91, 0.92, metric="accuracy", nearest=0.8, minirocket=0.85),
        "sst2": {"0": {"error": CUT, "seconds": {"all": 9.0}}},
        "white_noise": found(0.9, 0.91, 0.92, linear=1.0),
        "random_walk": found(1.0, 1.1, 1.2, persistence=1.0),
    }
    assert list(list_summary(results)) == [
        "forecast: 1 of 2 beat the simple list (aim 90%): missed",
        "labels: 1 of 1 beat the simple list (aim 67%): reached",
        "1 of 3 beat the full list (aim: more than half): missed",
        "1 of 2 below persistence (m4_weekly) (aim: none): missed",
        "white_noise: a skill of +0.0900 is claimed where there can be none",
        "random_walk: no skill, which is right",
    ]
    table = {line.split(" | ")[0].strip("| "): line for line in list_table(results)}
    assert table["airline"].endswith("loses | 2 | tuned here: airline_winner |")
    assert "linear 1 | ets 0.4 | +0.490 [+0.465, +0.515] wins" in table["airline"]
    assert table["sst2"].endswith("tuned here: sst2, cut, 0 of 1 seeds |")
    assert table["white_noise"].endswith("wins | 2 |  |")


def test_every_set_of_the_three_kinds_says_where_it_was_tuned() -> None:
    counts = {kind: sum(one.kind == kind for one in SETS.values()) for kind in (FORECAST, LABELS, CONTROL)}
    assert counts == {FORECAST: 11, LABELS: 7, CONTROL: 2}
    for one in SETS.values():
        assert not one.tuned or (ROOT / "experiments" / f"{one.tuned}.yaml").is_file()


def test_the_later_baselines_are_components_that_there_are() -> None:
    from rnnexp.tasks.classification.report import KINDS
    from rnnexp.tasks.forecasting.kept_forecasts import KINDS as FORECASTS

    assert {*KINDS, *FORECASTS} > STRONG


def test_mistakes_of_the_command_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--only", "airlines"], ["--data", str(tmp_path / "none")], ["--data", str(tmp_path), "--jobs", "0"]):
        with pytest.raises(SystemExit, match="2"):
            command.parse(words)
    told = capsys.readouterr().err
    for part in ("invalid choice: 'airlines'", "--data: no folder of data", "--seeds and --jobs: give 1 or more"):
        assert part in told


def test_the_longest_start_first_where_several_run_and_what_is_known_is_not_run_again(tmp_path: Path) -> None:
    words = ["--data", str(tmp_path), "--only", "white_noise", "random_walk", "m4_hourly", "--seeds", "2"]
    known = {"white_noise": found(1.0, linear=1.0)}
    names = {
        slots: [
            name for name, _ in command.list_jobs(command.parse([*words, "--jobs", slots]), known, tmp_path / slots)
        ]
        for slots in ("1", "2")
    }
    assert names["1"] == ["white_noise.1", "random_walk.0", "random_walk.1", "m4_hourly.0", "m4_hourly.1"]
    assert names["2"] == ["m4_hourly.0", "m4_hourly.1", "white_noise.1", "random_walk.0", "random_walk.1"]


def test_scores_are_read_from_what_a_job_has_printed() -> None:
    printed = f"Wrote it.\n{SCORES}{json.dumps(row(1.0, linear=2.0))}\n"
    assert command.read_scores(Ended(printed, 3.0)) == row(1.0, linear=2.0)
    assert command.read_scores(Ended(printed, 3.0, CUT)) == {"error": CUT, "seconds": {"all": 3.0}}
    assert command.read_scores(Ended("", 3.0))["error"] == "failed: it printed no scores"


def test_cores_are_shared_out_and_each_has_one() -> None:
    shares = share_cores(2)
    assert len(shares) == 2
    assert all(shares)
    assert len(share_cores(64)) == 64


def test_jobs_run_a_few_at_a_time_and_one_that_takes_too_long_is_cut(tmp_path: Path) -> None:
    code = {"good": "print('seen')", "bad": "raise SystemExit('broken')", "long": "import time; time.sleep(60)"}
    jobs = [(name, lambda cores, text=text: ["-c", text]) for name, text in code.items()]
    ended = dict(run_jobs(jobs, 2, tmp_path, 2.5, Clock(100.0)))
    assert {name: one.error for name, one in ended.items()} == {"good": "", "bad": "failed: broken", "long": CUT}
    late = dict(run_jobs(jobs, 2, tmp_path / "late", 2.5, Clock(0.0)))
    assert {one.error for one in late.values()} == {CUT}


@pytest.mark.end_to_end
def test_a_set_is_written_trained_and_scored_and_kept_for_the_next_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "untuned.json"
    words = ["--data", str(tmp_path), "--only", "white_noise", "--seeds", "2", "--out", str(out)]
    assert command.main([*words, "--", "trainer.epochs=1", "callbacks=null"]) == 0
    told = capsys.readouterr().out
    assert "white_noise.1: rmse " in told
    assert "| white_noise | rmse | " in told
    scores = json.loads(out.read_text())["white_noise"]
    assert {"persistence", "linear", "ets", "theta"} <= set(scores["0"]["baselines"])
    assert command.main(words) == 0
    assert "white_noise.0:" not in capsys.readouterr().out
    assert json.loads(out.read_text())["white_noise"] == scores
