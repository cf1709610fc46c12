"""Policies with and without memory that learn by PPO, a plugin of rnnexp: a maze, a task, a loss and a model."""

from recurrent_policy import loss, model, source, task

__all__ = ["loss", "model", "source", "task"]
