"""What a format of trained models has to say and to do; each in `exporters` is one file, as is a plugin's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

from rnnexp import registry
from rnnexp.errors import ConfigError
from rnnexp.models.bundle import Bundle
from rnnexp.registry import Package, settings


@settings
class Exporter(ABC):
    """Writes a trained model in one format; its fields are what may be said of the format.

    suffix:       of the file; empty for a format that fills a folder
    package:      that it needs beside ours
    in_every_run: whether each run keeps its model so
    """

    suffix: ClassVar[str] = ""
    package: ClassVar[Package | None] = None
    in_every_run: ClassVar[bool] = False

    name: str

    def export(self, path: Path, trained: Bundle) -> None:
        """Write a model as the file or the folder `path`; raises ResourceError if a package is missing."""
        self.require_packages()
        path.parent.mkdir(parents=True, exist_ok=True)
        self.write(path, trained)

    def require_packages(self) -> None:
        """Raise ResourceError unless what the format needs is there."""
        if self.package:
            self.package.load(f"format {self.name}")

    @property
    def tolerance(self) -> float:
        """By how much an answer may differ from that of Keras, as a share of the largest of its batch, at least 1."""
        return 1e-6

    @property
    def reads_whole(self) -> bool:
        """Whether what is written reads a whole sequence at once."""
        return True

    @abstractmethod
    def write(self, path: Path, trained: Bundle) -> None:
        """Do so, with all that is needed at hand."""

    def load(self, path: Path) -> Callable[[Any], Any]:
        """Read back what was written, as a function from prepared inputs to the network's raw outputs."""
        raise ConfigError(f"{path}: the format {self.name} is written here, and read by other programs only")

    def place(self, folder: Path) -> Path:
        """Return where the format lies in the folder of a model."""
        return folder / f"model{self.suffix}" if self.suffix else folder


@settings
class FileExporter(Exporter):
    """A format of one file: its content is whole before anything is written.

    `convert` raises ConfigError for a network that the format cannot hold.
    quantize: `dynamic` stores weights in 8 bits, `float16` in 16; the smallest arrays stay as they are
    """

    quantize: Literal["none", "dynamic", "float16"] = "none"

    @property
    def tolerance(self) -> float:
        return {"none": 1e-6, "dynamic": 1e-2, "float16": 1e-3}[self.quantize]

    def export(self, path: Path, trained: Bundle) -> None:
        self.require_packages()
        self.write(path, trained)

    def write(self, path: Path, trained: Bundle) -> None:
        content = self.convert(trained)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    @abstractmethod
    def convert(self, trained: Bundle) -> bytes:
        """Return what the file holds."""

    @abstractmethod
    def list_weights(self, path: Path) -> list[tuple[str, int]]:
        """Return the type and the size of each array of weights in a file."""


def save(folder: Path, trained: Bundle) -> None:
    """Write a model into the folder of a run, in every format that each run keeps; what is there is replaced."""
    for exporter in registry.components("exporter").values():
        if exporter.in_every_run:
            exporter().export(exporter().place(folder), trained)
