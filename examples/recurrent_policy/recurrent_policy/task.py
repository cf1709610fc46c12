"""The task: to act so that the rewards of an episode come to much."""

from __future__ import annotations

from recurrent_policy.maze import ACTIONS
from rnnexp import register
from rnnexp.task import Metric
from rnnexp.tasks.base import TaskCode, deferred


@register("task")
class maze_policy(TaskCode):
    """To act so that the rewards of an episode come to much."""

    headline = ("episode_return",)
    reported = ("episode_return", "sampled_return", "success")
    metrics = (
        Metric("episode_return", "mean return of the likeliest actions", greater_is_better=True, counted="episodes"),
        Metric("sampled_return", "mean return of drawn actions", greater_is_better=True, counted="episodes"),
        Metric("success", "share of episodes that end well", greater_is_better=True, counted="episodes"),
    )
    takes = f"observations, to which it answers by one of {', '.join(ACTIONS)}"
    examples = "episodes"

    load = deferred("recurrent_policy.episodes:load")
    apply = deferred("recurrent_policy.episodes:apply")
    leaks = deferred("rnnexp.data.leaks:shared_examples")
    preprocessor = deferred("recurrent_policy.episodes:EpisodePipeline.from_json")
    report = deferred("recurrent_policy.scores:report")
    figures = deferred("recurrent_policy.scores:draw_figures")
    predict = deferred("recurrent_policy.scores:predict")
    answer = deferred("recurrent_policy.scores:answer")
