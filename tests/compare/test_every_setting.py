"""No setting is merged with another: whatever key differs, and however many parameters a run has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from every_field import PAIRS, Two

from rnnexp.compare.complete import completed, has_all
from rnnexp.compare.differ import INCIDENTAL, REPEATS
from rnnexp.compare.groups import Comparison, Goal, compare
from rnnexp.config.flat import flat_params
from rnnexp.config.identity import config_hash
from rnnexp.config.parse import plain_values
from rnnexp.config.settings import Experiment
from rnnexp.config.text import is_unset, leaves, text, typed
from rnnexp.tracking import batch, names, tables
from rnnexp.tracking.batch import Batch, Point, transaction
from rnnexp.tracking.query import TrackedRun, Wanted, select
from rnnexp.tracking.store import artifact_root, database, open_store, tracking_uri

# These take one value alone, whatever stands beside them; plugins are those that the user has allowed.
ONE_VALUE = {
    "plugins of the experiment",
    "data.tokens of associative_recall",
    "data.unlabeled of adding",
    "data.unlabeled of moving_digits",
    "data.unlabeled of random",
    "data.labels_per_class of audio_strings",
    *(f"data.{key} of audio_strings" for key in ("on_long", "sequence_length", "speeds", "stride", "task")),
    *(f"data.target_scaler of {name}" for name in ("audio_strings", "frames", "moving_digits", "text_files")),
    "data.tokens of reverse_digits",
    "data.tokens of selective_copying",
    "data.scaler of frames",
    "data.scaler of moving_digits",
    "data.task of moving_digits",
    "model.output_activation of cnn_rnn",
    "model.patch_size of cnn_rnn",
    "model.skip_connection of cnn_rnn",
    "data.buckets of multi_input_table",
    "data.buckets of text_and_pulse",
    "data.task of text_files",
    "model.tie_weights of cnn_lstm",
    "model.tie_weights of cnn_rnn",
    "model.tie_weights of lstm_fcn",
    "model.recurrent_initializer of min_gru",
    "model.recurrent_initializer of min_lstm",
    *(f"data.{key} of sensors" for key in ("horizon", "stride", "layout", "columns_as_series", "weight")),
    "data.forecast_from of sensors",
}
KNOWN = [two for two in PAIRS if two.one and two.other]


class Store:
    """A store to which whole experiments are written with made-up scores, as rows, by the code that writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        self.place = artifact_root(self.uri, "all")
        self.experiment = open_store(self.uri).create_experiment("all", self.place)

    def write(self, runs: Mapping[str, Experiment], old: bool = False, keep_config: bool = True) -> None:
        """Write runs; of old ones 60 parameters alone, and no word of their number, as version 0.1.0 did."""
        file = database(self.uri)
        assert file is not None
        with transaction(file) as connection:
            for run_id, config in runs.items():
                params = names.params(old_params(config) if old else flat_params(config))
                tags = {
                    "rnnexp.version": "0",
                    "rnnexp.config_hash": config_hash(config),
                    "rnnexp.backend": config.backend or "jax",
                }
                tags |= {} if old else {names.PARAMS: str(len(params))}
                place = f"{self.place}/{run_id}/artifacts"
                run = tables.NewRun(run_id, run_id, 0, self.experiment, place)
                tables.write_run(connection, run, names.tags(tags))
                points = [Point("best/val/loss", len(run_id) / 10, 1, 0)]
                batch.write(connection, run_id, Batch(points=points, params=params, status="FINISHED"))
                if keep_config and old:
                    folder = Path(place.removeprefix("file://")) / "config"
                    folder.mkdir(parents=True)
                    (folder / "config.yaml").write_text(yaml.safe_dump(plain_values(config), sort_keys=False))

    def runs(self) -> dict[str, TrackedRun]:
        return {run.run_id: run for run in select(self.uri, Wanted())}


def old_params(config: Experiment) -> dict[str, object]:
    """Return the first 60 parameters in the order of the fields, what is unset left out."""
    found = {key: value for key, value in leaves(plain_values(config)) if not is_unset(value)}
    return dict(list(found.items())[:60])


