"""Figures of the README and the guide: those of baselines are computed, those of networks agree wherever they stand.

Scores and times of networks were measured; they are not measured again.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from readme import BLOCKS, GUIDE, HEADERS, PROSE, ROOT, header, rows_under

import rnnexp as rx
from rnnexp.compare import results
from rnnexp.task import rises
from rnnexp.tasks import load
from rnnexp.tasks.forecasting import kept_forecasts, linear
from rnnexp.tasks.forecasting.baselines import Undefined

STATED = {
    "linear": r"linear (?:baseline|model)(?: has)? (\d+\.\d+)|least squares (\d+\.\d+),",
    "seasonal_growth": r"seasonal growth (\d+\.\d+)",
}


def stated(name: str) -> list[tuple[str, str]]:
    """Return the baselines with their scores that the header of an experiment names."""
    return [(key, "".join(found)) for key, text in STATED.items() for found in re.findall(text, header(name))]


# Of series that are shipped; layout=sequence has the windows of airline_lstm.
SERIES = [
    name for name in HEADERS if re.match("airline|mackey|sine|stacked|cell|tune|units|share", name) and stated(name)
]


@cache
def baselines(*words: str) -> dict[str, float]:
    """Return the test RMSE of each baseline of a shipped series, without any network."""
    dataset = load(rx.compose(*words).data)
    plan = dataset.pipeline.plan
    shape = (len(dataset.starts("test")), plan.span - plan.sequence_length, plan.targets)
    predictions = dataset.restore("test", np.zeros(shape))
    found = {"lags": float(linear.wanted_lags(dataset))}
    past = linear.make_past(dataset, predictions.origins)
    for name, fit in kept_forecasts.list_methods(dataset, predictions.origins).items():
        try:
            found[name] = float(np.sqrt(np.mean((fit().predict(past, plan) - predictions.actual) ** 2)))
        except Undefined:
            continue
    return found


def close(written: str, value: float) -> bool:
    """Say whether a number is written as this one is rounded."""
    return float(written) == pytest.approx(value, abs=0.5 * 10.0 ** -len(written.partition(".")[2]) + 1e-9)


@pytest.mark.parametrize("name", SERIES)
def test_the_header_of_an_experiment_has_the_figures_of_its_baselines(name: str) -> None:
    of = name.removesuffix("_sequence")
    for key, written in stated(name):
        assert close(written, baselines(f"experiment={of}")[key]), (key, written)


def test_other_parts_of_the_airline_series_have_the_figures_that_are_stated() -> None:
    stated = r"\(data\.split=(\{[^}]*\})\),? (?:it is the known|the linear baseline is) (\d+\.\d+)"
    pairs = re.findall(stated, header("airline_lstm"))
    assert len(pairs) == 2
    for split, written in pairs:
        assert close(written, baselines("experiment=airline_lstm", f"data.split={split}")["linear"])
    assert not close(pairs[0][1], baselines("experiment=airline_lstm", f"data.split={pairs[1][0]}")["linear"])


ENDS = [(block.strip().partition(":")[0], block) for block in BLOCKS if "<- this run" in block]
ENDED = {
    "mackey_glass": "lstm beats its best baseline, linear",
    "airline_lstm": "lstm LOSES to its best baseline, linear",
}


def test_the_readme_shows_the_end_of_a_run_as_the_guide_does() -> None:
    assert [name for name, _ in ENDS] == ["mackey_glass", *ENDED]
    assert ENDS[1][1].startswith(ENDS[0][1].rstrip())


@pytest.mark.parametrize(("name", "block"), ENDS, ids=[f"{name} {at}" for at, (name, _) in enumerate(ENDS)])
def test_the_end_of_a_run_is_shown_with_the_baselines_that_the_series_has(name: str, block: str) -> None:
    scores = dict(re.findall(r"^  (\w+) +(\d+\.\d+)", block, re.MULTILINE))
    network, found = float(scores.pop("lstm")), baselines(f"experiment={name}")
    assert list(scores) == sorted(scores, key=lambda name: found[name])
    assert set(scores) == set(found) - {"lags"}
    assert [name for name, written in scores.items() if not close(written, found[name])] == []
    skill = 1 - network / found["linear"]
    assert f"skill {'+' * (skill > 0)}{skill:.3f}: {ENDED[name]}" in block


def test_the_first_table_the_one_of_compare_and_the_headers_agree() -> None:
    data = {"noisy sine": "cell_comparison", "airline passengers": "cell_comparison_airline"}
    seen = set()
    for series, model, score, skill, verdict in rows_under("series | model"):
        found = dict(baselines(f"experiment={data[series]}"))
        lags, best = found.pop("lags"), min(found.values())
        if model.startswith("*"):
            name = model.strip("*").partition(",")[0]
            assert close(score, found[name])
            assert model == (f"*linear, {lags:.0f} lags*" if name == "linear" else f"*{name}*")
            assert found[name] in (best, found["linear"])
            continue
        mean, deviation = score.split(" ± ")
        assert float(skill) == pytest.approx(1 - float(mean) / best, abs=0.004)
        name = model.split()[0]
        assert re.search(rf"{name} (test RMSE )?{mean} ± {deviation}", header(data[series])), model
        seen.add((series, name))
        if p := re.search(r"p ([<=]) (0\.\d+)", verdict):
            assert p[2] in header(data[series])
    (shown,) = [block for block in BLOCKS if "95 % interval" in block]
    compared = dict(re.findall(r"^\d  (\w+) .*  (\S+) ± \S+ +[+-]", shown, re.M))
    for model, mean in re.findall(r"noisy sine \| (\w+) 32 \| (\S+)", GUIDE):
        assert close(mean, float(compared[model.lower().replace("simplernn", "simple_rnn")])), model
    assert len(seen) == 6


RESULTS = rows_under("experiment | model")
# Settings that are judged by several numbers, none of which the header states as the table does.
IN_WORDS = {"reverse_digits", "etth1_h24", "etth1_h96", "ramp_sgd", "ramp_scaled"}


def test_every_experiment_that_answers_a_question_has_a_row() -> None:
    answered = {name for name in HEADERS if "hydra:" not in (ROOT / f"experiments/{name}.yaml").read_text()}
    assert {row[0] for row in RESULTS} == answered | {"mr_polarity"}
    assert f"| {' | '.join(results.HEAD)} |" in GUIDE.splitlines()


CHOSEN = {name: (ROOT / f"experiments/{name}.yaml").read_text().partition("# @package")[2] for name in HEADERS}


def faults(row: list[str]) -> list[str]:
    """Return what of a row of the results contradicts its other cells or the header of its experiment."""
    name, model, backend, runs, metric, score, baseline, skill, verdict = row
    mean, of = float(score.split()[0]), float(baseline.split()[-1])
    found = ["spread"] if ("±" in score) != (int(runs) > 1) else []
    if metric.startswith("train/"):
        return found + (["verdict"] if (skill, verdict) != ("", "scored on its training set") else [])
    best = 100 if metric == "test/bleu" else 1
    if rises(metric) and of == best:  # there is nothing left to gain on an exact baseline
        return found + (["verdict"] if (skill, verdict) != ("", "no skill can be stated") else [])
    found += ["verdict"] if verdict != ("beats it" if float(skill) > 0 else "loses to it") else []
    expected = 1 - (best - mean) / (best - of) if rises(metric) else 1 - mean / of
    found += ["skill"] if abs(float(skill) - expected) > 0.02 + 0.02 * abs(expected) else []
    if backend == "jax" and name not in IN_WORDS and model in CHOSEN[name]:
        found += ["score"] if not any(close(text, mean) for text in re.findall(r"\d*\.\d+", header(name))) else []
    return found


@pytest.mark.parametrize("row", RESULTS, ids=lambda row: " ".join(row[:3]))
def test_a_row_of_the_results_agrees_with_itself_and_with_the_header(row: list[str]) -> None:
    assert faults(row) == []


def test_a_row_that_disagrees_would_be_found() -> None:
    row = next(row for row in RESULTS if row[0] == "ag_news")
    assert faults([*row[:5], "0.9697 ± 0.00572", *row[6:]]) == ["skill", "score"]
    assert faults([*row[:8], "beats it"]) == ["verdict"]
    assert faults([*row[:3], "1", *row[4:]]) == ["spread"]
    assert not close("0.1115", 0.1116)


def test_ratios_of_times_are_those_of_the_times_beside_them() -> None:
    ours = 0.0
    for _, _, time, ratio in rows_under("work | contestant"):
        seconds = float(re.findall(r"[\d.]+", time)[0])
        if not ratio:
            ours = seconds
            continue
        assert float(ratio.split()[0]) == pytest.approx(ours / seconds, abs=0.008), (time, ratio)


def test_the_tolerance_of_the_engines_is_the_one_that_their_test_asks_for() -> None:
    stated = re.search(r"same losses to (\S+) \(`(\S+?)`", PROSE)
    assert stated
    assert f"\nCLOSE = {stated[1]}\n" in (ROOT / stated[2]).read_text()
