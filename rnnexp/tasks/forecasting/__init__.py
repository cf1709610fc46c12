"""Series in time order, cut into windows."""

from __future__ import annotations

from typing import Any, ClassVar

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode, deferred


@register("task")
class forecasting(TaskCode):
    """Series in time order, cut into windows."""

    headline: ClassVar[tuple[str, ...]] = ("pinball", "owa", "nrmse", "rmse")
    reported: ClassVar[tuple[str, ...]] = ("mse", "rmse", "mae", "smape", "mape", "r2")
    packages: ClassVar[tuple[str, ...]] = (
        "scipy.special",
        *(f"rnnexp.tasks.forecasting.{name}" for name in ("load", "report", "figures")),
    )
    takes = "rows"
    answers_by_outputs = True
    examples = "rows"
    looks_last = True

    load = deferred("rnnexp.tasks.forecasting.load:load")
    apply = deferred("rnnexp.tasks.forecasting.apply:apply")
    find_quantile_mistakes = deferred("rnnexp.data.rules:find_quantile_mistakes")
    find_ensemble_mistakes = deferred("rnnexp.data.rules:find_ensemble_mistakes")
    find_exponents = deferred("rnnexp.tasks.forecasting.preprocess:find_exponents")
    find_refit_mistakes = deferred("rnnexp.data.rules:find_refit_mistakes")
    list_refits = deferred("rnnexp.tasks.forecasting.walk_forward:list_refits")
    describe_refit = deferred("rnnexp.tasks.forecasting.walk_forward:describe_refit")
    join_refits = deferred("rnnexp.tasks.forecasting.walk_forward:join_refits")
    leaks = deferred("rnnexp.tasks.forecasting.leaks:leaks")
    choose_reader = deferred("rnnexp.tasks.choose_reader:choose_series_reader")
    preprocessor = deferred("rnnexp.tasks.forecasting.preprocess:Preprocessor.from_json")
    report = deferred("rnnexp.tasks.forecasting.report:report")
    judge_validation = deferred("rnnexp.tasks.forecasting.kept_forecasts:judge_validation")
    keep_baselines = deferred("rnnexp.tasks.forecasting.kept_forecasts:keep_baselines")
    baseline_kinds = deferred("rnnexp.tasks.forecasting.kept_forecasts:KINDS.copy")
    primary_metric = deferred("rnnexp.tasks.forecasting.report:headline")
    rows = deferred("rnnexp.tasks.forecasting.report:rows")
    summary = deferred("rnnexp.tasks.forecasting.summary:summary")
    explain_score = deferred("rnnexp.tasks.forecasting.summary:explain_score")
    find_unit = deferred("rnnexp.tasks.forecasting.summary:find_unit")
    find_causes = deferred("rnnexp.tasks.forecasting.causes:find_causes")
    figures = deferred("rnnexp.tasks.forecasting.figures:figures")
    draw_data = deferred("rnnexp.tasks.forecasting.figures:draw_data")
    predict = deferred("rnnexp.tasks.forecasting.predict:predict")
    answer = deferred("rnnexp.tasks.forecasting.predict:answer")
    forecast = deferred("rnnexp.tasks.forecasting.predict:forecast_of")
    request_schema = deferred("rnnexp.tasks.forecasting.predict:request_schema")
    extras = deferred("rnnexp.tasks.forecasting.intervals:read_for")
    other_data = deferred("rnnexp.tasks.forecasting.predict:other_data")
    write_rows = deferred("rnnexp.tasks.forecasting.in_memory:write_rows")
    beside = deferred("rnnexp.tasks.forecasting.predict:beside")
    seen = deferred("rnnexp.tasks.forecasting.leaks:seen")
    inspect = deferred("rnnexp.tasks.forecasting.inspect:inspect")
    suggest = deferred("rnnexp.tasks.forecasting.series_recipe:suggest")

    def loss_units(self, dataset: Any) -> str:
        scaled = bool(dataset.pipeline.chain.steps) or dataset.pipeline.plan.window != "none"
        return "scaled units" if scaled else ""
