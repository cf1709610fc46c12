"""Backend, device and threads: chosen in order, said with the reason, refused when they cannot be had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import rnnexp as rx
from rnnexp import runtime
from rnnexp.errors import ConfigError, ResourceError
from rnnexp.runtime import machine, startup
from rnnexp.tracking.query import Wanted, select

START = "import sys, os\nfrom rnnexp import runtime\nfrom rnnexp.errors import RnnexpError\n"


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, since a process has one backend."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KERAS", "TF_", "JAX", "XLA", "PYTEST"))}
    values = {**kept, "PYTHONPATH": str(Path(__file__).parents[1]), **environment}
    command = [sys.executable, "-c", START + script]
    return subprocess.run(command, env=values, capture_output=True, text=True, timeout=600, check=False)


def succeed(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    process = run(script, **environment)
    assert process.returncode == 0, process.stderr
    return process


@pytest.fixture(scope="module", autouse=True)
def this_process() -> runtime.Runtime:
    return runtime.configure("jax")


@pytest.mark.parametrize(
    ("argument", "environment", "expected"),
    [
        ("jax", "torch", ("jax", "from the configuration")),
        (None, "torch", ("torch", "from KERAS_BACKEND")),
        (None, None, ("jax", "default")),
        (None, "", ("jax", "default")),
    ],
)
def test_the_backend_is_chosen_in_order_and_with_a_reason(
    argument: str | None, environment: str | None, expected: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if environment is not None:
        monkeypatch.setenv("KERAS_BACKEND", environment)
    assert runtime.choose_backend(argument) == expected


def test_an_unknown_backend_is_a_mistake_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"backend: `tensorflo` given; .*did you mean `tensorflow`\?"):
        runtime.configure("tensorflo")


def test_an_unknown_backend_in_the_environment_is_named_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    with pytest.raises(ConfigError, match="KERAS_BACKEND: `openvino` given; must be one of jax, tensorflow, torch"):
        runtime.configure()


def test_a_second_backend_in_one_process_is_refused() -> None:
    with pytest.raises(ResourceError, match="already runs on `jax` in this process .* start a new process"):
        runtime.configure("tensorflow")


def test_the_same_backend_may_be_configured_again() -> None:
    assert runtime.configure("jax", seed=1).backend == "jax"


def test_a_missing_package_comes_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(runtime.INSTALL, "no_such_backend", "pip install 'rnnexp[torch]'")
    with pytest.raises(ResourceError, match=r"`no_such_backend` is not installed; run: pip install 'rnnexp\[torch\]'"):
        runtime.require_package("no_such_backend")


@pytest.mark.parametrize("backend", [name for name in runtime.BACKENDS if name != runtime.DEFAULT_BACKEND])
def test_a_backend_that_is_not_the_default_is_an_extra_of_its_name(backend: str) -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert runtime.INSTALL[backend] == f"pip install 'rnnexp[{backend}]'"
    assert [line.partition(">")[0] for line in project["optional-dependencies"][backend]] == [backend]
    assert not [line for line in project["dependencies"] if line.startswith(backend)]


@pytest.mark.parametrize("backend", runtime.BACKENDS)
@pytest.mark.fault("G6")
def test_a_gpu_that_is_not_there_comes_with_the_backends_own_install_line(backend: str) -> None:
    extra = runtime.INSTALL_GPU[backend].partition("[")[2].rstrip("]'")
    with pytest.raises(ResourceError, match=rf"{backend} sees none; .*rnnexp\[{extra}\]") as caught:
        runtime._check_device(backend, "gpu", "cpu")
    assert caught.value.exit_code == 6


def test_an_unknown_device_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="device: `cuda` given; must be one of auto, cpu, gpu"):
        runtime.configure("jax", device="cuda")


@pytest.mark.fault("G9")
@pytest.mark.parametrize(
    ("quota", "cpus"), [("max 100000", 8), ("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1), ("", 8)]
)
def test_a_container_has_as_many_threads_as_it_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, cpus: int
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    assert machine.count_usable_cpus() == cpus


@pytest.mark.fault("G9")
def test_a_process_on_one_core_has_one_thread() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert machine.count_usable_cpus() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_threads_cannot_change_in_a_running_process() -> None:
    with pytest.raises(ResourceError, match=r"threads: 977 asked for, but this process has started jax"):
        runtime.configure("jax", threads=977)


def test_seeding_repeats_numpy_and_keras() -> None:
    import keras
    import numpy as np

    def draws(seed: int) -> list[float]:
        runtime.configure("jax", seed=seed)
        return [float(keras.random.normal(())), float(np.random.random())]

    assert draws(3) == draws(3)
    assert draws(3) != draws(4)


TRAIN = """
import sys
from pathlib import Path
said = runtime.configure(os.environ["BACKEND"], device="cpu", threads=1, deterministic=True, seed=1)
import numpy as np
from rnnexp import registry
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.models import bundle, exporter
from rnnexp.models.build import build
spec = TaskSpec("forecasting", {"past": InputSpec((5, 2))}, (1, 1))
settings = registry.lookup("model", "lstm")(units=3, dropout=0.1)
model = build(settings, spec, seed=0)
model.compile(registry.lookup("optimizer", "adam")().build(), registry.lookup("loss", "huber")().build())
model.fit(np.ones((8, 5, 2), "float32"), np.ones((8, 1, 1), "float32"), epochs=1, verbose=0)
folder = Path(os.environ["BUNDLE"])
exporter.save(folder, bundle.Bundle(model, spec, {}, settings))
bundle.load(folder).predict(np.ones((2, 5, 2), "float32"))
print(said.device, "tensorflow" in sys.modules)
"""
ASK = {
    "jax": "",
    "tensorflow": "import tensorflow as tf\nfrom tensorflow.python.framework import config\n"
    "print(config.is_op_determinism_enabled(), tf.config.threading.get_intra_op_parallelism_threads())",
    "torch": "import torch\nprint(torch.are_deterministic_algorithms_enabled(), torch.get_num_threads())",
}

Trained = tuple[str, subprocess.CompletedProcess[str]]


OTHERS = [pytest.param(name, marks=pytest.mark.end_to_end) for name in runtime.BACKENDS if name != "jax"]


@pytest.fixture(scope="module", params=["jax", *OTHERS])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Return a backend and the process that has trained on it."""
    if find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param) / "bundle"
    return request.param, succeed(TRAIN + ASK[request.param], BACKEND=request.param, BUNDLE=str(folder))


