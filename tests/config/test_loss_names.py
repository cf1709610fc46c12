"""A loss that does not belong to the task would give numbers all the same: it is refused at the border."""

from __future__ import annotations

import pkgutil
import re
from itertools import chain

import pytest

from rnnexp.config import loss_names
from rnnexp.config.compose import compose
from rnnexp.errors import ConfigError
from rnnexp.models import losses

TEXTS = "data.path=none.txt"
REFUSED = {
    "a loss of numbers for classes": (
        ("data=text_lines", TEXTS, "loss=mse"),
        "loss: `mse` given, but the task is classification, whose loss is cross_entropy; leave loss out",
    ),
    "a loss of probabilities for scores": (
        ("data=corpus", TEXTS, "loss=cross_entropy"),
        "loss: `cross_entropy` given, but the task is language_modeling, whose loss is token_cross_entropy",
    ),
    "a loss of scores for probabilities": (
        ("data=text_lines", TEXTS, "loss=token_cross_entropy"),
        "loss: `token_cross_entropy` given, but the task is classification, whose loss is cross_entropy",
    ),
    "a loss of classes for numbers": (
        ("data=sine", "loss=cross_entropy"),
        "loss: `cross_entropy` is of classes, but the task is forecasting; use one of huber, log_cosh, mae",
    ),
    "a sum over steps that are not equally many": (
        ("data=text_tags", TEXTS, "loss=token_cross_entropy", "loss.sum_over_time=true"),
        "loss.sum_over_time: true given, but the sequences of tagging differ in length; use false",
    ),
}


@pytest.mark.parametrize(("overrides", "message"), REFUSED.values(), ids=REFUSED)
def test_a_loss_of_another_task_is_refused(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        compose(*overrides)


def test_a_loss_of_the_task_is_taken() -> None:
    assert compose("data=sine", "loss=huber").loss.name == "huber"
    assert compose("data=corpus", TEXTS, "loss=token_cross_entropy", "loss.sum_over_time=true").loss.sum_over_time
    assert compose("data=text_lines", TEXTS, "loss=cross_entropy").loss.name == "cross_entropy"


def test_every_shipped_loss_belongs_to_a_family() -> None:
    shipped = {module.name for module in pkgutil.iter_modules(losses.__path__)}
    assert shipped == set(chain(*loss_names.FAMILIES))
