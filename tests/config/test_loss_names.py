"""A loss that does not belong to the task would give numbers all the same: it is refused at the border."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from rnnexp import registry
from rnnexp.config import loss_names
from rnnexp.config.compose import compose
from rnnexp.errors import ConfigError

TEXTS = "data.path=none.txt"
REFUSED = {
    "a loss of numbers for classes": (
        ("data=text_lines", TEXTS, "loss=mse"),
        "loss: `mse` given, but the task is classification, whose loss is cross_entropy; leave loss out",
    ),
    "a loss of numbers for tokens": (
        ("data=corpus", TEXTS, "loss=mae"),
        "loss: `mae` given, but the task is language_modeling, whose loss is cross_entropy; leave loss out",
    ),
    "an earlier name for numbers": (
        ("data=sine", "loss=token_cross_entropy"),
        "loss: `token_cross_entropy` is of classes, but the task is forecasting; use one of huber, log_cosh, mae",
    ),
    "a sum over steps that are one": (
        ("data=text_lines", TEXTS, "loss=cross_entropy", "loss.sum_over_time=true"),
        "loss.sum_over_time: true given, but classification has a class for the whole sequence; use false",
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


OF_CLASSES = ("text_lines", "text_tags", "corpus", "text_pairs")


@pytest.mark.parametrize("name", loss_names.OF_CLASSES)
def test_the_loss_of_classes_is_taken_by_both_of_its_names(name: str) -> None:
    for data in OF_CLASSES:
        model = ("model=encoder_decoder",) if data == "text_pairs" else ()
        experiment = compose(f"data={data}", TEXTS, *model, f"loss={name}")
        assert experiment.loss.name == name
        assert experiment.data.outline().outputs == "logits"
    assert compose("data=corpus", TEXTS, f"loss={name}", "loss.sum_over_time=true").loss.sum_over_time
    assert compose("data=sine", "loss=huber").data.outline().outputs == "numbers"


def test_every_shipped_loss_belongs_to_a_family() -> None:
    assert set(registry.names("loss")) == set(chain(*loss_names.FAMILIES))
