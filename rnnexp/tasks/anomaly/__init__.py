"""Faults in sensors: rows that are unlike what a network, trained on clean rows, forecasts."""

from __future__ import annotations

from typing import Any

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode, deferred
from rnnexp.tasks.forecasting import forecasting


@register("task")
class anomaly(forecasting):
    """Faults in sensors: rows that are unlike what a network, trained on clean rows, forecasts."""

    headline = ("average_precision", "alarm_rate")
    reported = (
        *("average_precision", "roc_auc", "precision", "recall", "f1", "event_recall"),
        *("false_positive_rate", "false_alarms", "alarm_rate"),
    )
    counted = "rows"
    exported_files = ("detector.json",)
    packages = (*forecasting.packages, "sklearn.linear_model")
    looks_last = False
    on_request = True

    load = deferred("rnnexp.tasks.anomaly.load:load")
    apply = deferred("rnnexp.tasks.anomaly.load:apply")
    report = deferred("rnnexp.tasks.anomaly.report:report")
    primary_metric = deferred("rnnexp.tasks.anomaly.report:headline")
    rows = deferred("rnnexp.tasks.anomaly.report:rows")
    summary = deferred("rnnexp.tasks.anomaly.alarm_summary:summary")
    figures = deferred("rnnexp.tasks.anomaly.figures:figures")
    predict = deferred("rnnexp.tasks.anomaly.predict:predict")
    answer = deferred("rnnexp.tasks.anomaly.predict:answer")
    other_data = deferred("rnnexp.tasks.anomaly.predict:other_data")
    extras = deferred("rnnexp.tasks.anomaly.detector:read_for")
    inspect = deferred("rnnexp.tasks.anomaly.sensor_recipe:inspect")
    suggest = deferred("rnnexp.tasks.anomaly.sensor_recipe:suggest")

    # What forecasts have and alarms have not.
    keep_baselines = TaskCode.keep_baselines
    baseline_kinds = TaskCode.baseline_kinds
    find_unit = TaskCode.find_unit
    find_causes = TaskCode.find_causes
    explain_score = TaskCode.explain_score
    forecast = TaskCode.forecast
    choose_reader = TaskCode.choose_reader
    request_schema = TaskCode.request_schema
    list_refits = TaskCode.list_refits
    describe_refit = TaskCode.describe_refit
    join_refits = TaskCode.join_refits

    def find_quantile_mistakes(self, source: Any) -> list[str]:
        return ["loss.quantiles: given, but alarms are made of one forecast of each row; leave it out"]

    def find_refit_mistakes(self, source: Any) -> list[str]:
        return ["trainer.refit_every: given, but a detector that is fitted again learns from the faults; leave it out"]
