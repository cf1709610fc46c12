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
from rnnexp.sweeps.facts import GROUP
from rnnexp.sweeps.preflight import backend_of
from rnnexp.sweeps.settings import Launcher
from rnnexp.sweeps.state import write_whole
from rnnexp.sweeps.task import RESULT, Task

GROUPS = "groups.json"
ALONE_FROM = 3  # attempt: what has ended its process twice is not to end its company a third time

Crew = tuple[list[Task], Path | None]  # jobs of one process, and where it keeps its groups if they train as one


class Vectorized:
    """Takes many tasks at a time and sorts them by program.

    Which jobs form a group is written down before it starts, so that a group that is resumed is the same group.
    """

    def __init__(self, settings: Launcher, hardware: Hardware, folder: Path) -> None:
        self._free: list[Slot] = slots(settings, hardware)
        self._size = settings.group_size or GROUP
        self._processes = len(self._free)
        self.capacity = self._size * self._processes
        self._context = context(hardware)
        self._folder, path = folder, folder / GROUPS
        self._known: list[list[int]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        self._new: list[Task] = []
        self._queue: list[Crew] = []
        self._running: list[tuple[BaseProcess, Slot, dict[int, Task]]] = []

    def submit(self, task: Task) -> None:
        self._new.append(task)

    def wait(self, seconds: float) -> list[Exit]:
        self._queue += self._groups()
        while self._queue and self._free:
            self._start(*self._queue.pop(0))
        wait([process.sentinel for process, _, _ in self._running], seconds)
        return list(self._ended())

    def _start(self, tasks: list[Task], company: Path | None) -> None:
        slot = self._free.pop(0)
        ready = [on_slot(task, slot) for task in tasks]
        target, arguments = (crew.main, (ready, company)) if company else (worker.main, (ready[0],))
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

    def _groups(self) -> list[Crew]:
        """Sort new tasks into the groups that they once had, or into new ones of equal size."""
        if not self._new:
            return []
        tasks, self._new = {task.number: task for task in self._new}, []
        alone = [number for number, task in tasks.items() if task.attempt >= ALONE_FROM or task.hydra is not None]
        result: list[Crew] = [([tasks.pop(number)], None) for number in alone]
        grouped = {number for group in self._known for number in group}
        fresh = self._sorted([task for number, task in tasks.items() if number not in grouped])
        self._known += [[task.number for task in group] for group in fresh]
        write_whole(self._folder / GROUPS, json.dumps(self._known) + "\n")
        for place, numbers in enumerate(self._known):
            present = [tasks[number] for number in numbers if number in tasks]
            if present:
                result.append((present, self._folder / f"group-{place}.json" if len(numbers) > 1 else None))
        return result

    def _sorted(self, tasks: Sequence[Task]) -> list[list[Task]]:
        from rnnexp.runner.vectorized import make_program_key

        by_program: dict[str, list[Task]] = {}
        for task in tasks:
            shared = make_program_key(worker.read(task)) if backend_of(task.mapping) == "jax" else None
            by_program.setdefault(shared or f"job {task.number}", []).append(task)
        groups = []
        for same in by_program.values():
            parts = max(-(-len(same) // self._size), min(self._processes, len(same) // 2) or 1)
            groups += [same[start::parts] for start in range(parts)]
        return groups

    def stop(self) -> None:
        end_all([process for process, _, _ in self._running])

    def close(self) -> None:
        """The warm server ends with this process."""
