"""A label for each of many independent examples: sequences, texts, or several inputs."""

from __future__ import annotations

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode, deferred


@register("task")
class classification(TaskCode):
    """A label for each of many independent examples: sequences, texts, or several inputs."""

    headline = ("accuracy",)
    reported = ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "shuffled_accuracy")
    packages = ("sklearn.linear_model",)
    takes = "sequences or texts"
    answers_by_outputs = True
    spec_of_1 = {"outputs": "probabilities"}

    outline = deferred("rnnexp.data.source:labels_outline")
    load = deferred("rnnexp.tasks.example_inputs:load")
    apply = deferred("rnnexp.tasks.example_inputs:apply")
    choose_reader = deferred("rnnexp.tasks.choose_reader:choose_example_reader")
    leaks = deferred("rnnexp.tasks.example_inputs:leaks")
    preprocessor = deferred("rnnexp.tasks.example_inputs:preprocessor")
    report = deferred("rnnexp.tasks.classification.report:report")
    judge_validation = deferred("rnnexp.evaluation.classes:judge_validation")
    keep_baselines = deferred("rnnexp.tasks.classification.report:keep_baselines")
    baseline_kinds = deferred("rnnexp.tasks.classification.report:list_kinds")
    usage = deferred("rnnexp.tasks.example_inputs:usage")
    explain_score = deferred("rnnexp.evaluation.classes:explain_score")
    find_network_mistakes = deferred("rnnexp.tasks.classification.fit_words:find_network_mistakes")
    finish_network = deferred("rnnexp.tasks.classification.fit_words:finish_network")
    summary = deferred("rnnexp.tasks.classification.report:summary")
    draw_data = deferred("rnnexp.evaluation.data_figures:draw_labeled")
    figures = deferred("rnnexp.tasks.classification.figures:figures")
    predict = deferred("rnnexp.tasks.classification.predict:predict")
    answer = deferred("rnnexp.tasks.classification.predict:answer")
    request_schema = deferred("rnnexp.tasks.example_inputs:request_schema")
    write_rows = deferred("rnnexp.tasks.example_inputs:write_rows")
    suggest = deferred("rnnexp.tasks.labeled_recipe:suggest")
    inspect = deferred("rnnexp.tasks.text_proposals:propose_labels")
    find_pretrain_mistakes = deferred("rnnexp.tasks.classification.probes:find_mistakes")
    make_pretraining = deferred("rnnexp.data.unlabeled:make_pretraining")
    compare_encoders = deferred("rnnexp.tasks.classification.probes:compare_encoders")
    seen = deferred("rnnexp.data.leaks:seen_examples")
