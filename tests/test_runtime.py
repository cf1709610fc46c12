"""Backend, device and threads: chosen in order, said with the reason, refused when they cannot be had."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from rnnexp import runtime
from rnnexp.errors import ConfigError, ResourceError

START = "import sys, os\nfrom rnnexp import runtime\nfrom rnnexp.errors import RnnexpError\n"


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, since a process has one backend."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KERAS", "TF_", "JAX", "XLA", "PYTEST"))}
    values = {**kept, "PYTHONPATH": str(Path(__file__).parents[1]), **environment}
    command = [sys.executable, "-c", START + script]
    return subprocess.run(command, env=values, capture_output=True, text=True, timeout=170, check=False)


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
    assert runtime._choose(argument) == expected


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
        runtime._require_package("no_such_backend")


@pytest.mark.parametrize("backend", runtime.BACKENDS)
def test_a_gpu_that_is_not_there_comes_with_the_backends_own_install_line(backend: str) -> None:
    extra = runtime.INSTALL_GPU[backend].partition("[")[2].rstrip("]'")
    with pytest.raises(ResourceError, match=rf"{backend} sees none; .*rnnexp\[{extra}\]") as caught:
        runtime._check_device(backend, "gpu", "cpu")
    assert caught.value.exit_code == 6


def test_an_unknown_device_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="device: `cuda` given; must be one of auto, cpu, gpu"):
        runtime.configure("jax", device="cuda")


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
said = runtime.configure(sys.argv[1] if len(sys.argv) > 1 else os.environ["BACKEND"], device="cpu", seed=1)
import numpy as np
from rnnexp import registry
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.models import bundle
from rnnexp.models.build import build
spec = TaskSpec("forecasting", {"past": InputSpec((5, 2))}, (1, 1))
settings = registry.lookup("model", "lstm")(units=3, dropout=0.1)
model = build(settings, spec, seed=0)
model.compile(registry.lookup("optimizer", "adam")().build(), registry.lookup("loss", "huber")().build())
model.fit(np.ones((8, 5, 2), "float32"), np.ones((8, 1, 1), "float32"), epochs=1, verbose=0)
bundle.save(Path("b"), model, settings, spec, {}, [])
bundle.load(Path("b")).predict(np.ones((2, 5, 2), "float32"))
print(said.device, "tensorflow" in sys.modules)
"""


@pytest.mark.parametrize("backend", runtime.BACKENDS)
def test_a_whole_run_is_quiet_and_takes_tensorflow_in_only_where_it_is_the_backend(backend: str) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    process = succeed(TRAIN, BACKEND=backend)
    assert process.stdout.split() == ["cpu", str(backend == "tensorflow")]
    assert process.stderr == ""


@pytest.mark.parametrize("lean", [True, False])
def test_keras_is_imported_without_what_only_its_wrappers_need_if_asked(lean: bool) -> None:
    process = succeed(
        f"runtime.lean = {lean}\nruntime.configure('jax', device='cpu')\n"
        "print(*(name in sys.modules for name in runtime.SPARED))\n"
        "import matplotlib.pyplot, sklearn.metrics"
    )
    assert process.stdout.split() == [str(not lean)] * 2


def test_the_environment_is_left_as_it_was() -> None:
    process = succeed(
        "before = dict(os.environ)\n"
        "runtime.configure('jax', device='cpu', threads=1, deterministic=True)\n"
        "ours = runtime._variables('jax', 'cpu', 1, True)\n"
        "print([name for name in ours if os.environ.get(name) != before.get(name)])"
    )
    assert process.stdout == "[]\n"


def test_threads_limit_the_pool_of_xla() -> None:
    script = (
        "runtime.configure('jax', device='cpu', threads={threads})\n"
        "import jax.numpy as jnp\n"
        "(jnp.ones((900, 900)) @ jnp.ones((900, 900))).block_until_ready()\n"
        "from pathlib import Path\n"
        "names = [file.read_text().strip() for file in Path('/proc/self/task').glob('*/comm')]\n"
        "print(names.count('tf_XLAEigen'))"
    )
    if not Path("/proc/self/task").is_dir():
        pytest.skip("threads are counted in /proc")
    assert [int(succeed(script.format(threads=n)).stdout) for n in (1, 3)] == [1, 3]


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_determinism_and_threads_reach_the_backend(backend: str) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    asked = {
        "tensorflow": "import tensorflow as tf\nfrom tensorflow.python.framework import config\n"
        "print(config.is_op_determinism_enabled(), tf.config.threading.get_intra_op_parallelism_threads())",
        "torch": "import torch\nprint(torch.are_deterministic_algorithms_enabled(), torch.get_num_threads())",
    }[backend]
    process = succeed(f"runtime.configure('{backend}', device='cpu', threads=1, deterministic=True)\n{asked}")
    assert process.stdout.split() == ["True", "1"]


def test_a_gpu_hidden_from_the_backend_stays_hidden() -> None:
    script = "print(runtime._variables('jax', 'cpu', None, False)['CUDA_VISIBLE_DEVICES'])"
    assert succeed(script).stdout.split() == ["-1"]


def test_user_code_that_imported_keras_before_gets_a_clear_refusal() -> None:
    process = run(
        "import keras\ntry:\n    runtime.configure('jax')\nexcept RnnexpError as error:\n    print(error)",
        KERAS_BACKEND="tensorflow",
    )
    assert "Keras already runs on `tensorflow` in this process" in process.stdout


def test_precision_reaches_new_layers_and_the_output_stays_exact() -> None:
    from rnnexp import registry
    from rnnexp.data.spec import InputSpec, TaskSpec
    from rnnexp.models.build import build
    from rnnexp.training.prepare import precision

    runtime.configure()
    with precision("mixed_bfloat16"):
        spec = TaskSpec("regression", {"past": InputSpec((5, 2))}, (1,))
        model = build(registry.lookup("model", "gru")(units=2), spec, seed=0)
    assert model.get_layer("gru_1").compute_dtype == "bfloat16"
    assert model.get_layer("output").compute_dtype == "float32"


COMPILING = """
from rnnexp import runtime
runtime.configure("jax")
import jax
jax.block_until_ready(jax.jit(lambda x: x @ x + 1)(jax.numpy.ones((3, 3))))
"""


def test_compiled_programs_are_kept_for_the_next_process(tmp_path: Path) -> None:
    succeed(COMPILING, XDG_CACHE_HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR="")
    (folder,) = (tmp_path / "rnnexp").iterdir()
    kept = {file.name for file in folder.iterdir() if file.name.endswith("-cache")}
    assert any("lambda" in name for name in kept)
    assert folder.stat().st_mode & 0o077 == 0
    succeed(COMPILING, XDG_CACHE_HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR="")
    assert {file.name for file in folder.iterdir() if file.name.endswith("-cache")} == kept
    succeed(COMPILING.replace("+ 1", "+ 2"), XDG_CACHE_HOME=str(tmp_path), JAX_COMPILATION_CACHE_DIR="")
    assert len({file.name for file in folder.iterdir() if file.name.endswith("-cache")}) > len(kept)


def test_a_cache_folder_chosen_by_the_user_or_a_home_that_cannot_be_written_is_respected(tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"
    succeed(COMPILING, XDG_CACHE_HOME=str(tmp_path / "unused"), JAX_COMPILATION_CACHE_DIR=str(chosen))
    assert not (tmp_path / "unused" / "rnnexp").exists()
    (tmp_path / "file").write_text("")
    succeed(COMPILING, XDG_CACHE_HOME=str(tmp_path / "file"), JAX_COMPILATION_CACHE_DIR="")
