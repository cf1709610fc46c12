"""`rnnexp init` tells a long table of labeled recordings from series, and what its columns are."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnexp import registry
from rnnexp.data.inspect.finding import Asked
from rnnexp.tasks import load, propose

NUMBERS = itertools.count()


def swing(steps: int, kind: int) -> np.ndarray:
    noise = np.random.default_rng(next(NUMBERS)).normal(0, 0.1, steps)
    return np.round(np.sin(np.arange(steps) * (0.3 + 0.3 * kind)) + noise, 4)


def phones() -> pd.DataFrame:
    made = []
    for user in range(6):
        for kind, activity in enumerate(("Walking", "Jogging", "Sitting")):
            begin = 10**15 * user + 10**12 * kind
            columns = {"user": user, "activity": activity, "timestamp": begin + np.arange(30) * 50_000_000}
            made.append(pd.DataFrame(columns | {axis: swing(30, kind) for axis in "xyz"}))
    return pd.concat(made)


def trials() -> pd.DataFrame:
    made = []
    for subject in range(6):
        for kind, activity in enumerate(("up", "down")):
            for trial in (1, 2):
                columns = {"subject_id": subject, "activity": activity, "trial": trial, "time": np.arange(20) / 50}
                made.append(pd.DataFrame(columns | {"acc_x": swing(20, kind), "code": kind}))
    return pd.concat(made)


def robots() -> pd.DataFrame:
    made = []
    for number in range(40):
        columns = {"row_id": [f"{number}_{step}" for step in range(16)], "series_id": number, "step": range(16)}
        surface = ("tile", "carpet", "wood", "concrete")[number % 4]
        made.append(pd.DataFrame(columns | {"x": swing(16, number % 4), "surface": surface}))
    return pd.concat(made)


def numbers() -> pd.DataFrame:
    dice = np.random.default_rng(0)
    return pd.concat(
        pd.DataFrame({"sample": f"s{number}", "x": swing(12, number % 3), "target": round(dice.random(), 3)})
        for number in range(30)
    )


def long() -> pd.DataFrame:
    return pd.concat(pd.DataFrame({"recording": i, "ecg": swing(600, i % 2), "label": i % 2}) for i in range(8))


def shops() -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=40)
    return pd.concat(
        pd.DataFrame({"store": i, "date": days, "sales": swing(40, i % 2), "class": "AB"[i % 2]}) for i in range(8)
    )


def proposed(name: str, **flags: str) -> tuple[str, dict[str, Any]]:
    given = {key: Asked((text,)) for key, text in flags.items()}
    draft = propose(name, given)
    assert load(registry.lookup("data", draft.defaults["data"])(**draft.data)).parts
    return draft.defaults["data"], {key: value for key, value in draft.data.items() if key != "path"}


CASES: dict[str, tuple[Callable[[], pd.DataFrame], dict[str, Any]]] = {
    "the label changes within what a person did": (
        phones,
        {"recording": "user", "label": "activity", "groups": "user", "on_change": "cut", "time": "timestamp"},
    ),
    "trials are numbered anew for each person": (
        trials,
        {
            "recording": ["subject_id", "activity", "trial"],
            "label": "activity",
            "groups": "subject_id",
            "time": "time",
            "channels": ["acc_x"],
        },
    ),
    "columns that number rows are no channels": (
        robots,
        {"recording": "series_id", "label": "surface", "time": "step", "channels": ["x"]},
    ),
    "numbers are predicted": (numbers, {"recording": "sample", "label": "target", "task": "regression"}),
    "long recordings are cut into windows": (long, {"sequence_length": 256, "stride": 128}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_columns_of_a_long_table_are_found(case: str) -> None:
    make, expected = CASES[case]
    make().to_csv("a.csv", index=False)
    make().to_parquet("b.parquet")
    assert proposed("a.csv") == ("sequence_table", expected)
    assert proposed("b.parquet") == ("sequence_table", expected)


def test_what_is_written_otherwise_is_read_and_few_missing_cells_are_mended() -> None:
    frame = long()
    frame.iloc[[70, 3001], 1] = np.nan
    frame.to_csv("a.csv", index=False, sep=";", decimal=",")
    kind, found = proposed("a.csv")
    assert (kind, found["decimal"], found["missing"]) == ("sequence_table", ",", "ffill")


def test_series_over_the_same_dates_are_forecast() -> None:
    shops().to_csv("a.csv", index=False)
    assert proposed("a.csv")[0] == "csv"
    assert proposed("a.csv", label="class", recording="store")[0] == "sequence_table"


def test_a_target_or_a_horizon_means_a_forecast() -> None:
    long().assign(t=np.arange(4800)).to_csv("a.csv", index=False)
    assert proposed("a.csv", target="ecg", series="recording")[0] == "csv"


def test_flags_say_what_names_do_not() -> None:
    phones()[["x", "y", "z", "activity"]].rename(columns={"activity": "was"}).to_csv("a.csv", index=False)
    assert proposed("a.csv", label="was") == (
        "sequence_table",
        {"recording": None, "label": "was", "on_change": "cut"},
    )


@pytest.mark.parametrize(("steps", "windows"), [(500, {}), (501, {"sequence_length": 256, "stride": 128})])
def test_windows_are_proposed_for_long_sequences_of_every_kind(steps: int, windows: dict[str, int]) -> None:
    x = np.stack([swing(steps, number % 2) for number in range(12)])
    labels = np.array(["slow", "fast"])[np.arange(12) % 2]
    np.savez("a.npz", x=x, y=labels)
    lines = [f"{','.join(map(str, one))}:{label}\n" for one, label in zip(x, labels)]
    Path("b.ts").write_text("@classLabel true fast slow\n@data\n" + "".join(lines))
    Path("c").mkdir()
    for number, one in enumerate(x):
        pd.DataFrame({"x": one}).to_csv(f"c/{number}.csv", index=False)
    pd.DataFrame({"file": [f"{number}.csv" for number in range(12)], "label": labels}).to_csv(
        "c/labels.csv", index=False
    )
    assert proposed("a.npz") == ("npz", {"task": "classification", **windows})
    assert proposed("b.ts") == ("ts", windows)
    assert proposed("c") == ("sequence_folder", windows)