def compared(runs: Sequence[TrackedRun]) -> Comparison:
    return compare(runs, Goal("best/val/loss"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrackedRun]:
    store = Store(tmp_path_factory.mktemp("fields"))
    numbered = list(enumerate(KNOWN))
    store.write({f"{number}-one": two.one for number, two in numbered if two.one})
    store.write({f"{number}-other": two.other for number, two in numbered if two.other})
    return store.runs()


def test_two_values_of_every_field_are_tried() -> None:
    assert {str(two) for two in PAIRS if two.other is None} == ONE_VALUE
    assert len(KNOWN) > 700


# A run that differs in one of them alone is the same run again.
UNHASHED = ("trainer.checkpoint_every_s", "trainer.print_every", "resume")


def is_repetition(two: Two) -> bool:
    return two.key in (*REPEATS, *INCIDENTAL)


def test_two_values_of_any_field_are_two_settings(written: Mapping[str, TrackedRun]) -> None:
    merged = [
        str(two)
        for number, two in enumerate(KNOWN)
        if not is_repetition(two) and len(compared([written[f"{number}-one"], written[f"{number}-other"]]).groups) != 2
    ]
    assert merged == []


def test_the_field_that_differs_is_shown(written: Mapping[str, TrackedRun]) -> None:
    hidden = []
    for number, two in enumerate(KNOWN):
        columns = compared([written[f"{number}-one"], written[f"{number}-other"]]).columns
        if not is_repetition(two) and not any(key == two.key or key.startswith(f"{two.key}.") for key in columns):
            hidden.append(str(two))
    assert hidden == []


def test_what_only_repeats_a_run_is_one_setting_and_said(written: Mapping[str, TrackedRun]) -> None:
    repeated = {two.key: number for number, two in enumerate(KNOWN) if is_repetition(two)}
    assert set(repeated) == {*REPEATS, *INCIDENTAL}
    for key, number in repeated.items():
        found = compared([written[f"{number}-one"], written[f"{number}-other"]])
        assert len(found.groups) == 1
        said = {f"runs of one setting differ also in {key}: they are treated as repetitions"}
        again = "1 run was repeated: the latest finished one of each configuration counts, not "
        said |= {note for note in found.notes if note.startswith(again)} if key in ("name", *UNHASHED) else set()
        assert bool(said & set(found.notes)) == (key in INCIDENTAL), found.notes


VALUES = [
    None, True, False, 0, 1, 1.0, 1e-05, 1e22, -3, "", "a", "1", "1e-5", "true", "null", "None", "~", "yes", "[1]",
    "[a",
    "{}", "12:30", "2020-01-01", "2020-13-45", "0x10", "1_000", ".inf", "inf", '"', '"a"', "'a'", "a, b", "a: b", "# x",
    "*x", "&x", "!x", "@x", "ünï", "a\nb", "-", "- a", "%", "${x}", "1.", "012", "+1", "=", "<<", [], [1], ["1"], [1.0],
    [1e-05], ["1e-05"], ["a", "b"], ["a,b"], ["a", ["b"]], [None], ["null"], [True], ["true"], ["no"], [[1, 2], [3]],
    [{"a": 1}], [{"a": "1"}], {}, ["x y"], ["2020-01-01"], ["[1]"], ["a\nb"], "a\\b", ["a\\b"], ["a/b.csv"], ["-1"],
]  # fmt: skip


def test_no_two_values_are_logged_as_the_same_text() -> None:
    assert [repr(typed(text(value))) for value in VALUES] == [repr(value) for value in VALUES]
    assert len({text(value) for value in VALUES}) == len(VALUES)


def with_changes(**changes: object) -> Experiment:
    import rnnexp as rx

    return rx.compose("data=csv", "data.path=own.csv", "data.target=y", *(f"{k}={v}" for k, v in changes.items()))


BATCHES = {"a": {"trainer.batch_size": 64}, "b": {"trainer.batch_size": 8}}


def test_a_run_with_many_parameters_has_all_of_them_what_was_chosen_first(tmp_path: Path) -> None:
    config = with_changes(**{"trainer.batch_size": 32, "model.units": "[4]"})
    params = flat_params(config, chosen={"trainer.batch_size", "model"})
    assert len(params) > 60
    assert list(params)[:2] == ["model.name", "trainer.batch_size"]
    assert list(params).index("model.units") < list(params).index("model.dropout")
    store = Store(tmp_path)
    store.write({"a": config})
    assert store.runs()["a"].params.keys() == params.keys()


def test_runs_with_all_parameters_need_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.write({run_id: with_changes(**changes) for run_id, changes in BATCHES.items()})
    monkeypatch.setattr("rnnexp.compare.complete.configuration", None)  # a call would raise TypeError
    assert len(compared(completed(store.uri, list(store.runs().values())).runs).groups) == 2


def test_sixty_parameters_of_a_run_of_old_are_completed_from_its_configuration(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write({run_id: with_changes(**changes) for run_id, changes in BATCHES.items()}, old=True)
    logged = list(store.runs().values())
    assert not any(has_all(run) for run in logged)
    assert not any("trainer.batch_size" in run.params for run in logged)
    whole = completed(store.uri, logged)
    assert whole.unknown == []
    assert compared(whole.runs).columns == ["trainer.batch_size"]


def test_a_run_of_old_and_a_new_one_of_one_setting_are_one_group(tmp_path: Path) -> None:
    """What has been unset is logged today where it is not the default: that alone makes no difference."""
    store = Store(tmp_path)
    store.write({"old": with_changes(seed=1)}, old=True)
    store.write({"new": with_changes(seed=2), "other": with_changes(**{"trainer.batch_size": 7})})
    groups = compared(completed(store.uri, list(store.runs().values())).runs).groups
    assert sorted(sorted(run.run_id for run in group.runs) for group in groups) == [["new", "old"], ["other"]]


def test_settings_that_nobody_has_kept_are_said_to_be_unknown(tmp_path: Path) -> None:
    store = Store(tmp_path)
    configs = {run_id: with_changes(**changes) for run_id, changes in BATCHES.items()}
    store.write(configs, old=True, keep_config=False)
    whole = completed(store.uri, list(store.runs().values()))
    assert len(compared(whole.runs).groups) == 1
    assert "of 2 runs only the first 60 parameters are known" in whole.notes()[0]
