"""A text is read and another one written."""

from __future__ import annotations

from typing import Any

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode, deferred


@register("task")
class sequence_to_sequence(TaskCode):
    """A text is read and another one written."""

    headline = ("bleu", "exact_match")
    reported = ("bleu", "chrf", "exact_match", "nats", "perplexity")
    takes = "texts"
    examples = "pairs"
    spec_of_1 = {"outputs": "logits", "scores_of": "previous"}

    load = deferred("rnnexp.tasks.sequence_to_sequence.dataset:load")
    apply = deferred("rnnexp.tasks.sequence_to_sequence.dataset:apply")
    leaks = deferred("rnnexp.data.leaks:shared_examples")
    preprocessor = deferred("rnnexp.tasks.sequence_to_sequence.dataset:PairPipeline.from_json")
    report = deferred("rnnexp.tasks.sequence_to_sequence.report:report")
    judge_validation = deferred("rnnexp.tasks.sequence_to_sequence.report:judge_validation")
    keep_baselines = deferred("rnnexp.tasks.sequence_to_sequence.report:keep_baselines")
    baseline_kinds = deferred("rnnexp.tasks.sequence_to_sequence.report:KINDS.copy")
    primary_metric = deferred("rnnexp.tasks.sequence_to_sequence.report:primary_metric")
    figures = deferred("rnnexp.tasks.sequence_to_sequence.figures:figures")
    predict = deferred("rnnexp.tasks.sequence_to_sequence.predict:predict")
    answer = deferred("rnnexp.tasks.sequence_to_sequence.predict:answer")
    request_schema = deferred("rnnexp.tasks.text_requests:request_schema")
    inspect = deferred("rnnexp.tasks.text_proposals:propose_pairs")
    seen = deferred("rnnexp.tasks.sequence_to_sequence.dataset:seen")

    def find_ensemble_mistakes(self, source: Any) -> list[str]:
        return [
            "ensemble: a translation is searched for word by word with the states of one network, and the texts of "
            "several have no mean; set ensemble=1"
        ]

    def usage(self, source: Any) -> str:
        return 'predict {run} "a text"'
