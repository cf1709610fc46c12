"""Jobs whose compiled program would be the same are trained as one, in a process of their own on JAX."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.sweeps import worker
from rnnexp.sweeps.executor import Executor, Exit, Hardware, Site, Slot
from rnnexp.sweeps.launcher import Launcher
from rnnexp.sweeps.preflight import find_program
from rnnexp.sweeps.processes import Terminator, context, end_all, on_slot, reason, start_process
from rnnexp.sweeps.state import write_whole
from rnnexp.sweeps.task import GROUPS, RESULT, Task, read_groups

GROUP, GROUP_THAT_LEARNS = 64, 8
MAX_SHARE = 1.25  # of all jobs, that one process has: more than its equal share by so much
MAX_DEATHS = 2  # what has ended its process so often is not to end its company once more

Crew = tuple[list[Task], Path | None]  # jobs of one process, and where it keeps its groups if they train as one


GroupSize = Annotated[
    int | None,
    Field(ge=2, description="most jobs that are trained as one; null: 64, or 8 where the sampler learns"),
]


@register("executor")
class vectorized(Launcher):
    """Jobs whose compiled program is the same are trained as one on JAX, however long they are."""

    one_program: ClassVar[bool] = True

    name: Literal["vectorized"] = "vectorized"
    group_size: GroupSize = None

    def start(self, site: Site) -> Executor:
        return GroupProcesses(self, site.hardware, site.folder)

    def settled(self, groups: bool, learns: bool) -> Launcher:
        size = self.group_size or (GROUP_THAT_LEARNS if learns else GROUP)
        return vectorized(**{**vars(self), "group_size": size})

    def pack(self, programs: Sequence[str | None], processes: int) -> list[list[int]]:
        """Put jobs of one program into groups of equal size, no smaller than it takes to give each process its share.

        To start one process more, and to compile once more, costs more than a few members.
        """
        same = _list_same(programs)
        parts = [-(-len(places) // (self.group_size or GROUP)) for places in same]
        while _measure_busiest(groups := _split(same, parts), processes) > MAX_SHARE * len(programs) / processes:
            widest = max(range(len(same)), key=lambda i: len(same[i]) / parts[i])
            if len(same[widest]) < 2 * (parts[widest] + 1):
                break
            parts[widest] += 1
        return groups

    def pick(self, programs: Sequence[str | None], count: int) -> list[list[int]]:
        """Choose at most so many groups, each of the program that has the most jobs left, as many as may be a group."""
        same, most = _list_same(programs), self.group_size or GROUP
        groups: list[list[int]] = []
        while any(same) and len(groups) < count:
            widest = max(same, key=len)
            groups.append(widest[:most])
            del widest[:most]
        return groups


def _list_same(programs: Sequence[str | None]) -> list[list[int]]:
    """Return the places of each program, and each that has none by itself."""
    by_program: dict[str, list[int]] = {}
    for place, program in enumerate(programs):
        by_program.setdefault(program or f"alone: {place}", []).append(place)
    return [*by_program.values()]


def _split(same: Sequence[Sequence[int]], parts: Sequence[int]) -> list[list[int]]:
    return [[*places[start::count]] for places, count in zip(same, parts) for start in range(count)]


def _measure_busiest(groups: Sequence[Sequence[int]], processes: int) -> int:
    """Return how many jobs the busiest process has, where each takes the next group once it has ended one."""
    loads = [0] * processes
    for group in groups:
        loads[loads.index(min(loads))] += len(group)
    return max(loads)


class GroupProcesses(Executor):
    """Takes many tasks at a time and sorts them by program.

    Which jobs form a group is written down before it starts, so that a group that is resumed is the same group. Tasks
    wait for a free process until they are sorted: they come one by one, as those of a group that ends make room.
    """

    def __init__(self, launcher: vectorized, hardware: Hardware, folder: Path) -> None:
        self._launcher = launcher
        self._free: list[Slot] = launcher.slots(hardware)
        self._processes = len(self._free)
        self.capacity = (launcher.group_size or GROUP) * self._processes
        self._context = context(hardware)
        self._folder = folder
        self._known = read_groups(folder)
        self._new: list[Task] = []
        self._queue: list[Crew] = []
        self._running: list[tuple[BaseProcess, Slot, dict[int, Task]]] = []
        self._left_out: list[Exit] = []
        self._terminator = Terminator()

    def submit(self, task: Task) -> None:
        self._new.append(task)

    def wait(self, seconds: float) -> list[Exit]:
        while self._free and (self._queue or self._new):
            self._queue = self._queue or self._groups()
            self._start(*self._queue.pop(0))
        wait([process.sentinel for process, _, _ in self._running], 0 if self._left_out else seconds)
        self._terminator.make()
        left_out, self._left_out = self._left_out, []
        return [*left_out, *self._ended()]

    def _start(self, tasks: list[Task], company: Path | None) -> None:
        from rnnexp.sweeps import crew  # with NumPy, which a look at the settings does without

        slot = self._free.pop(0)
        ready = [on_slot(task, slot) for task in tasks]
        target, arguments = (crew.main, (ready, company)) if company else (worker.main, (ready[0],))
        process = start_process(self._context, target, arguments, "rnnexp jobs")
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
        alone = [number for number, task in tasks.items() if task.deaths >= MAX_DEATHS or task.hydra is not None]
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
        """Put tasks into groups; those that are in none wait for the next free process.

        The first and the last ones are shared out among all processes. In between each free one takes the most that
        there are of a program, since more are to come.
        """
        programs = [find_program(task.mapping) for task in tasks]
        unfinished = len(tasks) + sum(len(running) for _, _, running in self._running)
        if unfinished < self.capacity or len(self._free) == self._processes:
            groups = self._launcher.pack(programs, self._processes)
        else:
            groups = self._launcher.pick(programs, len(self._free))
        chosen = {place for group in groups for place in group}
        self._new += [task for place, task in enumerate(tasks) if place not in chosen]
        return [[tasks[place] for place in group] for group in groups]

    def stop_job(self, number: int) -> None:
        """Take a task out of the queue, or end its process if it has one of its own.

        A member of a group that trains already is taken out by the group, at the end of its epoch.
        """
        for process, _, tasks in self._running:
            if [*tasks] == [number]:
                self._terminator.ask(process)
            if number in tasks:
                return
        for waiting in (self._new, *(tasks for tasks, _ in self._queue)):
            waiting[:] = [task for task in waiting if task.number != number]
        self._queue = [crew for crew in self._queue if crew[0]]
        self._left_out.append(Exit(number))

    def stop(self) -> None:
        end_all([process for process, _, _ in self._running])
