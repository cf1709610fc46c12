"""Where Hydra looks for our plugins; the code lives in `rnnexp.config`."""

from rnnexp.config.source import RnnexpConfigSource, RnnexpSearchPath

__all__ = ["RnnexpConfigSource", "RnnexpSearchPath"]
