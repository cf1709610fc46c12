"""One of several processes that train a network together: which of them this is, and what the first one tells it.

The processes find each other in a folder that all of them see. The first one alone keeps, scores and tracks the run.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.disk import write_whole
from rnnexp.errors import ResourceError

if TYPE_CHECKING:
    import numpy as np

ADDRESS, STORE = "address", "store"
WAIT_S = 300  # for the others to start
SHUTDOWN_S = 20  # for the others to end, too
POLL_S = 0.05


@dataclass(frozen=True)
class Rank:
    """Which of how many processes this is.

    loopback: all of them run on this machine, and nobody else need reach them
    meeting:  a folder that is theirs alone, in which they find each other
    host:     by which others reach this process; "" is the name of its machine
    """

    number: int
    count: int
    loopback: bool = True
    meeting: Path = Path()
    host: str = ""

    def __str__(self) -> str:
        return f"rank {self.number} of {self.count}"

    @property
    def is_first(self) -> bool:
        return self.number == 0


current: Rank | None = None  # None in a process that computes alone


def join_jax(jax: Any) -> None:
    """Make the devices of all ranks known to JAX, before it is asked for any."""
    if current is None:
        return
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.config.update("jax_enable_preemption_service", False)  # it would take SIGTERM, and go on
    address = _settle_address(current)
    jax.distributed.initialize(
        coordinator_address=address,
        num_processes=current.count,
        process_id=current.number,
        coordinator_bind_address=address if current.loopback else None,  # else JAX listens on all addresses
        cluster_detection_method="deactivate",
        initialization_timeout=WAIT_S,
        shutdown_timeout_seconds=SHUTDOWN_S,
    )


def join_torch(torch: Any, device: str) -> None:
    """Make the ranks one process group of PyTorch's; a GPU is divided by none."""
    if current is None:
        return
    if current.loopback:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", socket.if_nameindex()[0][1])
    torch.distributed.init_process_group(
        "nccl" if device == "gpu" else "gloo",
        init_method=f"file://{(current.meeting / STORE).absolute()}",
        rank=current.number,
        world_size=current.count,
    )


def leave() -> None:
    """Part with the other ranks, which do so, too: JAX aborts a process that waits for others in vain."""
    if "jax" in sys.modules:
        sys.modules["jax"].distributed.shutdown()


def share_numbers(*numbers: int) -> tuple[int, ...]:
    """Return the numbers that the first rank has given; all of them must ask at the same time."""
    import numpy as np

    if current is None:
        return numbers
    return tuple(_share(np.array(numbers, np.int32)).tolist())


def share_bytes(data: bytes) -> bytes:
    """Return what the first rank has given; all of them must ask at the same time."""
    import numpy as np

    if current is None:
        return data
    (size,) = share_numbers(len(data))
    given = np.frombuffer(data, np.uint8) if current.is_first else np.zeros(size, np.uint8)
    return _share(given).tobytes()


def _share(array: np.ndarray) -> np.ndarray:
    import keras
    import numpy as np

    if keras.backend.backend() == "torch":
        import torch

        device = "cuda" if torch.distributed.get_backend() == "nccl" else "cpu"
        shared = torch.from_numpy(array.copy()).to(device)
        torch.distributed.broadcast(shared, src=0)
        return shared.cpu().numpy()
    from jax.experimental.multihost_utils import broadcast_one_to_all

    return np.asarray(broadcast_one_to_all(array))


def _settle_address(rank: Rank) -> str:
    """Return HOST:PORT where the first rank listens, which it has written down."""
    file = rank.meeting / ADDRESS
    if rank.is_first:
        host = "127.0.0.1" if rank.loopback else rank.host or socket.gethostname()
        write_whole(file, f"{host}:{_find_free_port()}")
    deadline = time.monotonic() + WAIT_S
    while not file.exists():
        if time.monotonic() > deadline:
            raise ResourceError(f"rank {rank.number} has waited {WAIT_S} s for the first one to start: {file}")
        time.sleep(POLL_S)
    return file.read_text(encoding="utf-8")


def _find_free_port() -> int:
    with socket.socket() as found:
        found.bind(("", 0))
        port: int = found.getsockname()[1]
        return port
