"""A model's folder: what goes in comes out, and nothing in it can run or mislead."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp import registry
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError, DataError
from rnnexp.models import bundle, exporter
from rnnexp.models.build import build

X = np.random.default_rng(0).normal(size=(4, 6, 3)).astype("float32")
KERNEL = "gru_1/gru_cell/kernel"


SPEC = TaskSpec("forecasting", {"past": InputSpec((6, 3))}, (2, 1), targets=("y",))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Train a small model, with a loss that Keras does not know, and save it once for all tests."""
    folder = tmp_path_factory.mktemp("written")
    settings = registry.lookup("model", "gru")(units=[4, 3], dropout=0.2, layer_norm=True)
    model = build(settings, SPEC, seed=5)
    model.compile(optimizer="adam", loss=registry.lookup("loss", "quantile")().build())
    model.fit(X, np.ones((4, 2, 1), "float32"), epochs=1, verbose=0)
    exporter.save(folder, bundle.Bundle(model, SPEC, {"kind": "none"}, settings))
    return folder, model


@pytest.fixture
def saved(written: tuple[Path, Any], tmp_path: Path) -> tuple[Path, Any]:
    """Give each test a copy of the folder, to damage as it likes, and the model that it came from."""
    return shutil.copytree(written[0], tmp_path / "model"), written[1]


def rewrite(folder: Path, **changes: np.ndarray) -> None:
    """Replace arrays in weights.npz, pickled where NumPy would need to."""
    with np.load(folder / "weights.npz") as archive:
        arrays = {**archive, **changes}
    np.savez(folder / "weights.npz", **arrays)


def test_a_loaded_model_answers_as_the_saved_one(saved: tuple[Path, Any]) -> None:
    folder, model = saved
    assert np.array_equal(bundle.load(folder).predict(X), model.predict(X, verbose=0))


def test_a_changed_weight_changes_the_answer(saved: tuple[Path, Any]) -> None:
    folder, model = saved
    rewrite(folder, **{KERNEL: np.zeros((3, 12), "float32")})
    assert not np.allclose(bundle.load(folder).predict(X), model.predict(X, verbose=0))


def test_spec_and_scaling_come_back(saved: tuple[Path, Any]) -> None:
    loaded = bundle.load(saved[0])
    assert loaded.spec == SPEC
    assert loaded.scaling == {"kind": "none"}


def test_two_inputs_come_back(tmp_path: Path) -> None:
    inputs = {"past": InputSpec((None, 3)), "future": InputSpec((2, 4))}
    spec = TaskSpec("forecasting", inputs, (2, 1))
    settings = registry.lookup("model", "lstm")(units=3)
    model = build(settings, spec, seed=0)
    exporter.save(tmp_path, bundle.Bundle(model, spec, {}, settings))
    x = {"past": X, "future": np.ones((4, 2, 4), "float32")}
    assert np.array_equal(bundle.load(tmp_path).predict(x), model.predict(x, verbose=0))


@pytest.mark.end_to_end
def test_other_programs_can_load_the_keras_file(saved: tuple[Path, Any], in_new_process: Any) -> None:
    folder, model = saved
    np.save(folder / "x.npy", X)
    script = """
import sys, keras, numpy as np
model = keras.models.load_model(sys.argv[1] + "/model.keras")
print(repr(model.predict(np.load(sys.argv[1] + "/x.npy"), verbose=0).ravel().tolist()))
assert not any(name.startswith("rnnexp") for name in sys.modules)
"""
    process = in_new_process(script, str(folder))
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout.splitlines()[-1])
    assert found == pytest.approx(model.predict(X, verbose=0).ravel().tolist(), abs=1e-6)


