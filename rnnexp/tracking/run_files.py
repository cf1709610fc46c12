"""The files of a run, each whole or not there; what its disk does not take waits elsewhere until there is room."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from rnnexp.disk import FULL, GrowingFile, describe_size, measure_size, put_whole, remove
from rnnexp.runtime.machine import make_cache_folder

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 the last resort: it is lost when the machine is switched off

PATIENCE_S = 10.0  # how long the end of a run waits for room
RETRY_S = 1.0  # between two looks whether there is room

log = logging.getLogger("rnnexp")


class RunFiles:
    """Writes into `folder`, or into folders of the user's on other disks until `settle` brings it home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._away: dict[str, Path] = {}  # by its name: the folder that has it meanwhile
        self._lost: list[str] = []
        self._places: list[Path] = []
        self._reason: OSError | None = None

    def write(self, name: str, make: Callable[[Path], object]) -> Path:
        """Let `make` write a file or a folder and return where it is; what no disk takes is told by `problem`."""
        try:
            put_whole(self.folder / name, make)
            return self.folder / name
        except OSError as error:
            if self._reason is None:
                log.warning("%s: %s; it is kept elsewhere until there is room", error.filename, error.strerror)
            self._reason = error
        return self._write_elsewhere(name, make)

    def is_home(self, name: str) -> bool:
        return name not in self._away and name not in self._lost

    def name_of(self, path: Path) -> str:
        """Return the name of a file, which may be elsewhere."""
        home = next((place for place in self._places if path.is_relative_to(place)), self.folder)
        return os.path.relpath(path, home)

    def settle(self, patience: float, growing: Sequence[GrowingFile]) -> None:
        """Bring home what is elsewhere, waiting so many seconds for room; of the last lines keep a whole copy there."""
        deadline = time.monotonic() + patience
        while not self._is_settled(growing) and self._may_change and time.monotonic() < deadline:
            time.sleep(RETRY_S)
        for file in growing:
            self._keep_lines(file)
        for place in self._places:
            if place not in self._away.values():
                remove(place)

    def problem(self, sync: str) -> str | None:
        """Say what is not where it belongs and how it gets there, `sync` being what completes the store; else None."""
        if not self._reason or self.is_whole:
            return None
        said = f"{self.folder}: {self._reason.strerror or self._reason}"
        if self._lost:
            said += f"; no disk has taken {', '.join(self._lost)}"
        if self._away:
            places = list(dict.fromkeys(self._away.values()))
            size = describe_size(sum(map(measure_size, places)))
            home = " && ".join(shlex.join(["cp", "-r", f"{place}/.", f"{self.folder}/"]) for place in places)
            said += f"; what it lacks ({', '.join(self._away)}: {size}) is in {', '.join(map(str, places))}; "
            said += f"make so much room and bring it home: {home}{sync and ' && '}{sync}"
        return said

    @property
    def is_whole(self) -> bool:
        return not self._away and not self._lost

    def _write_elsewhere(self, name: str, make: Callable[[Path], object]) -> Path:
        for place in (*self._places, *self._new_places()):
            with suppress(OSError):
                put_whole(place / name, make)
                self._away[name] = place
                return place / name
        self._lost.append(name)
        return self.folder / name

    def _keep_lines(self, file: GrowingFile) -> None:
        if file.error:
            whole = file.read(0, file.size())
            self._write_elsewhere(file.path.relative_to(self.folder).as_posix(), lambda new: new.write_bytes(whole))

    @property
    def _may_change(self) -> bool:
        return self._reason is not None and self._reason.errno in FULL

    def _is_settled(self, growing: Sequence[GrowingFile]) -> bool:
        for file in growing:
            if not file.flush():
                self._reason = file.error
                return False
        for name, place in list(self._away.items()):
            copy = shutil.copytree if (place / name).is_dir() else shutil.copyfile
            try:
                put_whole(self.folder / name, partial(copy, place / name))
            except OSError as error:
                self._reason = error
                return False
            del self._away[name]
        return True

    def _new_places(self) -> Iterator[Path]:
        """Yield folders that are the user's alone, on other disks if there are any."""
        for parent in (make_cache_folder, lambda: Path(tempfile.gettempdir()), lambda: SHARED_MEMORY):
            with suppress(OSError):
                place = Path(tempfile.mkdtemp(prefix=f"rnnexp-{self.folder.name}-", dir=parent() or os.devnull))
                self._places.append(place)
                yield place
