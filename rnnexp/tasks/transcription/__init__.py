"""A text for each of many sequences that nobody has aligned with it: speech, handwriting, sensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnnexp.registry import register
from rnnexp.tasks.base import TaskCode, deferred

if TYPE_CHECKING:
    from rnnexp.data.spec import InputSpec, TaskSpec


@register("task")
class transcription(TaskCode):
    """A text for each of many sequences that nobody has aligned with it."""

    headline = ("character_error_rate",)
    reported = ("character_error_rate", "word_error_rate", "sequence_accuracy")
    takes = "sequences"
    counted = "texts"

    load = deferred("rnnexp.tasks.transcription.dataset:load")
    apply = deferred("rnnexp.tasks.transcription.dataset:apply")
    leaks = deferred("rnnexp.data.leaks:leaks")
    preprocessor = deferred("rnnexp.tasks.transcription.dataset:TranscriptPipeline.from_json")
    report = deferred("rnnexp.tasks.transcription.report:report")
    judge_validation = deferred("rnnexp.tasks.transcription.report:judge_validation")
    keep_baselines = deferred("rnnexp.tasks.transcription.report:keep_baselines")
    baseline_kinds = deferred("rnnexp.tasks.transcription.baselines:KINDS.copy")
    summary = deferred("rnnexp.tasks.transcription.report:summary")
    figures = deferred("rnnexp.tasks.transcription.figures:figures")
    predict = deferred("rnnexp.tasks.transcription.predict:predict")
    answer = deferred("rnnexp.tasks.transcription.predict:answer")
    request_schema = deferred("rnnexp.tasks.transcription.predict:request_schema")
    suggest = deferred("rnnexp.tasks.budget:suggest")
    inspect = deferred("rnnexp.tasks.sequence_proposals:propose_texts")
    seen = deferred("rnnexp.data.leaks:seen_examples")

    def outline(self, task: str, past: InputSpec) -> TaskSpec:
        from rnnexp.data.spec import UNKNOWN_SIZE, InputSpec, TaskSpec

        whole = InputSpec((None, *past.shape[1:]))
        more: dict[str, Any] = {"per_step": True, "sees_future": True, "targets": ("text",), "loss": "ctc"}
        return TaskSpec(task, {"past": whole}, (UNKNOWN_SIZE,), "logits", **more)

    def find_source_mistakes(self, source: Any) -> list[str]:
        problems = []
        if source.on_long == "cut":
            problems.append("data.on_long: cut would leave texts whose sequences end too early; use fail")
        if getattr(source, "sequence_length", None) is not None:
            given = f"data.sequence_length: {source.sequence_length} given"
            problems.append(f"{given}, but a text is that of a whole sequence; use null")
        return problems

    def find_ensemble_mistakes(self, source: Any) -> list[str]:
        return [
            "ensemble: networks that are trained by ctc write a letter at different steps, so that their outputs have "
            "no mean; set ensemble=1"
        ]
