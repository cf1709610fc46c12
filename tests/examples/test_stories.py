"""Questions about stories: the format, the generator, the task with its baselines, and the reader with rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.errors import DataError

EXAMPLE, PLUGIN = "stories", "stories"
TOLD = """1 Mary moved to the bathroom.
2 John went to the hallway.
3 Where is Mary? \tbathroom\t1
4 Mary went back to the garden.
5 Where is Mary?\tgarden\t4
1 John took the milk.
2 Where is the milk?
"""
QUICK = (
    "experiment=one_fact",
    "data.examples=60",
    "data.split={train: 40, val: 10, test: 10}",
    "trainer.epochs=2",
    "model.size=4",
)


def train(*words: str) -> rx.RunResult:
    return rx.run("plugins=[stories]", *QUICK, *words, quiet=True)


def share_right(baseline: Any, questions: list[Any]) -> float:
    chosen = baseline.predict(questions).argmax(axis=1)
    return float(np.mean([baseline.answers[one] == question.answer for one, question in zip(chosen, questions)]))


def test_a_file_is_read_with_what_was_told_before_each_question() -> None:
    from stories.babi import read_stories

    first, second, other = read_stories(TOLD.splitlines(), "told.txt")
    assert (first.text, first.answer, first.support) == ("Where is Mary?", "bathroom", (0,))
    assert len(first.facts), len(second.facts) == (2, 3)
    assert second.support == (2,)
    assert first.story == second.story != other.story
    assert (other.facts, other.answer, other.place) == (("John took the milk.",), "", "told.txt, line 7")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Mary went.", "told.txt, line 2: begins with no number"),
        ("3 Mary went.", "line 2: has the number 3 after 1"),
        ("2 Where is Mary?\tgarden\t7", "line 2: `7` is not the number of a fact above it"),
        ("1 Where is Mary?\tgarden", "line 2: asks before anything is told"),
        ("2 John went.", "told.txt: there is no question in it"),
    ],
)
def test_a_line_of_another_form_is_named(line: str, message: str) -> None:
    from stories.babi import read_stories

    with pytest.raises(DataError, match=message.replace("?", r"\?")):
        read_stories(["1 Mary went to the kitchen.", line], "told.txt")


def test_what_is_drawn_is_written_and_read_again() -> None:
    from stories.babi import read_stories, write_stories
    from stories.generate import draw_stories

    drawn = draw_stories(2, 20, (4, 9), seed=0)
    write_stories(Path("drawn.txt"), drawn)
    read = read_stories(Path("drawn.txt").read_text().splitlines(), "drawn.txt")
    for one, other in zip(drawn, read, strict=True):
        assert (one.facts, one.text, one.answer, one.support) == (other.facts, other.text, other.answer, other.support)
    assert draw_stories(2, 20, (4, 9), seed=1)[0].facts != drawn[0].facts


@pytest.mark.parametrize("supporting", [1, 2])
def test_the_supporting_facts_alone_tell_the_answer(supporting: int) -> None:
    from stories.generate import draw_stories
    from stories.rules import answer_by_rules

    drawn = draw_stories(supporting, 100, (4, 13), seed=0)
    assert len({(one.facts, one.text) for one in drawn}) == 100
    assert {len(one.support) for one in drawn} == {supporting}
    for one in drawn:
        said = [one.facts[place] for place in one.support]
        assert any(one.answer in fact for fact in said)
        assert answer_by_rules(one.facts, one.text) == one.answer
    if supporting == 1:
        assert all(answer_by_rules([one.facts[one.support[0]]], one.text) == one.answer for one in drawn)


def test_each_baseline_is_as_clever_as_it_says() -> None:
    from stories.baselines import LastMention, LastPlace, Rules
    from stories.generate import PLACES, draw_stories

    one, two = (draw_stories(supporting, 200, (5, 9), seed=0) for supporting in (1, 2))
    kinds = (LastPlace, LastMention, Rules)
    shares = {kind: (share_right(kind(PLACES), one), share_right(kind(PLACES), two)) for kind in kinds}
    assert shares[Rules] == (1.0, 1.0)
    assert shares[LastMention][0] == 1.0 > 0.5 > shares[LastMention][1]
    assert 0.25 < shares[LastPlace][1] < shares[LastPlace][0] < 0.6


def test_the_newest_facts_come_first_and_a_story_stays_in_one_part() -> None:
    from stories.babi import read_stories
    from stories.dataset import StoryPipeline

    questions = read_stories(TOLD.splitlines(), "told.txt")
    pipeline = StoryPipeline(("mary", "garden"), ("bathroom", "garden"), max_facts=2, max_words=6)
    x = pipeline.inputs(questions)
    assert x["past"][1, 0].tolist() == [2, 1, 1, 1, 1, 3]  # Mary went back to the garden
    assert x["mask"].tolist() == [[True, True], [True, True], [True, False]]
    assert StoryPipeline.from_json(pipeline.to_json()) == pipeline
    with pytest.raises(DataError, match="line 5: `Mary went back to the garden.` has 6 words; 1 to data.max_words=5"):
        StoryPipeline(("mary",), ("garden",), 2, 5).inputs(questions)


def test_a_run_is_scored_beside_its_baselines_and_answers(capsys: pytest.CaptureFixture[str]) -> None:
    result = train("tracking=off")
    names = ("majority", "last_place", "last_mention", "rules")
    assert {f"baseline/{name}/accuracy" for name in names} <= result.metrics.keys()
    assert result.metrics["baseline/rules/accuracy"] == 1.0
    assert result.report.beats_baseline is False
    asked = "Mary went to the kitchen. John moved to the garden. Where is Mary?"
    frame = rx.load(result, plugins=["stories"]).predict([asked])
    assert (frame["question"][0], frame.filter(like="p(").shape[1]) == ("Where is Mary?", 6)
    assert main(["predict", str(result.run_dir), asked, "--model", "rules"]) == 0
    assert "kitchen" in capsys.readouterr().out
    Path("conf/config.yaml").unlink()  # which allows the plugin
    assert main(["predict", str(result.run_dir), asked]) == 2
    assert "uses the plugin(s) stories" in capsys.readouterr().err
    assert main(["predict", str(result.run_dir), "Where is Mary?", "--plugins", "stories"]) == 3
    assert "is no story that ends with a question" in capsys.readouterr().err


@pytest.mark.end_to_end
def test_files_are_trained_on_and_evaluated(capsys: pytest.CaptureFixture[str]) -> None:
    from stories.babi import write_stories
    from stories.generate import draw_stories

    for seed, name in enumerate(("train", "test")):
        write_stories(Path(f"{name}.txt"), draw_stories(1, 60, (2, 5), seed))
    own = ("data.path=train.txt", "data.test_path=test.txt", "trainer.epochs=1", "model.units=3", "tracking=off")
    result = rx.run("plugins=[stories]", "data=babi", "model=story_gru", *own, quiet=True)
    assert result.report.predictions.actual.shape == (60,)
    assert main(["evaluate", str(result.run_dir), "--data", "test.txt", "--plugins", "stories"]) == 0
    assert "60 questions" in capsys.readouterr().out


@pytest.mark.end_to_end
def test_a_reader_of_sentences_and_the_rules_answer_together() -> None:
    from stories.babi import split_words
    from stories.generate import draw_sentences, draw_stories
    from stories.neuro_symbolic import score
    from stories.rules import parse_sentence
    from stories.sentences import read_event, tag_words

    for sentence, event in draw_sentences(60, seed=0):
        words = split_words(sentence)
        assert read_event(words, tag_words(words, event)) == event == parse_sentence(sentence)
    own = ("data.labeled=30", "data.tested=30", "trainer.epochs=1", "tracking=off")
    result = rx.run("plugins=[stories]", "experiment=sentences", *own, quiet=True)
    sentences, answers = score(rx.load(result, plugins=["stories"]).predict, draw_stories(1, 10, (2, 3), seed=0))
    assert 0 <= sentences < 1
    assert 0 <= answers < 1
    assert read_event(["mary", "slept"], ["person", "other"]) is None


@pytest.mark.end_to_end
def test_a_network_learns_what_the_last_place_does_not_tell() -> None:
    result = rx.run(
        "plugins=[stories]", "experiment=one_fact", "trainer.epochs=20", "data.facts=[2,5]", "tracking=off", quiet=True
    )
    assert result.metrics["test/accuracy"] > result.metrics["baseline/last_place/accuracy"] + 0.2


@pytest.mark.end_to_end
@pytest.mark.parametrize("model", ["memory_network", "story_gru"])
def test_a_training_goes_on_to_the_same_bits(model: str, resumes: Callable[..., Any]) -> None:
    words = ("plugins=[stories]", *QUICK, f"model={model}", "trainer.batch_size=10", "tracking=off")
    whole, resumed = resumes(*words, "trainer.engine=keras", pause=1)
    assert all(np.array_equal(one, other) for one, other in zip(whole, resumed, strict=True))
    other, _ = resumes(*words, "trainer.engine=keras", "seed=1", pause=1)
    assert not all(np.array_equal(one, two) for one, two in zip(whole, other, strict=True))


@pytest.mark.end_to_end
def test_a_sweep_is_ended_and_gone_on_with(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["train", "-m", "plugins=[stories]", *QUICK, "model=memory_network,story_gru", "hydra.sweeper.repeats=2"]
    line.remove("model.size=4")
    assert main([*line]) == 0
    assert main([*line[:-1], "hydra.sweeper.repeats=3"]) == 0
    assert "4 done" in capsys.readouterr().out
    assert main(["compare"]) == 0
    shown = capsys.readouterr().out
    assert "story_gru" in shown
    assert "needs no network" in shown
