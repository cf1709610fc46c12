"""Jobs whose compiled program would be the same are trained as one, in a process of their own on JAX."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from rnnexp.sweeps import crew, worker
from rnnexp.sweeps.executors.base import Exit, Hardware, Slot, slots
from rnnexp.sweeps.executors.local import context, end_all, on_slot, reason
from rnnexp.sweeps.preflight import backend_of
from rnnexp.sweeps.settings import Launcher
from rnnexp.sweeps.state import write_whole
from rnnexp.sweeps.task import RESULT, Task

Crew = tuple[int, ...]  # numbers of the jobs that are trained together


class Vectorized:
    """Takes many tasks at a time and sorts them by program.

    Which jobs form a group is written down before it starts: a group that is resumed is filled up to what it was, so
    that its results are the same to the last bit.
    """

    def __init__(self, settings: Launcher, hardware: Hardware, folder: Path) -> None:
        self._free: list[Slot] = slots(settings, hardware)
        self._size = settings.group_size
        self._processes = len(self._free)
        self.capacity = self._size * self._processes
        self._context = context(hardware)
        self._path = folder / "groups.json"
        self._known: list[Crew] = [tuple(x) for x in json.loads(self._path.read_text())] if self._path.exists() else []
        self._new: list[Task] = []
        self._queue: list[tuple[list[Task], int]] = []
        self._running: list[tuple[BaseProcess, Slot, dict[int, Task]]] = []

    def submit(self, task: Task) -> None:
        self._new.append(task)

    def wait(self, seconds: float) -> list[Exit]:
        self._queue += self._groups()
        while self._queue and self._free:
            self._start(*self._queue.pop(0))
        wait([process.sentinel for process, _, _ in self._running], seconds)
        return list(self._ended())

    def _start(self, tasks: list[Task], width: int) -> None:
        slot = self._free.pop(0)
        ready = [on_slot(task, slot) for task in tasks]
        target, arguments = (worker.main, (ready[0],)) if width == 1 else (crew.main, (ready, width))
        process = self._context.Process(target=target, args=arguments, name="rnnexp jobs", daemon=True)
        process.start()
        self._running.append((process, slot, {task.number: task for task in tasks}))

    def _ended(self) -> Iterator[Exit]:
        for entry in list(self._running):
            process, slot, tasks = entry
            gone = process.exitcode is not None
            for number in [number for number, task in tasks.items() if (task.folder / RESULT).exists()]:
                del tasks[number]
                yield Exit(number)
            if gone:
                process.join()
                self._running.remove(entry)
                self._free.append(slot)
                yield from (Exit(number, reason(process.exitcode or 0)) for number in tasks)

    def _groups(self) -> list[tuple[list[Task], int]]:
        """Sort new tasks into the groups that they once had, or into new ones of equal size."""
        new, self._new = {task.number: task for task in self._new}, []
        if not new:
            return []
        result = []
        for known in self._known:
            members = [new.pop(number) for number in known if number in new]
            if members:
                result.append((members, len(known)))
        fresh = self._sorted(list(new.values()))
        self._known += [tuple(task.number for task in tasks) for tasks in fresh]
        write_whole(self._path, json.dumps(self._known) + "\n")
        return [*result, *((tasks, len(tasks)) for tasks in fresh)]

    def _sorted(self, tasks: Sequence[Task]) -> list[list[Task]]:
        from rnnexp.together import program

        by_program: dict[str, list[Task]] = {}
        for task in tasks:
            shared = program(worker.read(task)) if backend_of(task.mapping) == "jax" else None
            by_program.setdefault(shared or f"job {task.number}", []).append(task)
        groups = []
        for same in by_program.values():
            parts = max(-(-len(same) // self._size), min(self._processes, len(same) // 4) or 1)
            groups += [same[start::parts] for start in range(parts)]
        return groups

    def stop(self) -> None:
        end_all([process for process, _, _ in self._running])

    def close(self) -> None:
        """The warm server ends with this process."""
