"""A trained network of several quantiles answers with all of them, on the command line and in MLflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tiny_runs import Done, Rows, Say, long, train

NAMES = ("sold_q10", "sold", "sold_q90")

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def spread(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Train on three series and two targets."""
    folder = tmp_path_factory.mktemp("spread")
    file = folder / "shops.csv"
    long().assign(staff=lambda table: table["open"] * 2 + table["sold"] % 1).to_csv(file, index=False)
    data = ("data.series=shop", "data.time=ds", "data.target=[sold,staff]", "data.per_series=true")
    loss = ("loss=quantile", "loss.quantiles=[0.1,0.5,0.9]", "data.sequence_length=5", "data.horizon=3")
    return train(uri, folder / "run", file, *data, *loss)


def test_lower_median_and_upper_stand_side_by_side_and_the_median_is_the_forecast(
    spread: Done, predicted: Rows
) -> None:
    rows = predicted(spread, spread.run_id)
    columns = [f"{name}{end}" for name in ("sold", "staff") for end in ("", "_q10", "_q90")]
    assert list(rows[0]) == ["shop", "ds", "step", *columns]
    assert all(row["sold_q10"] <= row["sold"] <= row["sold_q90"] for row in rows)
    assert all(row["staff_q10"] < row["staff_q90"] for row in rows)
    assert [row["sold"] for row in rows] == pytest.approx(spread.result.forecast[:, :, 0].ravel(), rel=1e-6)


def test_no_note_asks_for_intervals_and_one_that_is_asked_for_is_answered(spread: Done, said: Say) -> None:
    assert "interval" not in said(spread, "predict", spread.run_id, stream="err")
    error = said(spread, "predict", spread.run_id, "--level", "80", code=3)
    assert "there is no 80 % interval: the network gives quantiles of its own, loss.quantiles" in error


def test_the_model_in_mlflow_gives_the_same_columns(spread: Done, predicted: Rows) -> None:
    from mlflow.pyfunc import load_model
    from mlflow.tracking import set_tracking_uri

    set_tracking_uri(spread.uri)
    try:
        model = load_model(f"runs:/{spread.run_id}/model")
    finally:
        set_tracking_uri(None)  # type: ignore[arg-type]
    answer = model.predict(pd.read_csv(spread.file))
    ours = pd.DataFrame(predicted(spread, spread.run_id, str(spread.file)))
    for name in NAMES:
        assert answer[name].to_numpy() == pytest.approx(ours[name].to_numpy(), rel=1e-6)


def test_evaluate_gives_the_logged_score_again_and_every_quantile_beside_the_truth(
    spread: Done, said: Say, tmp_path: Path
) -> None:
    said(spread, "evaluate", spread.run_id, "-o", str(tmp_path / "rows.csv"))
    rows: Any = pd.read_csv(tmp_path / "rows.csv")
    below = [(rows["actual"] <= rows[name]).mean() for name in ("q10", "predicted", "q90")]
    assert below == pytest.approx(spread.result.report.tables["quantiles"]["share_below"], rel=1e-6)
    assert "mean pinball loss" in said(spread, "evaluate", spread.run_id)
    other = said(spread, "evaluate", spread.run_id, "--data", str(spread.file))
    assert "pinball" in other