class Canary:
    """Touches a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.fault("I2")
def test_pickled_weights_are_refused_unopened(saved: tuple[Path, Any], tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    rewrite(saved[0], **{KERNEL: np.array([Canary(canary)], dtype=object)})
    with pytest.raises(ConfigError, match=r"weights.npz: .*kernel.npy` holds object values"):
        bundle.load(saved[0])
    assert not canary.exists()
    with np.load(saved[0] / "weights.npz", allow_pickle=True) as archive:
        archive[KERNEL]
    assert canary.exists()  # the trap works: only the refusal kept it shut


@pytest.mark.fault("I1")
def test_weights_of_another_shape_are_refused(saved: tuple[Path, Any]) -> None:
    rewrite(saved[0], **{KERNEL: np.zeros((5, 12), "float32")})
    with pytest.raises(ConfigError, match=r"kernel` has shape \(5, 12\), the model needs \(3, 12\)"):
        bundle.load(saved[0])


@pytest.mark.fault("I1")
def test_a_header_that_claims_the_earth_is_refused_before_memory_is_taken(saved: tuple[Path, Any]) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)})
    with zipfile.ZipFile(saved[0] / "weights.npz", "w") as archive:
        archive.writestr(f"{KERNEL}.npy", header.getvalue())
    with pytest.raises(ConfigError, match=r"has shape \(1000000, 1000000\)"):
        bundle.load(saved[0])


@pytest.mark.parametrize(("change", "message"), [("more", "`extra` belongs to no layer"), ("less", "is missing")])
def test_weights_too_many_or_too_few_are_refused(saved: tuple[Path, Any], change: str, message: str) -> None:
    with np.load(saved[0] / "weights.npz") as archive:
        arrays = dict(archive)
    arrays = {**arrays, "extra": np.zeros(1)} if change == "more" else {k: arrays[k] for k in list(arrays)[1:]}
    np.savez(saved[0] / "weights.npz", **arrays)
    with pytest.raises(ConfigError, match=message):
        bundle.load(saved[0])


@pytest.mark.parametrize("name", ["weights.npz", "model.json", "preprocessing.json"])
@pytest.mark.parametrize("content", [None, b"", b"not what it should be"])
@pytest.mark.fault("I1")
def test_a_damaged_file_is_named(saved: tuple[Path, Any], name: str, content: bytes | None) -> None:
    path = saved[0] / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"{name}: cannot be read"):
        bundle.load(saved[0])


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_newer_format_is_refused(saved: tuple[Path, Any]) -> None:
    edit(saved[0], format=99)
    with pytest.raises(ConfigError, match="format 99; this version reads formats 1 to 2"):
        bundle.load(saved[0])


def test_a_task_that_nobody_has_registered_is_refused(saved: tuple[Path, Any]) -> None:
    edit(saved[0], spec={**json.loads((saved[0] / "model.json").read_text())["spec"], "task": "smells"})
    with pytest.raises(DataError, match="task: `smells` is not one of anomaly, classification, "):
        _ = bundle.load(saved[0]).preprocessor


def test_settings_that_do_not_fit_are_refused(saved: tuple[Path, Any]) -> None:
    edit(saved[0], architecture={"name": "gru", "units": "many"})
    with pytest.raises(ConfigError, match=r"model.json: does not describe a model: .*units"):
        bundle.load(saved[0])


@pytest.mark.fault("I1")
def test_a_plugin_is_never_imported_because_a_file_says_so(saved: tuple[Path, Any], tmp_path: Path) -> None:
    (tmp_path / "evil_plugin.py").write_text("open('canary', 'w')")
    edit(saved[0], architecture={"name": "theirs"}, plugins=["evil_plugin"])
    with pytest.raises(ConfigError, match=r"`theirs` comes from the plugin\(s\) evil_plugin.*pass plugins="):
        bundle.load(saved[0])
    assert not (tmp_path / "canary").exists()


def test_a_plugin_that_the_caller_names_is_used(tmp_path: Path, spec: TaskSpec) -> None:
    (tmp_path / "my_own_models.py").write_text(
        "from rnnexp.registry import register\n"
        "@register('model')\n"
        "def straight(spec, scale: float = 1.0):\n"
        "    import keras\n"
        "    inputs = keras.Input(spec.inputs['past'].shape)\n"
        "    x = keras.layers.Dense(2)(keras.layers.Flatten()(inputs))\n"
        "    return keras.Model(inputs, keras.layers.Reshape((2, 1))(x))\n"
    )
    registry.load_plugins(["my_own_models"])
    settings = registry.lookup("model", "straight")(scale=2.0)
    model = build(settings, spec, seed=0)
    exporter.save(tmp_path / "b", bundle.Bundle(model, spec, {}, settings, ["my_own_models"]))
    loaded = bundle.load(tmp_path / "b", plugins=["my_own_models"])
    assert np.array_equal(loaded.predict(X), model.predict(X, verbose=0))


SOURCES: dict[str, dict[str, Any]] = {
    "sine": {"layout": "sequence"},
    "adding": {},
    "npz": {"path": "x.npz", "task": "classification"},
    "text_lines": {"path": "x.txt"},
    "text_tags": {"path": "x.conll"},
    "corpus": {"path": "x.txt"},
    "reverse_digits": {},
}
NEW_IN_2 = ("outputs", "scores_of", "sees_future")


def sized(name: str) -> TaskSpec:
    """Return what a source asks of a model, with sizes as if its data had been read."""
    outline = registry.lookup("data", name)(**SOURCES[name]).outline()
    inputs = {
        key: replace(
            one,
            shape=tuple(None if n is None else max(n, 3) for n in one.shape),
            vocabulary=None if one.vocabulary is None else 5,
        )
        for key, one in outline.inputs.items()
    }
    return replace(outline, inputs=inputs, output_shape=tuple(max(size, 5) for size in outline.output_shape))


@pytest.mark.parametrize("name", SOURCES)
def test_what_format_1_left_to_the_name_of_the_task_is_added(name: str, tmp_path: Path) -> None:
    spec = sized(name)
    old = {key: value for key, value in asdict(spec).items() if key not in NEW_IN_2}
    old["task"] = old["task"].replace("modeling", "modelling")
    about = {"format": 1, "architecture": {}, "spec": old, "plugins": []}
    (tmp_path / "model.json").write_text(json.dumps(about))
    softmax = {"outputs": "probabilities"} if spec.task == "classification" else {}
    assert bundle._read_spec(tmp_path, bundle._read_about(tmp_path)) == replace(spec, **softmax)


def test_without_it_a_classifier_would_have_a_linear_output(tmp_path: Path) -> None:
    about = {"format": 2, "architecture": {}, "plugins": []}
    about["spec"] = {key: value for key, value in asdict(sized("text_lines")).items() if key not in NEW_IN_2}
    (tmp_path / "model.json").write_text(json.dumps(about))
    assert bundle._read_spec(tmp_path, bundle._read_about(tmp_path)) != sized("text_lines")
