"""Numbers for each of many independent examples: sequences, texts, or several inputs."""

from __future__ import annotations

from typing import Any

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode, deferred


@register("task")
class regression(TaskCode):
    """Numbers for each of many independent examples: sequences, texts, or several inputs."""

    headline = ("pinball", "nrmse", "rmse")
    reported = ("mse", "rmse", "mae", "smape", "mape", "r2")
    packages = ("sklearn.linear_model",)
    takes = "sequences or texts"
    answers_by_outputs = True

    load = deferred("rnnexp.tasks.example_inputs:load")
    apply = deferred("rnnexp.tasks.example_inputs:apply")
    choose_reader = deferred("rnnexp.tasks.choose_reader:choose_example_reader")
    leaks = deferred("rnnexp.tasks.example_inputs:leaks")
    preprocessor = deferred("rnnexp.tasks.example_inputs:preprocessor")
    report = deferred("rnnexp.tasks.regression.report:report")
    judge_validation = deferred("rnnexp.tasks.regression.report:judge_validation")
    keep_baselines = deferred("rnnexp.tasks.regression.report:keep_baselines")
    baseline_kinds = deferred("rnnexp.tasks.regression.report:list_kinds")
    primary_metric = deferred("rnnexp.tasks.regression.report:headline")
    rows = deferred("rnnexp.tasks.regression.report:rows")
    summary = deferred("rnnexp.tasks.regression.report:summary")
    figures = deferred("rnnexp.tasks.regression.figures:figures")
    predict = deferred("rnnexp.tasks.regression.predict:predict")
    answer = deferred("rnnexp.tasks.regression.predict:answer")
    write_rows = deferred("rnnexp.tasks.example_inputs:write_rows")
    usage = deferred("rnnexp.tasks.example_inputs:usage")
    request_schema = deferred("rnnexp.tasks.example_inputs:request_schema")
    suggest = deferred("rnnexp.tasks.labeled_recipe:suggest_numbers")
    inspect = deferred("rnnexp.tasks.text_proposals:propose_numbers")
    inspect_asked = deferred("rnnexp.tasks.text_proposals:propose_asked_numbers")
    seen = deferred("rnnexp.data.leaks:seen_examples")

    def find_quantile_mistakes(self, source: Any) -> list[str]:
        return []
