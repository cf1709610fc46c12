"""A label for each of many independent sequences or texts."""

from __future__ import annotations

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode, deferred


@register("task")
class classification(TaskCode):
    """A label for each of many independent sequences or texts."""

    headline = ("accuracy",)
    reported = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
    takes = "sequences or texts"
    spec_of_1 = {"outputs": "probabilities"}

    load = deferred("rnnexp.tasks.classification.inputs:load")
    apply = deferred("rnnexp.tasks.classification.inputs:apply")
    leaks = deferred("rnnexp.data.leaks:leaks")
    preprocessor = deferred("rnnexp.tasks.classification.inputs:preprocessor")
    report = deferred("rnnexp.tasks.classification.report:report")
    keep_baselines = deferred("rnnexp.tasks.classification.report:keep_baselines")
    baseline_kinds = deferred("rnnexp.tasks.classification.report:KINDS.copy")
    usage = deferred("rnnexp.tasks.classification.inputs:usage")
    explain_score = deferred("rnnexp.evaluation.classes:explain_score")
    summary = deferred("rnnexp.evaluation.classes:say_classes")
    draw_data = deferred("rnnexp.evaluation.data_figures:draw_labeled")
    figures = deferred("rnnexp.tasks.classification.figures:figures")
    predict = deferred("rnnexp.tasks.classification.predict:predict")
    answer = deferred("rnnexp.tasks.classification.predict:answer")
    request_schema = deferred("rnnexp.tasks.classification.inputs:request_schema")
    write_rows = deferred("rnnexp.tasks.classification.inputs:write_rows")
    suggest = deferred("rnnexp.tasks.classification.labeled_recipe:suggest")
    inspect = deferred("rnnexp.tasks.text_proposals:propose_labels")
    find_pretrain_mistakes = deferred("rnnexp.tasks.classification.probes:find_mistakes")
    make_pretraining = deferred("rnnexp.data.unlabeled:make_pretraining")
    compare_encoders = deferred("rnnexp.tasks.classification.probes:compare_encoders")
    seen = deferred("rnnexp.data.leaks:seen_examples")
