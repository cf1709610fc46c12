"""Numbers for each of many independent sequences."""

from __future__ import annotations

from typing import Any

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode, deferred


@register("task")
class regression(TaskCode):
    """Numbers for each of many independent sequences."""

    headline = ("pinball", "nrmse", "rmse")
    reported = ("mse", "rmse", "mae", "smape", "mape", "r2")
    takes = "sequences"

    load = deferred("rnnexp.data.sequences:load")
    apply = deferred("rnnexp.data.apply_sequences:apply_sequences")
    leaks = deferred("rnnexp.data.leaks:leaks")
    preprocessor = deferred("rnnexp.data.sequence_pipeline:SequencePipeline.from_json")
    report = deferred("rnnexp.tasks.regression.report:report")
    judge_validation = deferred("rnnexp.tasks.regression.report:judge_validation")
    keep_baselines = deferred("rnnexp.tasks.regression.report:keep_baselines")
    baseline_kinds = deferred("rnnexp.tasks.regression.report:KINDS.copy")
    primary_metric = deferred("rnnexp.tasks.regression.report:headline")
    rows = deferred("rnnexp.tasks.regression.report:rows")
    summary = deferred("rnnexp.tasks.regression.report:summary")
    figures = deferred("rnnexp.tasks.regression.figures:figures")
    predict = deferred("rnnexp.tasks.regression.predict:predict")
    answer = deferred("rnnexp.tasks.regression.predict:answer")
    write_rows = deferred("rnnexp.tasks.recording_requests:write_rows")
    suggest = deferred("rnnexp.tasks.budget:suggest")
    inspect = deferred("rnnexp.tasks.sequence_proposals:propose_numbers")
    seen = deferred("rnnexp.data.leaks:seen_examples")

    def find_quantile_mistakes(self, source: Any) -> list[str]:
        return []
