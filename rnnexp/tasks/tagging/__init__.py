"""A label for each step of a sequence."""

from __future__ import annotations

from typing import Any

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode, deferred


@register("task")
class tagging(TaskCode):
    """A label for each step of a sequence."""

    headline = ("accuracy",)
    reported = (
        *("accuracy", "balanced_accuracy", "precision", "recall", "f1"),
        *("sequence_accuracy", "unknown_accuracy", "chunk_precision", "chunk_recall", "chunk_f1"),
    )
    takes = "texts"
    examples = "sequences"
    counted = "tokens"
    spec_of_1 = {"outputs": "logits", "sees_future": True}

    load = deferred("rnnexp.tasks.tagging.dataset:load")
    apply = deferred("rnnexp.tasks.tagging.dataset:apply")
    leaks = deferred("rnnexp.data.leaks:shared_examples")
    preprocessor = deferred("rnnexp.tasks.tagging.dataset:TagPipeline.from_json")
    report = deferred("rnnexp.tasks.tagging.report:report")
    judge_validation = deferred("rnnexp.evaluation.classes:judge_validation")
    keep_baselines = deferred("rnnexp.tasks.tagging.report:keep_baselines")
    baseline_kinds = deferred("rnnexp.tasks.tagging.report:KINDS.copy")
    summary = deferred("rnnexp.tasks.tagging.report:summary")
    explain_score = deferred("rnnexp.evaluation.classes:explain_score")
    draw_data = deferred("rnnexp.evaluation.data_figures:draw_labeled")
    figures = deferred("rnnexp.evaluation.class_figures:figures")
    predict = deferred("rnnexp.tasks.tagging.predict:predict")
    answer = deferred("rnnexp.tasks.tagging.predict:answer")
    request_schema = deferred("rnnexp.tasks.text_requests:request_schema")
    suggest = deferred("rnnexp.tasks.budget:suggest")
    inspect = deferred("rnnexp.tasks.text_proposals:propose_tags")
    seen = deferred("rnnexp.tasks.tagging.dataset:seen")

    def usage(self, source: Any) -> str:
        return 'predict {run} "a text"'
