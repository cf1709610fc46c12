"""A job in its own process: runs it, and leaves a result that is there whole or not at all."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import registry, runtime
from rnnexp.config.parse import parse
from rnnexp.config.settings import Experiment
from rnnexp.errors import ResourceError, RnnexpError
from rnnexp.failures import describe, foreseen
from rnnexp.output import MaskedRecord, MaskedStream
from rnnexp.redact import redact
from rnnexp.run_folder import hold, set_aside
from rnnexp.runtime import interrupts
from rnnexp.runtime.clean_state import find_changes, forget_models, take_state
from rnnexp.stopping import Interrupted, read_stop
from rnnexp.sweeps.outage import find_lost_files
from rnnexp.sweeps.task import ATTEMPT, LOG, Outcome, Task, write_outcome

if TYPE_CHECKING:
    from rnnexp.runner import Result
    from rnnexp.runner.context import Membership
    from rnnexp.runner.kept_network import KeptNetwork
    from rnnexp.runner.unfinished import Unfinished

log = logging.getLogger("rnnexp")

ENDED = 143  # the exit code of a worker that was asked to end
GRACE_S = 5.0  # from then to its end, after which its coordinator would kill it


def main(task: Task) -> None:
    """Run a task in a process that is all its own, its output in the job's log."""
    with run_as_worker(task):
        execute(task)


def serve(line: Connection, may_go_on: bool) -> None:
    """Run the tasks that come down the line, one after the other, each as in a process that is all its own.

    After each the other end is told whether there may be another; there may as long as a job has gone well, and has
    left all that the next one reads as it was. The process ends once there is none.
    """
    task = line.recv()
    with run_as_worker(task), suppress(EOFError, OSError):
        settled = _settle(task) if may_go_on else None
        while _run_clean(task, settled):
            line.send(True)
            task = line.recv()
            _write_log(task)
        line.send(False)


def _settle(task: Task) -> tuple[Mapping[str, Any], KeptNetwork] | None:
    """Start the backend for a task, and return what it is to leave alone, and where it leaves its network for the next
    one; None if no other can follow.
    """
    from rnnexp.runner import configure_runtime
    from rnnexp.runner.kept_network import KeptNetwork

    runtime.lean = True
    try:
        configure_runtime(read(task), task.threads)
    except Exception:  # will be met again, and told, where the job is run
        return None
    return take_state(), KeptNetwork()


def _run_clean(task: Task, settled: tuple[Mapping[str, Any], KeptNetwork] | None) -> bool:
    """Run a task and say whether the process is fit for another."""
    if settled is None:
        execute(task)
        return False
    before, kept = settled
    if execute(task, kept=kept).status != "done":
        return False
    if changes := find_changes(before, take_state()):
        print(f"the next job gets a new process: this one has left other {', '.join(changes)}", flush=True)
        return False
    forget_models()
    return True


@contextmanager
def run_as_worker(task: Task) -> Iterator[None]:
    """Make this process a worker: it heeds its coordinator, and what it prints goes to the log of `task`."""
    for number in (signal.SIGINT, signal.SIGHUP):  # of a terminal, for all its processes: the coordinator says it
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with interrupts.heed_signals((signal.SIGTERM,), GRACE_S):
        _follow_coordinator()
        _write_log(task)
        try:
            yield
        except KeyboardInterrupt:
            sys.exit(ENDED)


def _write_log(task: Task) -> None:
    with (task.folder / LOG).open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = os.fdopen(number, "w", buffering=1, encoding="utf-8", closefd=False)
        setattr(sys, name, MaskedStream(stream))
    logging.setLogRecordFactory(MaskedRecord)
    logging.raiseExceptions = False  # a log on a full disk would be all tracebacks
    os.environ.pop("MLFLOW_RUN_ID", None)  # MLflow would prefer it to the parent
    os.environ.update(task.environment)


