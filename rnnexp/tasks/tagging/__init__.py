"""A label for each step of a sequence."""

from __future__ import annotations

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode, deferred


@register("task")
class tagging(TaskCode):
    """A label for each step of a sequence."""

    headline = ("accuracy",)
    reported = (
        *("accuracy", "balanced_accuracy", "precision", "recall", "f1", "shuffled_accuracy"),
        *("sequence_accuracy", "unknown_accuracy", "chunk_precision", "chunk_recall", "chunk_f1"),
    )
    packages = ("sklearn.linear_model",)
    takes = "texts or clips of images"
    answers_by_outputs = True
    examples = "sequences"
    counted = "tokens"
    labels_steps = True
    spec_of_1 = {"outputs": "logits", "sees_future": True}

    load = deferred("rnnexp.tasks.tagging.tagged_kinds:load")
    apply = deferred("rnnexp.tasks.tagging.tagged_kinds:apply")
    leaks = deferred("rnnexp.data.leaks:shared_examples")
    judge_validation = deferred("rnnexp.evaluation.classes:judge_validation")
    preprocessor = deferred("rnnexp.tasks.tagging.tagged_kinds:preprocessor")
    report = deferred("rnnexp.tasks.tagging.tagged_kinds:report")
    keep_baselines = deferred("rnnexp.tasks.tagging.tagged_kinds:keep_baselines")
    baseline_kinds = deferred("rnnexp.tasks.tagging.tagged_kinds:list_kinds")
    summary = deferred("rnnexp.tasks.tagging.tagged_kinds:summary")
    find_counted = deferred("rnnexp.tasks.tagging.tagged_kinds:find_counted")
    explain_score = deferred("rnnexp.evaluation.classes:explain_score")
    draw_data = deferred("rnnexp.evaluation.data_figures:draw_labeled")
    figures = deferred("rnnexp.tasks.tagging.tagged_kinds:figures")
    predict = deferred("rnnexp.tasks.tagging.tagged_kinds:predict")
    answer = deferred("rnnexp.tasks.tagging.tagged_kinds:answer")
    request_schema = deferred("rnnexp.tasks.tagging.tagged_kinds:request_schema")
    suggest = deferred("rnnexp.tasks.budget:suggest")
    inspect = deferred("rnnexp.tasks.tagging.tagged_kinds:inspect")
    seen = deferred("rnnexp.tasks.tagging.dataset:seen")
    usage = deferred("rnnexp.tasks.tagging.tagged_kinds:usage")
