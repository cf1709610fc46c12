"""The network of a served model in ONNX Runtime, which answers without Keras and its backend.

It is exported once, by a process of its own, compared with Keras there, and kept in the user's cache under a digest of
the model and of all code that decides about its numbers. A server that finds it there never imports Keras.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rnnexp import disk
from rnnexp.deploy.trained import Trained
from rnnexp.errors import ConfigError, RnnexpError
from rnnexp.models import weights
from rnnexp.models.bundle import ABOUT, PREPROCESSING, Bundle, load_exported
from rnnexp.models.exporters.onnx import INSTALL, PACKAGE, RUNTIME, onnx
from rnnexp.registry import lookup
from rnnexp.runtime.digests import hash_file, hash_own_code
from rnnexp.runtime.machine import find_version, make_cache_folder

FOLDER, NETWORK, REFUSED = "served", "model.onnx", "refused.txt"
MAX_KEPT = 32  # networks, the latest ones
EXPORT_S = 300.0  # that the other process may take
EXAMPLES = 64  # of drawn inputs, on which answers are compared
PROGRAM = "import sys; from rnnexp.deploy.served_network import write_network; write_network(*sys.argv[1:])"

log = logging.getLogger("rnnexp")


def load_for_runtime(trained: Trained, scratch: Path) -> Bundle:
    """Return a model whose network ONNX Runtime computes; `scratch` takes it where there is no cache.

    Raises ConfigError or ResourceError with the reason where Keras has to compute it.
    """
    if not trained.task.answers_by_outputs:
        raise ConfigError(f"{trained.spec.task} asks its network step by step")
    if trained.plugins:
        raise ConfigError(f"its plugins ({', '.join(trained.plugins)}) may have layers of their own")
    if trained.experiment and trained.experiment.trainer.precision != "float32":
        raise ConfigError(f"it computes in {trained.experiment.trainer.precision}")
    if missing := [one.title for one in (PACKAGE, RUNTIME) if importlib.util.find_spec(one.module) is None]:
        raise ConfigError(f"{missing[0]} is not installed; run: {INSTALL}")
    exporter: onnx = lookup("exporter", "onnx")()
    folder = (make_cache_folder() or scratch) / FOLDER / _make_key(trained.bundle)
    if not folder.is_dir():
        _export(trained, folder)
    if (folder / REFUSED).is_file():
        raise ConfigError((folder / REFUSED).read_text(encoding="utf-8"))
    try:
        os.utime(folder)  # the oldest leave first
        return load_exported(trained.bundle, exporter.load(folder / NETWORK))
    except RnnexpError:
        raise
    except Exception as error:  # whatever ONNX Runtime says of a damaged file
        disk.remove(folder)
        raise ConfigError(f"the exported network cannot be read: {error}") from None


def _make_key(bundle: Path) -> str:
    """Return a digest of all that an exported network follows from."""
    files = [hash_file(bundle / name) for name in (ABOUT, PREPROCESSING, weights.FILE)]
    versions = [str(find_version(name)) for name in ("keras", "onnx", "onnxruntime")]
    return hashlib.sha256("\n".join([*files, *versions, hash_own_code()]).encode()).hexdigest()[:32]


def _export(trained: Trained, folder: Path) -> None:
    """Have another process write the network, or why it cannot be; what goes wrong otherwise is raised."""
    log.info("exporting the network for ONNX Runtime, once")
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    if trained.backend:
        env["KERAS_BACKEND"] = trained.backend
    command = [sys.executable, "-P", "-c", PROGRAM, str(trained.bundle.resolve()), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=EXPORT_S, check=False)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"its export has not ended within {EXPORT_S:g} s") from None
    if done.returncode or not folder.is_dir():
        log.debug("%s", done.stderr)
        raise ConfigError(f"its export failed: {(done.stderr.strip().splitlines() or ['killed'])[-1]}")
    for old in [*_list_by_age(folder.parent)][MAX_KEPT:]:
        disk.remove(old)


def _list_by_age(folder: Path) -> Iterator[Path]:
    """Yield what is kept, the latest first."""
    yield from sorted((one for one in folder.iterdir() if one.is_dir()), key=os.path.getmtime, reverse=True)


def write_network(bundle: str, folder: str) -> None:
    """Write the network of a model into a folder, or the reason why ONNX does not hold it; the other process's part."""
    from rnnexp import runtime
    from rnnexp.deploy.export import check_parity, draw_inputs
    from rnnexp.models.bundle import load

    runtime.configure()
    trained = load(Path(bundle))
    exporter: onnx = lookup("exporter", "onnx")()

    def write(new: Path) -> None:
        new.mkdir()
        try:
            exporter.export(new / NETWORK, trained)
            check_parity(trained, exporter.load(new / NETWORK), draw_inputs(trained.spec, EXAMPLES))
        except ConfigError as error:
            disk.remove(new / NETWORK)
            (new / REFUSED).write_text(str(error), encoding="utf-8")

    disk.put_whole(Path(folder), write)