@pytest.mark.end_to_end
def test_a_whole_run_is_quiet_and_takes_tensorflow_in_only_where_it_is_the_backend(trained: Trained) -> None:
    backend, process = trained
    assert process.stdout.splitlines()[0].split() == ["cpu", str(backend == "tensorflow")]
    assert process.stderr == ""


def test_determinism_and_threads_reach_the_backend(trained: Trained) -> None:
    backend, process = trained
    assert process.stdout.splitlines()[1:] == ([] if backend == "jax" else ["True 1"])


START_JAX = """
import json
from pathlib import Path
import numpy
from threadpoolctl import threadpool_info
runtime.lean = {lean}
before = dict(os.environ)
runtime.configure("jax", device="cpu", threads={threads}, deterministic=True)
ours = runtime._choose_variables("jax", "cpu", {threads}, True)
seen = {{
    "spared": [name in sys.modules for name in runtime.SKIPPED_PACKAGES],
    "changed": [name for name in ours if os.environ.get(name) != before.get(name)],
}}
import jax.numpy as jnp
(jnp.ones((900, 900)) @ jnp.ones((900, 900))).block_until_ready()
names = [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]
seen["blas"] = [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]
import matplotlib.pyplot, sklearn.metrics
print(json.dumps({{**seen, "pool": names.count("tf_XLAEigen")}}))
"""


@pytest.fixture(scope="module")
def usual() -> dict[str, Any]:
    """Return what was seen in a process that had started JAX with one thread."""
    found: dict[str, Any] = json.loads(succeed(START_JAX.format(lean=False, threads=1)).stdout)
    return found


@pytest.fixture(scope="module")
def lean() -> dict[str, Any]:
    """Return the same of a lean one with three threads."""
    found: dict[str, Any] = json.loads(succeed(START_JAX.format(lean=True, threads=3)).stdout)
    return found


@pytest.mark.end_to_end
def test_keras_is_imported_without_what_only_its_wrappers_need_if_asked(
    usual: dict[str, Any], lean: dict[str, Any]
) -> None:
    assert (usual["spared"], lean["spared"]) == ([True, True], [False, False])


@pytest.mark.end_to_end
def test_the_environment_is_left_as_it_was(usual: dict[str, Any]) -> None:
    assert usual["changed"] == []


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
@pytest.mark.end_to_end
def test_threads_limit_the_pool_of_xla(usual: dict[str, Any], lean: dict[str, Any]) -> None:
    assert (usual["pool"], lean["pool"]) == (1, 3)


@pytest.mark.end_to_end
def test_threads_limit_numpy_which_was_imported_before(usual: dict[str, Any], lean: dict[str, Any]) -> None:
    assert ({*usual["blas"]}, {*lean["blas"]}) == ({1}, {3})


def test_a_gpu_hidden_from_the_backend_stays_hidden() -> None:
    assert runtime._choose_variables("jax", "cpu", None, False)["CUDA_VISIBLE_DEVICES"] == "-1"


@pytest.mark.end_to_end
def test_user_code_that_imported_keras_before_gets_a_clear_refusal() -> None:
    process = run(
        "import keras\ntry:\n    runtime.configure('jax')\nexcept RnnexpError as error:\n    print(error)",
        KERAS_BACKEND="numpy",
    )
    assert "Keras already runs on `numpy` in this process" in process.stdout


def test_precision_reaches_new_layers_and_the_output_stays_exact() -> None:
    from rnnexp import registry
    from rnnexp.data.spec import InputSpec, TaskSpec
    from rnnexp.models.build import build
    from rnnexp.training.prepare import use_precision

    runtime.configure()
    with use_precision("mixed_bfloat16"):
        spec = TaskSpec("regression", {"past": InputSpec((5, 2))}, (1,))
        model = build(registry.lookup("model", "gru")(units=2), spec, seed=0)
    assert model.get_layer("gru_1").compute_dtype == "bfloat16"
    assert model.get_layer("output").compute_dtype == "float32"


