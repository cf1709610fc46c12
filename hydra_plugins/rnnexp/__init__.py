"""Where Hydra looks for our plugins; the code lives in `rnnexp.config` and `rnnexp.sweeps`."""

from rnnexp.config.source import RnnexpConfigSource, RnnexpSearchPath
from rnnexp.sweeps import plugin

__all__ = ["RnnexpConfigSource", "RnnexpLauncher", "RnnexpSearchPath", "RnnexpSweeper"]


class RnnexpSweeper(plugin.Sweeps):
    """Hydra refuses a sweeper that is not defined here."""


class RnnexpLauncher(plugin.Executors):
    """Hydra refuses a launcher that is not defined here."""