def _follow_coordinator() -> None:
    """End with it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)


def execute(
    task: Task,
    quiet: bool = False,
    tick: Callable[[], None] | None = None,
    find_lost: Callable[[], None] = lambda: None,
    kept: KeptNetwork | None = None,
) -> Outcome:
    """Run a task in this process and write its outcome; an interruption leaves none, so that it is run again.

    `tick` is called after each epoch: the coordinator's chance to look after the sweep while this job runs.
    `find_lost` is called when the job has failed, and raises Interrupted if that is for want of another process; `kept`
    holds the network of the task before, and takes that of this one.
    """
    if task.hydra is not None:
        from rnnexp.sweeps.hydra_job import run_within

        return run_within(task.hydra, lambda: execute(replace(task, hydra=None), quiet, tick, find_lost))
    started = time.perf_counter()
    with hold(task.folder, wait=True), _logged(task):
        check_turn(task)
        if why := read_stop(task.folder):
            outcome = tell_stopped(why, 0.0)
            write_outcome(task.folder, outcome)
            return outcome
        try:
            from rnnexp.runner import run

            runtime.lean = not task.mapping.get("plugins")
            experiment, told = read(task), replace(membership(task, tick), kept=kept)
            unfinished = _take_up(task.folder, experiment)
            result = run(experiment, task.folder, task.command, quiet, told, unfinished)
            outcome = outcome_of(task, result)
        except KeyboardInterrupt:
            why = read_stop(task.folder)
            if not why or interrupts.ending.reason is not None:
                raise
            outcome = tell_stopped(why, time.perf_counter() - started)
        except BaseException as error:  # the one place where any failure of a job becomes its outcome
            find_lost()
            outcome = failure(error, time.perf_counter() - started, find_lost_files(task.mapping, error))
        write_outcome(task.folder, outcome)
    return outcome


def _take_up(folder: Path, experiment: Experiment) -> Unfinished | None:
    """Return what a job goes on with; what it cannot go on with is set aside."""
    from rnnexp.runner.unfinished import WIDTH, find_own

    found = find_own(folder, experiment)
    if found and WIDTH in found.noted:
        log.warning(
            "starts again from epoch 1: it was trained together with others, and alone its sums are rounded differently"
        )
        found = None
    if found is None:
        set_aside(folder)
    return found


def check_turn(task: Task) -> None:
    """End if the job was given to another worker while this one waited in a queue."""
    if (task.folder / ATTEMPT).read_text(encoding="utf-8") != str(task.attempt):
        raise Interrupted


@contextmanager
def _logged(task: Task) -> Iterator[None]:
    """Write what the run says to the job's log, and not to the coordinator's terminal."""
    handler = logging.FileHandler(task.folder / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    before = (log.handlers[:], log.propagate, log.level)
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        handler.close()
        log.handlers, log.propagate = before[:2]
        log.setLevel(before[2])


def read(task: Task) -> Experiment:
    """Return the experiment of a task."""
    registry.load_plugins(list(task.mapping.get("plugins") or []))
    return parse(task.mapping)


def membership(task: Task, tick: Callable[[], None] | None = None) -> Membership:
    """Return what the run of a task is told of its sweep."""
    from rnnexp.runner.context import Membership

    return Membership(
        sweep=task.sweep,
        parent=task.parent,
        number=task.number,
        varied=task.varied,
        threads=task.threads,
        watch=_watch(task, tick),
        look=partial(read_stop, task.folder),
    )


def outcome_of(task: Task, result: Result) -> Outcome:
    """Say in a few numbers what a run has come to."""
    stopped = result.history.stopped
    if result.problem:
        log.error("%s", result.problem)
    return Outcome(
        "failed"
        if result.problem
        else "pruned"
        if stopped == "pruned"
        else "diverged"
        if stopped == "diverged"
        else "done",
        value=objective_value(task.objective, result.metrics, result.history.epochs),
        metrics={key: number for key, number in result.metrics.items() if math.isfinite(number)},
        run_id=result.run_id,
        seconds=result.seconds,
        error=result.problem,
        exit_code=ResourceError.exit_code if result.problem else 0,
    )


def objective_value(objective: str, metrics: Mapping[str, float], epochs: list[dict[str, float]]) -> float | None:
    """Return the objective from what is logged at the end, else from the last epoch; None if it is not finite."""
    last = epochs[-1] if epochs else {}
    value = metrics.get(objective, last.get(objective))
    return float(value) if value is not None and math.isfinite(value) else None


def _watch(task: Task, tick: Callable[[], None] | None) -> Any:
    """Answer "pruned" once the coordinator has left word that the job is hopeless."""

    def watch(epoch: int, metrics: Mapping[str, float]) -> str | None:
        if tick:
            tick()
        return "pruned" if read_stop(task.folder) == "" else None

    return watch


def tell_stopped(why: str, seconds: float) -> Outcome:
    """Log who has stopped the job and say it in a line."""
    log.warning("%s", why)
    return Outcome("stopped", error=why, seconds=seconds)


def failure(error: BaseException, seconds: float, lost: str = "") -> Outcome:
    """Log what went wrong and say it in a line; `lost` are the files of the data that are gone."""
    known = foreseen(error)
    message = redact(str(known) if known else describe(error, registry.list_plugins()))
    if not isinstance(error, RnnexpError):
        log.error("%s", redact("".join(traceback.format_exception(error))))
    if known:
        log.error("%s", message)
    first = next((line.strip() for line in message.splitlines() if line.strip()), type(error).__name__)
    code = known.exit_code if known else 1
    return Outcome("failed", error=first, exit_code=code, seconds=seconds, lost=lost)
