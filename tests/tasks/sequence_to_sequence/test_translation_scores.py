"""What is written is held against references that are written alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.evaluation import report as evaluation
from rnnexp.models.build import build
from rnnexp.registry import lookup
from rnnexp.tasks import load
from rnnexp.tasks.forecasting.baselines import Undefined
from rnnexp.tasks.sequence_to_sequence import ibm_model1 as dictionaries
from rnnexp.tasks.sequence_to_sequence import report as translation
from rnnexp.tasks.sequence_to_sequence.dataset import PairDataset

LINES = (
    "a shirt\tIl porte un T-shirt à 3.50 aujourd'hui .",
    "a shirt\tUN T-SHIRT",
    "at ten\tVenez à 10:30, s'il vous plaît!",
    "shout\tNE CRIEZ PAS !",
)


def pairs(**settings: Any) -> PairDataset:
    file = Path("pairs.tsv")
    file.write_text("".join(line + "\n" for line in LINES))
    dataset = load(lookup("data", "text_pairs")(path=str(file), split="none", **settings))
    assert isinstance(dataset, PairDataset)
    return dataset


@pytest.mark.parametrize("settings", [{}, {"lowercase": False}, {"tokens": "blank"}], ids=str)
def test_a_reference_in_the_words_of_the_model_has_the_best_score(settings: dict[str, Any]) -> None:
    pytest.importorskip("sacrebleu")
    dataset = pairs(**settings)
    references = list(dataset.references("train").values())
    tokenizer = dataset.pipeline.target.tokenizer
    perfect = [tokenizer.written(own[0]) for own in references]
    assert translation.scores(perfect, references, dataset.pipeline) == pytest.approx(
        {"exact_match": 1, "bleu": 100, "chrf": 100}
    )
    wrong = translation.scores(["un", "à", "ne"], references, dataset.pipeline)
    assert wrong["exact_match"] == 0
    assert wrong["bleu"] < wrong["chrf"] < 60


def test_how_many_texts_are_scored_at_once_changes_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = pairs(buckets=2)
    model = build(lookup("model", "encoder_decoder")(units=[5], embedding_dim=4, attention="dot"), dataset.spec, seed=0)
    together = translation.report(model, dataset)
    assert [look.shape[1] for look in together.attention if look is not None] == [2, 2, 1]
    monkeypatch.setattr(translation, "MOST_SCORES", 1)
    alone = translation.report(model, dataset)
    assert alone.metrics["train/nats"] == pytest.approx(together.metrics["train/nats"], rel=1e-5)
    assert alone.metrics["train/nats"] != pytest.approx(np.log(dataset.spec.output_shape[-1]), rel=1e-5)


def test_a_dictionary_of_more_than_memory_holds_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = pairs(lowercase=False)
    model = build(lookup("model", "encoder_decoder")(units=[3], embedding_dim=3), dataset.spec, seed=0)
    assert set(translation.report(model, dataset).baselines) == {"most_frequent", "dictionary", "ibm_bigram"}
    monkeypatch.setattr(dictionaries, "MOST_LINKS", 10)
    monkeypatch.setattr(evaluation, "_computed", {})
    with pytest.raises(Undefined, match="1e.02 pairs of tokens are too many; the most is 1e.01"):
        dictionaries.learn_table([["a"] * 10], [["b"] * 10], 1)
    report = translation.report(model, dataset)
    assert set(report.baselines) == {"most_frequent"}
    assert "are too many" in report.skipped["dictionary"]


def test_an_empty_text_is_named_by_its_place_among_those_given() -> None:
    from rnnexp.errors import DataError

    dataset = pairs()
    model = build(lookup("model", "encoder_decoder")(units=[3], embedding_dim=3), dataset.spec, seed=0)
    with pytest.raises(DataError, match="text 2: the text is empty"):
        translation.written(model, dataset.pipeline, ["shout now", " ", "a"])
    assert len(translation.written(model, dataset.pipeline, ["shout now", "a"]).texts) == 2
