"""Which token comes next in a text."""

from __future__ import annotations

from typing import Any

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode, deferred


@register("task")
class language_modeling(TaskCode):
    """Which token comes next in a text."""

    headline = ("perplexity",)
    reported = ("nats", "perplexity")
    takes = "texts"
    examples = "text"
    spec_of_1 = {"outputs": "logits", "scores_of": "past"}
    former_name = "language_modelling"

    load = deferred("rnnexp.tasks.language_modeling.dataset:load")
    apply = deferred("rnnexp.tasks.language_modeling.dataset:apply")
    leaks = deferred("rnnexp.tasks.language_modeling.lanes:leaks")
    preprocessor = deferred("rnnexp.tasks.language_modeling.dataset:Language.from_json")
    report = deferred("rnnexp.tasks.language_modeling.report:report")
    judge_validation = deferred("rnnexp.tasks.language_modeling.report:judge_validation")
    keep_baselines = deferred("rnnexp.tasks.language_modeling.report:keep_baselines")
    baseline_kinds = deferred("rnnexp.tasks.language_modeling.report:KINDS.copy")
    rows = deferred("rnnexp.tasks.language_modeling.report:rows")
    figures = deferred("rnnexp.tasks.language_modeling.figures:figures")
    predict = deferred("rnnexp.tasks.language_modeling.predict:predict")
    answer = deferred("rnnexp.tasks.language_modeling.predict:answer")
    sampler = deferred("rnnexp.tasks.language_modeling.predict:sampler")
    generate = deferred("rnnexp.tasks.language_modeling.predict:generate")
    request_schema = deferred("rnnexp.tasks.language_modeling.predict:request_schema")
    inspect = deferred("rnnexp.tasks.text_proposals:propose_corpus")
    seen = deferred("rnnexp.tasks.language_modeling.lanes:seen")

    def find_ensemble_mistakes(self, source: Any) -> list[str]:
        return [
            "ensemble: a language model carries its states from one part of a text to the next, and those of several "
            "networks have no mean; set ensemble=1"
        ]

    def usage(self, source: Any) -> str:
        return "generate {run}"
