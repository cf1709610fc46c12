"""Fixtures that every test may use."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from absl import logging as absl_logging

from rnnexp import registry, runtime
from rnnexp.component import is_ours

pytest_plugins = ["reporting", "series_maker", "small_disk", "tests.faults.record", "tests.tracking.faulty_server"]
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1500,2600"""

os.environ.setdefault("KERAS_BACKEND", "jax")  # before any test imports Keras
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores Ctrl-C, its children too

# The handler of TensorFlow's and Keras's log closes its stream where Hydra sets up its own, unless that is the
# process's: it must not be the file in which pytest captures.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__

# A program that listens: what `rx.run` says goes to pytest's log, and is not printed among what tests read.
logging.getLogger("rnnexp").setLevel(logging.INFO)

# Tests and the processes they start compile the same tiny programs again and again: compile each once.
_CACHE = tempfile.TemporaryDirectory(prefix="rnnexp-tests-")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", _CACHE.name)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# Python itself, too: without its compiled files each of a hundred processes would read all of the package anew, and
# each worker of each run all of the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# And compile it in a hurry: a program of a test runs for milliseconds, and optimizing it takes seconds.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true --xla_cpu_use_fusion_emitters=false"
    " --xla_cpu_parallel_codegen_split_count=1",  # in parts it is compiled at the same time, and for half more CPU time
)

# Ray lets its workers wait for all others: at its usual 15 they come to nothing beside the tests of a busy machine.
os.environ.setdefault("RAY_worker_niceness", "0")

# What an earlier run has computed must not stand in for what a test looks at.
runtime.takes_cached = False

# Search for garbage as seldom as the command itself.
gc.set_threshold(200_000)

# The files that take longest, of either line of the suite, longest first: a worker that began with the short ones would
# end alone with a long one.
LONGEST = (
    "test_resume.py",
    "test_tutorials.py",
    "test_ranks.py",
    "test_sweep_outage.py",
    "test_notebook.py",
    "test_onnx.py",
    "test_warm_workers.py",
    "test_recovery.py",
    "test_packaging.py",
    "test_outage.py",
    "test_flat.py",
    "test_readme.py",
    "test_browser.py",
    "test_deleted.py",
    "test_text_baselines.py",
    "test_stories.py",
    "test_runner.py",
    "test_compose.py",
    "test_ray_cluster.py",
    "test_litert.py",
    "test_input_requests.py",
    "test_runtime.py",
    "test_executors.py",
    "test_tagging.py",
    "test_gradients_by_hand.py",
    "test_regroup.py",
    "test_hydra_settings.py",
    "test_uploads.py",
    "test_instant.py",
    "test_unfinished.py",
    "test_vectorized_runs.py",
    "test_engines.py",
    "test_renamed.py",
    "test_init.py",
    "test_many_writers.py",
    "test_cells_beyond_keras.py",
    "test_private_server.py",
    "test_train.py",
    "test_walk_forward.py",
    "test_gone_on.py",
    "test_definition.py",
    "test_devices.py",
    "test_padding.py",
    "test_winner.py",
    "test_proposals.py",
    "test_recurrent_gradients.py",
    "test_recurrent_layers.py",
    "test_nameless.py",
    "test_transformer.py",
    "test_recurrent_policy.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that take longest; the order within a file stays."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(ranks)))


@pytest.fixture(autouse=True)
def clean_environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every test its own working directory and put the environment back afterwards."""
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def closed_logs() -> Iterator[None]:
    """Close the log files of commands that a test has called: a thread that still logs would open them again."""
    yield
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, logging.FileHandler)]:
        root.removeHandler(handler)
        handler.close()


@pytest.fixture(autouse=True)
def clean_registry() -> Iterator[None]:
    """Forget the components that a test registers or replaces, and the plugins that it allows and imports.

    Those of a fixture of a whole module are forgotten after its first test, too: others would meet them.
    """
    own = {kind: {name: one for name, one in known.items() if is_ours(one)} for kind, known in _registered().items()}
    yield
    for plugin in registry._plugins:
        sys.modules.pop(plugin, None)
    registry._plugins.clear()
    for kind, known in _registered().items():
        loaded = {name: one for name, one in known.items() if is_ours(one)}
        known.clear()
        known.update(loaded | own[kind])


def _registered() -> dict[str, dict[str, Any]]:
    return registry._registered


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Find the real data sets beside the checkout; they are not part of the project."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder shared/data with the real data sets is not beside the checkout")
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start Chromium; without one the tests are skipped."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("no Chromium or no chromedriver on the PATH (Debian: apt install chromium chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield window
    window.quit()


@pytest.fixture
def first_revisions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the models' arithmetic for what it was when the hashes of older sweeps were written."""
    for name in ("lstm", "gru", "encoder_decoder"):
        monkeypatch.setattr(registry.lookup("model", name), "_revision", 1)
