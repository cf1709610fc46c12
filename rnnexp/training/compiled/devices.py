"""Data parallelism: each device computes its share of every batch, and holds all the rest whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rnnexp.errors import ConfigError, ResourceError
from rnnexp.runtime import process_group
from rnnexp.training.batcher import map_arrays

Tree = Any
Gather = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True)
class Placement:
    """On which devices a program runs; `mesh` is None for one.

    XLA divides the work by what is said of the batches alone, sums the gradients over the devices, and pads a batch
    that they do not divide. Each of them then makes the same step, so that all weights stay equal.
    """

    mesh: Any = None

    def put(self, tree: Tree) -> Tree:
        """Put arrays on the devices, whole on each of them."""
        import jax
        from jax import numpy as jnp

        if self.mesh is None:
            return jax.tree.map(jnp.asarray, tree)
        if not process_group.current:
            return jax.device_put(tree, self._sharding())
        return jax.tree.map(self._put_here, tree)  # JAX would compare them among the processes, one by one

    def _put_here(self, array: Any) -> Any:
        import jax
        import numpy as np

        if isinstance(array, jax.Array) and not array.is_fully_addressable:
            return array
        whole = np.asarray(array)
        return jax.make_array_from_callback(whole.shape, self._sharding(), lambda part: whole[part])

    def split(self, gather: Gather) -> Gather:
        """Return `gather` with its batches divided among the devices."""
        import jax

        if self.mesh is None:
            return gather
        divided = self._sharding("batch")

        def gather_shares(arrays: Mapping[str, Any], indices: Any) -> tuple[Any, ...]:
            batch = gather(arrays, indices)
            divide = jax.lax.with_sharding_constraint
            return tuple(map_arrays(batch, lambda array: divide(array, divided)))

        return gather_shares

    def jit(self, function: Callable[..., Any]) -> Any:
        """Compile a function whose results are whole on each device, as its arguments are."""
        import jax

        return jax.jit(function) if self.mesh is None else jax.jit(function, out_shardings=self._sharding())

    def _sharding(self, *axes: str) -> Any:
        from jax.sharding import NamedSharding, PartitionSpec

        return NamedSharding(self.mesh, PartitionSpec(*axes))


def make_placement(devices: int | Literal["all"], batch_size: int) -> Placement:
    """Choose the devices of a training whose batches have `batch_size` examples, or lanes.

    Raises ResourceError if there are not so many, ConfigError if some would have nothing to do.
    """
    import jax
    import numpy as np
    from jax.sharding import Mesh

    count = len(jax.devices()) if process_group.current else count_devices(devices)
    if count > batch_size:
        where = "ranks" if process_group.current else "trainer.devices"
        raise ConfigError(
            f"{where}: {count} given, but a batch of the training set has {batch_size} examples, so that some would "
            f"have none; take {batch_size} or fewer, or a larger trainer.batch_size"
        )
    return Placement(Mesh(np.array(jax.devices()[:count]), ("batch",)) if count > 1 else None)


def count_devices(devices: int | Literal["all"]) -> int:
    """Return how many devices a setting stands for; ResourceError if JAX sees fewer."""
    import jax

    seen, kind = len(jax.devices()), jax.default_backend()
    if devices == "all":
        return seen
    if devices > seen:
        more = (
            f"for as many on one CPU, to try it: XLA_FLAGS=--xla_force_host_platform_device_count={devices}"
            if kind == "cpu"
            else "CUDA_VISIBLE_DEVICES says which it may see, and a job of a sweep sees that of its slot"
        )
        raise ResourceError(f"trainer.devices: {devices} given, but jax sees {seen} ({kind}); {more}")
    return devices


def check_devices(devices: int | Literal["all"], engine: str, reason: str | None) -> int:
    """Return how many devices a training by an engine takes; ConfigError if that takes one only.

    reason: why it is not the compiled engine, if there is more to say than which was asked for
    """
    if devices == 1:
        return 1
    if engine != "compiled":
        why = (reason or "another backend or engine was asked for").removeprefix("not the compiled engine: ")
        raise ConfigError(
            f"trainer.devices: {devices} given, which needs the compiled engine of backend=jax, but {why}; set "
            "trainer.devices=1, or change that"
        )
    return count_devices(devices)
