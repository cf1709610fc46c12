"""Stories with questions, a plugin of rnnexp: sources, a task with its baselines, and two networks."""

from stories import models, sentences, source, task

__all__ = ["models", "sentences", "source", "task"]
