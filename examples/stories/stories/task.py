"""The task: one of a few answers to each question about a story."""

from __future__ import annotations

from rnnexp import register
from rnnexp.tasks.base import TaskCode, deferred


@register("task")
class story_questions(TaskCode):
    """One of a few answers to each question about a story."""

    headline = ("accuracy",)
    reported = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
    takes = "stories with a question"
    examples = "questions"
    counted = "questions"

    load = deferred("stories.dataset:load")
    apply = deferred("stories.dataset:apply")
    leaks = deferred("stories.dataset:list_leaks")
    preprocessor = deferred("stories.dataset:StoryPipeline.from_json")
    report = deferred("stories.scores:report")
    keep_baselines = deferred("stories.scores:keep_baselines")
    baseline_kinds = deferred("stories.scores:KINDS.copy")
    predict = deferred("stories.answers:predict")
    answer = deferred("stories.answers:answer")
    request_schema = deferred("stories.answers:request_schema")
    figures = deferred("rnnexp.evaluation.class_figures:figures")
    draw_data = deferred("rnnexp.evaluation.data_figures:draw_labeled")
    explain_score = deferred("rnnexp.evaluation.classes:explain_score")
    summary = deferred("rnnexp.evaluation.classes:say_classes")
    seen = deferred("rnnexp.data.leaks:seen_examples")

    def usage(self, source: object) -> str:
        return 'predict {run} "Mary went to the kitchen. John took the milk. Where is Mary?"'