COMPILING = """
{start}
import jax
from pathlib import Path
for number in {numbers}:
    jax.block_until_ready(jax.jit(lambda x: x @ x + number)(jax.numpy.ones((3, 3))))
    print(*sorted(file.name for file in Path(os.environ["XDG_CACHE_HOME"]).glob("rnnexp/*/*-cache")))
"""
START_ALL = "runtime.configure('jax')"
KEEP_ALONE = """
import jax
from rnnexp.runtime.compilation_cache import use_compilation_cache
use_compilation_cache(jax)
"""


def kept(numbers: list[int], start: str, home: Path, chosen: str = "") -> list[set[str]]:
    """Compile a program for each number in a new process; return the programs that are kept after each."""
    script = COMPILING.format(start=start, numbers=numbers)
    done = succeed(script, XDG_CACHE_HOME=str(home), JAX_COMPILATION_CACHE_DIR=chosen)
    return [set(line.split()) for line in done.stdout.splitlines()]


@pytest.mark.end_to_end
def test_compiled_programs_are_kept_for_the_next_process(tmp_path: Path) -> None:
    (first,) = kept([1], START_ALL, tmp_path)
    (folder,) = (tmp_path / "rnnexp").iterdir()
    assert any("lambda" in name for name in first)
    assert folder.stat().st_mode & 0o077 == 0
    same, other = kept([1, 2], START_ALL, tmp_path)
    assert same == first
    assert other > first
    assert {file.name.rpartition("-")[2] for file in folder.iterdir()} == {"cache", ".checked"}  # a file of each


LOSING_THE_FOLDER = (
    KEEP_ALONE
    + """
import shutil, warnings
{heard}
shutil.rmtree(jax.config.jax_compilation_cache_dir)
Path(jax.config.jax_compilation_cache_dir).write_text("")
"""
)


@pytest.mark.end_to_end
@pytest.mark.parametrize("heard", ["", "warnings.simplefilter('default')"])
def test_a_program_that_cannot_be_kept_is_no_warning_to_a_user(heard: str, tmp_path: Path) -> None:
    start = LOSING_THE_FOLDER.format(heard=heard).replace("import jax", "import jax\nfrom pathlib import Path")
    script = COMPILING.format(start=start, numbers=[1])
    told = succeed(script, XDG_CACHE_HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR="").stderr
    assert ("persistent compilation cache entry" in told) == bool(heard)


@pytest.mark.fault("B12")
def test_a_cache_folder_chosen_by_the_user_or_a_home_that_cannot_be_written_is_respected(tmp_path: Path) -> None:
    assert kept([1], KEEP_ALONE, tmp_path / "unused", chosen=str(tmp_path / "chosen")) == [set()]
    (tmp_path / "file").write_text("")
    assert kept([1], KEEP_ALONE, tmp_path / "file") == [set()]
    assert kept([1], KEEP_ALONE, tmp_path / "home") != [set()]


def test_a_source_that_is_not_installed_has_no_version_and_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib.metadata

    from rnnexp.cli.main import main
    from rnnexp.runtime.machine import find_version
    from rnnexp.tracking import model

    installed = importlib.metadata.version

    def absent(package: str) -> str:
        if package == "rnnexp":
            raise importlib.metadata.PackageNotFoundError(package)
        return installed(package)

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"rnnexp {installed('rnnexp')}\n"
    caches = (find_version, model.requirements)  # later tests are of a package that is installed
    for one in caches:
        one.cache_clear()
    try:
        with monkeypatch.context() as patch:
            patch.setattr(importlib.metadata, "version", absent)
            assert main(["--version"]) == 0
            assert capsys.readouterr().out == "rnnexp of a source that is not installed\n"
            lines = ("data.points=60", "model.units=[2]", "trainer.epochs=1", "tracking.figures=false")
            result = rx.run(rx.compose(*lines), quiet=True)
    finally:
        for one in caches:
            one.cache_clear()
    about = json.loads((result.run_dir / "model" / "model.json").read_text())
    assert about["versions"]["rnnexp"] == "unknown"
    (tracked,) = select(None, Wanted())
    assert (tracked.run_id, tracked.tags["rnnexp.version"]) == (result.run_id, "unknown")


def test_a_thread_waits_for_packages_that_another_hides() -> None:
    """Keras is imported without some, while a sweep imports in a thread what its end needs."""
    name, seen, began = "rnnexp_hidden", list[bool](), threading.Event()

    def look() -> None:
        began.set()
        with startup.wait_for_packages():
            seen.append(name in sys.modules)

    thread = threading.Thread(target=look)
    with startup.hide_packages([name]):
        thread.start()
        assert began.wait(30)
        thread.join(0.2)
        assert (thread.is_alive(), seen, name in sys.modules) == (True, [], True)
    thread.join(30)
    assert (seen, name in sys.modules) == ([False], False)
