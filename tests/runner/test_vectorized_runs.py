"""Runs that are trained together: each is what it would have been alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import runtime
from rnnexp.runner import Result
from rnnexp.runner.context import Membership, RunContext
from rnnexp.runner.groups import GroupStore
from rnnexp.runner.program_key import make_program_key
from rnnexp.runner.vectorized import run_vectorized
from rnnexp.training.compiled import ensemble

LIGHT = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")
SINE = ("data.points=120", "model.units=[4]", "trainer.epochs=6", *LIGHT)
WHOLE = (*SINE, "trainer.batch_size=full")  # compiled sooner: there is no smaller last batch
PLAIN = (*SINE, "model=simple_rnn", "optimizer=sgd", "optimizer.learning_rate=0.01")  # compiled in half the time
PATIENT, IMPATIENT = "callbacks.early_stopping.patience=2", "callbacks.early_stopping.patience=1"
CLOSE = 1e-5  # relative, of losses after a few epochs


def together(
    experiments: dict[int, Any] | list[Any], folder: Path, store: GroupStore | None = None
) -> dict[int, Result | BaseException]:
    """Run experiments as one program and return what each has come to, by its number."""
    named = experiments if isinstance(experiments, dict) else dict(enumerate(experiments))
    contexts = []
    for number in named:
        own = folder / str(number)
        own.mkdir(parents=True)
        contexts.append(RunContext(own, member=Membership("test", None, number)))
    ended: dict[int, Result | BaseException] = {}

    def heard(index: int, result: Result | BaseException) -> None:
        ended[list(named)[index]] = result

    run_vectorized(list(named.values()), contexts, heard, lambda _: None, store)
    return ended


def losses(result: Any, part: str = "train") -> np.ndarray:
    return np.array([epoch[f"{part}/loss"] for epoch in result.history.epochs])


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(("model=lstm", "trainer.batch_size=full"), marks=pytest.mark.end_to_end),
        pytest.param(
            ("model=gru", "model.dropout=0.3", "model.patch_size=2", "model.skip_connection=true", "optimizer=rmsprop"),
            marks=pytest.mark.end_to_end,
        ),
        pytest.param(("model=gru", "model.skip_connection=ridge"), marks=pytest.mark.end_to_end),
        pytest.param(
            ("model=gru", "model.transformer={heads: 2, dropout: 0.2}", "trainer.batch_size=full"),
            marks=pytest.mark.end_to_end,
        ),
        ("model=simple_rnn", "model.bidirectional=true", "schedule=cosine", "optimizer=sgd", "trainer.batch_size=full"),
    ],
)
@pytest.mark.end_to_end
def test_each_member_is_what_it_would_have_been_alone(settings: tuple[str, ...], tmp_path: Path) -> None:
    varied = [("seed=0", "optimizer.learning_rate=0.01"), ("seed=1", "optimizer.learning_rate=0.03"), ("seed=2",)]
    experiments = [rx.compose(*SINE, *settings, *own) for own in varied]
    assert len({make_program_key(experiment) for experiment in experiments}) == 1
    ended = together(experiments, tmp_path)
    for number, experiment in enumerate(experiments):
        alone, member = rx.run(experiment, quiet=True), ended[number]
        assert isinstance(member, Result)
        for part in ("train", "val"):
            np.testing.assert_allclose(losses(member, part), losses(alone, part), rtol=CLOSE)
        assert member.metrics["test/rmse"] == pytest.approx(alone.metrics["test/rmse"], rel=CLOSE)
        width = "test/interval_width_90"
        assert member.metrics[width] == pytest.approx(alone.metrics[width], rel=10 * CLOSE)
        assert member.history.best_epoch == alone.history.best_epoch
    assert not np.allclose(losses(ended[0]), losses(ended[1]), rtol=CLOSE)  # the comparison can tell members apart


def test_members_that_stop_early_do_not_stop_the_others(tmp_path: Path) -> None:
    own = [("trainer.epochs=3", PATIENT), ("trainer.epochs=6", PATIENT), (IMPATIENT, "seed=5")]
    experiments = [rx.compose(*PLAIN, "optimizer.learning_rate=0.2", *settings) for settings in own]
    assert len({make_program_key(experiment) for experiment in experiments}) == 1
    ended = together(experiments, tmp_path)
    assert [len(losses(ended[number])) for number in (0, 1)] == [3, 6]
    alone = rx.run(experiments[2], quiet=True)
    assert len(losses(ended[2])) == len(losses(alone)) < 6
    assert losses(ended[2])[-1] == pytest.approx(losses(alone)[-1], rel=CLOSE)


def test_a_member_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    from rnnexp.errors import DivergedError

    hot = rx.compose(*PLAIN, "trainer.on_divergence=fail", "optimizer.learning_rate=1e30")
    fine = rx.compose(*PLAIN)
    ended = together([hot, fine], tmp_path)
    assert isinstance(ended[0], DivergedError)
    assert isinstance(ended[1], Result)
    assert len(losses(ended[1])) == 6


def test_a_member_that_breaks_within_an_epoch_leaves_the_bits_of_the_others_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensemble, "LONG_S", 0.0)
    words = (*PLAIN, "trainer.batch_size=4")
    rates = {name: f"optimizer.learning_rate={rate}" for name, rate in (("hot", 1e30), ("warm", 2e-3), ("fine", 1e-3))}
    made = {name: rx.compose(*words, rate, "trainer.on_divergence=fail") for name, rate in rates.items()}
    broken = together([made["hot"], made["fine"]], tmp_path / "broken")
    whole = together([made["warm"], made["fine"]], tmp_path / "whole")
    assert re.search(r"epoch 1, step \d+: train/loss is infinite", str(broken[0]))
    assert len(losses(whole[0])) == len(losses(broken[1])) == 6
    assert (losses(broken[1]) == losses(whole[1])).all()
    assert not (losses(broken[1]) == losses(whole[0])).all()


def test_a_group_without_some_of_its_members_gives_the_same_bits(tmp_path: Path) -> None:
    experiments = {seed: rx.compose(*PLAIN, f"seed={seed}") for seed in range(5)}
    file = tmp_path / "group.json"
    whole = together(experiments, tmp_path / "whole", GroupStore(file))
    rest = together({seed: experiments[seed] for seed in (1, 4)}, tmp_path / "rest", GroupStore(file))
    assert (losses(rest[1]) == losses(whole[1])).all()
    assert (losses(rest[4]) == losses(whole[4])).all()
    assert not (losses(rest[1]) == losses(whole[4])).all()


@pytest.mark.end_to_end
def test_members_that_have_stopped_are_taken_out_and_a_resumed_group_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ensemble, "WORTH_S", 0.0)
    epochs = {0: 3, 1: 3, 2: 3, 3: 16, 4: 3, 5: 16}
    experiments = {n: rx.compose(*PLAIN, f"seed={n}", f"trainer.epochs={own}") for n, own in epochs.items()}
    file = tmp_path / "group.json"
    whole = together(experiments, tmp_path / "whole", GroupStore(file))
    assert {number: len(losses(result)) for number, result in whole.items()} == epochs
    assert GroupStore(file).groups[0].widths == {3: 2}
    rest = together({3: experiments[3]}, tmp_path / "rest", GroupStore(file))
    assert (losses(rest[3]) == losses(whole[3])).all()
    alone = rx.run(experiments[5], quiet=True)
    np.testing.assert_allclose(losses(whole[5]), losses(alone), rtol=CLOSE)


def test_members_whose_data_differ_in_length_form_groups_of_their_own(tmp_path: Path) -> None:
    folds = ("data.folds=3", "data.points=200")
    varied = [f"data.fold={fold}" for fold in (1, 2, 2)]
    experiments = [rx.compose(*PLAIN, *folds, own, f"seed={n}") for n, own in enumerate(varied)]
    assert len({make_program_key(experiment) for experiment in experiments}) == 1
    store = GroupStore(tmp_path / "group.json")
    ended = together(experiments, tmp_path, store)
    assert sorted(group.numbers for group in store.groups) == [[0], [1, 2]]
    alone = rx.run(experiments[1], quiet=True)
    np.testing.assert_allclose(losses(ended[1]), losses(alone), rtol=CLOSE)


def test_no_more_are_trained_at_once_than_memory_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiments = [rx.compose(*PLAIN, f"seed={seed}") for seed in range(5)]
    monkeypatch.setattr(runtime.Runtime, "memory", 400_000)
    store = GroupStore()
    ended = together(experiments, tmp_path, store)
    assert len(ended) == 5
    assert len(store.groups) > 1
    assert max(len(group.numbers) for group in store.groups) < 5


@pytest.mark.parametrize(
    ("shared", "held"),
    [
        pytest.param(
            ("optimizer.use_ema=true",),
            {
                "model.dropout": (0.1, 0.4),
                "model.recurrent_dropout": (0.4, 0.1),
                "model.l1": (1e-3, 1e-2),
                "model.l2": (1e-2, 1e-3),
                "optimizer.weight_decay": (1e-3, 1e-1),
                "optimizer.clipnorm": (0.1, 0.01),
                "optimizer.beta_1": (0.8, 0.95),
                "optimizer.beta_2": (0.9, 0.99),
                "optimizer.epsilon": (1e-2, 1e-7),
                "optimizer.ema_momentum": (0.5, 0.9),
            },
            marks=pytest.mark.end_to_end,
        ),
        (
            ("model=simple_rnn", "optimizer=rmsprop", "optimizer.learning_rate=0.01"),
            {
                "optimizer.momentum": (0.5, 0.9),
                "optimizer.rho": (0.8, 0.95),
                "optimizer.global_clipnorm": (0.01, 0.1),
            },
        ),
        pytest.param(
            ("model=encoder_decoder", "model.units=[6]", "model.attention=dot", "optimizer.learning_rate=0.01"),
            {"model.dropout": (0.1, 0.4)},
            marks=pytest.mark.end_to_end,
        ),
        (
            ("model=simple_rnn", "optimizer=sgd", "optimizer.learning_rate=0.05"),
            {"optimizer.momentum": (0.5, 0.9), "data.noise": (0.1, 0.3)},
        ),
    ],
    ids=["adam", "rmsprop", "encoder_decoder", "sgd"],
)
def test_each_member_has_its_own(shared: tuple[str, ...], held: dict[str, tuple[float, float]], tmp_path: Path) -> None:
    own = [[f"{key}={values[member]}" for key, values in held.items()] for member in (0, 1)]
    experiments = [rx.compose(*WHOLE, "data.seed=0", *shared, *settings) for settings in own]
    assert len({make_program_key(experiment) for experiment in experiments}) == 1
    ended = together(experiments, tmp_path)
    for number, experiment in enumerate(experiments):
        np.testing.assert_allclose(losses(ended[number]), losses(rx.run(experiment, quiet=True)), rtol=CLOSE)
    assert not np.allclose(losses(ended[0]), losses(ended[1]), rtol=10 * CLOSE)


def test_a_step_that_fails_ends_every_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    def no_memory(self: ensemble.Ensemble) -> None:
        raise MemoryError("no more")

    monkeypatch.setattr(ensemble.Ensemble, "advance", no_memory)
    tracked = [line for line in PLAIN if line != "tracking=off"]
    with pytest.raises(MemoryError, match="no more"):
        together([rx.compose(*tracked, f"seed={seed}") for seed in range(2)], tmp_path / "jobs")
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("sine").experiment_id])
    assert [run.info.status for run in runs] == ["FAILED", "FAILED"]


def test_members_are_tracked_each_by_itself(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    tracked = [line for line in PLAIN if line != "tracking=off"]
    together([rx.compose(*tracked, f"seed={seed}") for seed in range(3)], tmp_path / "jobs")
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("sine").experiment_id])
    assert {run.data.params["seed"] for run in runs} == {"0", "1", "2"}
    assert {run.data.tags["rnnexp.engine"] for run in runs} == {"vectorized"}
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len({run.data.metrics["test/rmse"] for run in runs}) == 3


def test_only_the_best_of_a_group_gets_its_pictures_at_once(tmp_path: Path) -> None:
    drawn = [line for line in PLAIN if line != "tracking.figures=false"]
    ended = together([rx.compose(*drawn, f"seed={seed}") for seed in range(3)], tmp_path)
    best = min(ended, key=lambda number: losses(ended[number], "val").min())
    assert [number for number in ended if list((tmp_path / str(number)).rglob("*.png"))] == [best]


def test_what_changes_the_program_is_not_trained_together() -> None:
    base = make_program_key(rx.compose(*SINE))
    for same in ("seed=3", "optimizer.learning_rate=0.5", "trainer.epochs=9", "schedule=cosine", "data.seed=4"):
        assert make_program_key(rx.compose(*SINE, same)) == base
    for other in ("model=gru", "model.units=[5]", "data.sequence_length=5", "trainer.batch_size=8", "loss=mae"):
        assert make_program_key(rx.compose(*SINE, other)) not in (base, None)
    assert make_program_key(rx.compose(*SINE, "trainer.engine=keras")) is None


def test_balanced_weights_count_the_examples_that_a_fold_has_and_are_part_of_its_program() -> None:
    same = ("data=npz", "data.path=x.npz", "data.task=classification", "data.folds=3")
    folds = [(*same, f"data.fold={fold}") for fold in (1, 2)]
    weighed = [make_program_key(rx.compose(*fold, "trainer.class_weights=balanced")) for fold in folds]
    assert weighed[0] != weighed[1]
    assert len({make_program_key(rx.compose(*fold)) for fold in folds}) == 1


def test_folds_of_texts_have_vocabularies_and_so_networks_of_their_own() -> None:
    """Tokens that another fold has numbered would be looked up beyond the end of the embedding."""
    folds = [rx.compose("data=text_lines", "data.path=x.txt", "data.folds=3", f"data.fold={fold}") for fold in (1, 2)]
    same = ("data=text_lines", "data.path=x.txt", "data.seed=0")
    seeds = [rx.compose(*same, f"seed={seed}") for seed in (1, 2)]
    assert make_program_key(folds[0]) != make_program_key(folds[1])
    assert make_program_key(seeds[0]) == make_program_key(seeds[1])
