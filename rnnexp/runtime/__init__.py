"""Backend, device, threads, determinism and seed: settled before Keras is imported, once per process."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from rnnexp.errors import ConfigError, ResourceError
from rnnexp.runtime import compilation_cache, machine, process_group
from rnnexp.runtime.startup import hide_packages, hold_stderr, set_environment
from rnnexp.synonyms import suggest_value

BACKENDS = ("jax", "tensorflow", "torch")
DEFAULT_BACKEND = "jax"
DEVICES = ("auto", "cpu", "gpu")
INSTALL = {
    "jax": "pip install 'jax>=0.7'",
    "tensorflow": "pip install 'rnnexp[tensorflow]'",
    "torch": "pip install 'rnnexp[torch]'",
}
INSTALL_GPU = {
    "jax": "pip install 'rnnexp[cuda]'",
    "tensorflow": "pip install 'rnnexp[cuda-tensorflow]'",
    "torch": "pip install 'rnnexp[cuda-torch]'",
}


@dataclass(frozen=True)
class Runtime:
    """What a process computes with; `reason` says where the backend comes from, `device` is cpu or gpu."""

    backend: str
    reason: str
    device: str
    threads: int
    deterministic: bool

    @property
    def memory(self) -> int:
        """Bytes that a training may take: of what there is, not of what is free now, so that it is always the same."""
        limit = _gpu_memory() if self.device == "gpu" and self.backend == "jax" else None
        return limit or int(0.5 * machine.measure_memory() * min(1.0, self.threads / machine.count_usable_cpus()))

    @property
    def free_memory(self) -> int:
        """Bytes that can be taken now."""
        limit = _gpu_memory() if self.device == "gpu" and self.backend == "jax" else None
        return limit or (1 << 60 if self.device == "gpu" else machine.measure_free_memory())


def _gpu_memory() -> int | None:
    import jax

    stats = jax.local_devices()[0].memory_stats() or {}
    return int(0.8 * stats["bytes_limit"]) if "bytes_limit" in stats else None


_current: Runtime | None = None

# Keras imports these for its wrappers and galleries, which a network does not need: a third of its import.
SKIPPED_PACKAGES = ("sklearn", "matplotlib")
takes_cached = True  # whether results of earlier processes are taken, which saves time and changes none
lean = False  # to be set by a process that runs nobody's code but ours: the wrappers stay without them


def configure(
    backend: str | None = None,
    *,
    device: str = "auto",
    threads: int | None = None,
    deterministic: bool = False,
    seed: int = 0,
) -> Runtime:
    """Settle what this process computes with, import Keras on it, and seed Keras, NumPy and Python.

    The backend is the argument (command line or config), else KERAS_BACKEND, else jax. May be called again
    for another run; what a process cannot change (backend, device, threads) is then refused.
    Raises ConfigError for an unknown name, ResourceError for a missing package or GPU.
    """
    global _current
    backend, reason = choose_backend(backend)
    if device not in DEVICES:
        raise ConfigError(f"device: `{device}` given; must be one of {', '.join(DEVICES)}")
    _refuse_second_backend(backend)
    require_package(backend)
    if _current is None:
        _current = _start(backend, reason, device, threads, deterministic)
    else:
        _current = _configure_again(_current, reason, device, threads, deterministic)
    import keras

    keras.utils.set_random_seed(seed)
    return _current


@contextmanager
def compute_anew() -> Iterator[None]:
    """Take no results of earlier processes: to repeat a run is to compute all of it again."""
    global takes_cached
    before, takes_cached = takes_cached, False
    try:
        yield
    finally:
        takes_cached = before


def count_threads() -> int:
    """Return how many threads this process computes with."""
    return _current.threads if _current else machine.count_usable_cpus()


def loaded_backend() -> str | None:
    """Return the backend of a Keras that this process has imported already, None if it has not."""
    if "keras" not in sys.modules:
        return None
    import keras

    return str(keras.config.backend())


def choose_backend(backend: str | None) -> tuple[str, str]:
    """Return the backend that a setting leads to, and where it comes from. Raises ConfigError for an unknown name."""
    candidates = (
        (backend, "from the configuration", "backend"),
        (os.environ.get("KERAS_BACKEND"), "from KERAS_BACKEND", "KERAS_BACKEND"),
        (DEFAULT_BACKEND, "default", ""),
    )
    name, reason, key = next((n, reason, key) for n, reason, key in candidates if n)
    if name not in BACKENDS:
        choices = ", ".join(BACKENDS)
        raise ConfigError(f"{key}: `{name}` given; must be one of {choices}{suggest_value('backend', name, BACKENDS)}")
    return name, reason


def _refuse_second_backend(backend: str) -> None:
    loaded = loaded_backend()
    if loaded not in (None, backend):
        raise ResourceError(
            f"backend: `{backend}` asked for, but Keras already runs on `{loaded}` in this process and "
            f"cannot change; start a new process for `{backend}`, or set backend={loaded}"
        )


def require_package(backend: str) -> None:
    """Raise ResourceError with the command that installs a backend, if it is not installed."""
    if importlib.util.find_spec(backend) is None:
        raise ResourceError(f"backend: `{backend}` is not installed; run: {INSTALL[backend]}")


def _start(backend: str, reason: str, device: str, threads: int | None, deterministic: bool) -> Runtime:
    """Import Keras and start the backend under the environment that it reads at its start."""
    quiet = backend == "tensorflow" and "TF_CPP_MIN_LOG_LEVEL" not in os.environ
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    variables = _choose_variables(backend, device, threads, deterministic)
    with set_environment(variables), hold_stderr() if quiet else nullcontext():
        _import_keras(backend)
        _limit_threads(backend, threads)
        actual = _START[backend](device)
    _make_deterministic(backend, deterministic)
    _check_device(backend, device, actual)
    return Runtime(backend, reason, actual, threads or machine.count_usable_cpus(), deterministic)


def _configure_again(current: Runtime, reason: str, device: str, threads: int | None, deterministic: bool) -> Runtime:
    if device == "gpu":
        _check_device(current.backend, device, current.device)
    asked = {"device": None if device == "auto" else device, "threads": threads}
    for key, value in asked.items():
        have = getattr(current, key)
        if value is not None and value != have:
            raise ResourceError(
                f"{key}: {value} asked for, but this process has started {current.backend} with {key}={have} "
                f"and cannot change; start a new process"
            )
    _make_deterministic(current.backend, deterministic)
    return Runtime(current.backend, reason, current.device, current.threads, deterministic)


def _choose_variables(backend: str, device: str, threads: int | None, deterministic: bool) -> dict[str, str]:
    values = {"KERAS_BACKEND": backend}
    if device == "cpu":
        values |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_TORCH_DEVICE": "cpu"}
    if threads:
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC", "PJRT_NPROC")
        values |= dict.fromkeys(names, str(threads))  # NPROC: XLA's pool on the CPU
    if deterministic:
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_gpu_deterministic_ops=true"
        values |= {"XLA_FLAGS": flags.strip(), "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
    return values


def _import_keras(backend: str) -> None:
    # "A GPU may be present": the device is reported anyway.
    logging.getLogger("jax._src.xla_bridge").setLevel(logging.ERROR)
    with hide_packages(SKIPPED_PACKAGES) if lean else nullcontext():
        import keras  # noqa: F401

    if backend != "tensorflow":
        # Keras asks for TensorFlow when it seeds and saves: two seconds and 400 MB for nothing.
        from keras.src.utils import module_utils

        module_utils.tensorflow._available = False


def _limit_threads(backend: str, threads: int | None) -> None:
    if not threads:
        return
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads, "blas")  # of NumPy, which was imported long before the variables that say so were set
    if backend == "tensorflow":
        import tensorflow as tf

        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        except RuntimeError:
            raise ResourceError(
                f"threads: {threads} asked for, but TensorFlow has already started in this process; start a new process"
            ) from None
    elif backend == "torch":
        import torch

        torch.set_num_threads(threads)


def _start_jax(device: str) -> str:
    import jax

    compilation_cache.use_compilation_cache(jax)
    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")  # heard even if somebody imported jax before us
    process_group.join_jax(jax)
    return "cpu" if jax.default_backend() == "cpu" else "gpu"


def _start_tensorflow(device: str) -> str:
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    if device == "cpu":
        tf.config.set_visible_devices([], "GPU")
    return "gpu" if tf.config.get_visible_devices("GPU") else "cpu"


def _start_torch(device: str) -> str:
    import torch
    from keras.src.backend.torch.core import DEFAULT_DEVICE

    found = "cpu" if DEFAULT_DEVICE == "cpu" else "gpu"
    process_group.join_torch(torch, found)
    return found


_START = {"jax": _start_jax, "tensorflow": _start_tensorflow, "torch": _start_torch}


def _check_device(backend: str, asked: str, actual: str) -> None:
    if asked == "gpu" and actual != "gpu":
        raise ResourceError(
            f"device: gpu asked for, but {backend} sees none; on a machine with a GPU run: "
            f"{INSTALL_GPU[backend]}; otherwise set device=auto or device=cpu"
        )
    if asked == "cpu" and actual != "cpu":
        raise ResourceError(
            f"device: cpu asked for, but {backend} has already started on the GPU in this process; start a new process"
        )


def _make_deterministic(backend: str, deterministic: bool) -> None:
    """Ask for operations that give the same bits each time; on JAX a flag of XLA has done so already."""
    if backend == "tensorflow" and deterministic:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif backend == "torch":
        import torch

        torch.use_deterministic_algorithms(deterministic)
