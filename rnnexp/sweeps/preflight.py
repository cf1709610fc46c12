"""Before the first job: every distinct network is built once, and the first one is tried for two epochs."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any

from rnnexp import registry
from rnnexp.config.parse import parse
from rnnexp.errors import ConfigError, DataError, ResourceError, RnnexpError
from rnnexp.failures import describe, foreseen
from rnnexp.sweeps.executor import Hardware
from rnnexp.sweeps.jobs import Job
from rnnexp.sweeps.processes import context

_REPEATED = ("seed", "fold")  # of the data: another value is the same network
_ERRORS = {one.exit_code: one for one in (ConfigError, DataError, ResourceError)}


@dataclass(frozen=True)
class Findings:
    """What the rehearsal has shown.

    parameters: fewest and most weights of a network;  networks: how many distinct ones were built
    validated:  whether all jobs have a validation part (None: some have)
    primary:    metric that a reader looks at first, and whether more of it is better
    epoch_s, first_epoch_s: of the first job, with its share of the processors
    """

    networks: int
    parameters: tuple[int, int]
    validated: bool | None
    primary: tuple[str, bool]
    first_epoch_s: float
    epoch_s: float


def rehearse(jobs: Sequence[Job], hardware: Hardware, threads: int) -> Findings:
    """Build each distinct network in a process of its own per backend.

    Raises ConfigError, DataError or ResourceError with the mistakes of all of them.
    """
    distinct: dict[str, Job] = {}
    for job in jobs:
        distinct.setdefault(_network(job.mapping), job)
    by_backend: dict[str, list[Job]] = {}
    for job in distinct.values():
        by_backend.setdefault(backend_of(job.mapping), []).append(job)
    answers: list[dict[str, Any]] = []
    for group in by_backend.values():
        answers += _in_process(group, hardware, threads, try_first=not answers)
    failures = [answer for answer in answers if "error" in answer]
    fitting = [answer for answer in answers if "error" not in answer]
    if fitting and all(failure["code"] == ResourceError.exit_code for failure in failures):
        answers = fitting  # a network that is too big for this machine fails alone, the other jobs are run
    elif failures:
        kind = _ERRORS.get(failures[0]["code"], RnnexpError)
        raise kind(*dict.fromkeys(text for answer in failures for text in answer["error"]))
    sizes = [answer["parameters"] for answer in answers]
    validated = {answer["validated"] for answer in answers}
    first = answers[0]
    return Findings(
        networks=len(answers),
        parameters=(min(sizes), max(sizes)),
        validated=validated.pop() if len(validated) == 1 else None,
        primary=first["primary"],
        first_epoch_s=first["first_epoch_s"] or 0.0,
        epoch_s=first["epoch_s"] or 0.0,
    )


def backend_of(mapping: Mapping[str, Any]) -> str:
    """Return the backend that a job will run on."""
    from rnnexp.runtime import DEFAULT_BACKEND

    return str(mapping.get("backend") or os.environ.get("KERAS_BACKEND") or DEFAULT_BACKEND)


def _network(mapping: Mapping[str, Any]) -> str:
    """Return what decides which network is built."""
    data = {key: value for key, value in mapping["data"].items() if key not in _REPEATED}
    chosen = [data, mapping["model"], mapping.get("loss"), mapping["optimizer"].get("name"), backend_of(mapping)]
    return json.dumps(chosen, sort_keys=True, default=str)


def _in_process(jobs: Sequence[Job], hardware: Hardware, threads: int, try_first: bool) -> list[dict[str, Any]]:
    """Rehearse jobs of one backend where nothing is left behind: Keras stays out of the coordinator."""
    way = context(hardware)
    ours, theirs = multiprocessing.Pipe(duplex=False)
    work = [(job.mapping, 2 if try_first and index == 0 else 0) for index, job in enumerate(jobs)]
    process = way.Process(target=_rehearse, args=(theirs, work, threads), name="rnnexp preflight", daemon=True)
    process.start()
    theirs.close()
    answers: list[dict[str, Any]] = []
    try:
        while len(answers) < len(work):
            answers.append(ours.recv())
    except EOFError:
        process.join()
        at = " ".join(f"{key}={value}" for key, value in jobs[len(answers)].values.items())
        raise ResourceError(
            f"the process that builds the networks ended with exit code {process.exitcode} (in the job {at}); "
            f"is there enough memory for it?"
        ) from None
    process.join()
    return answers


def _rehearse(out: Connection, work: Sequence[tuple[Mapping[str, Any], int]], threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logging.getLogger("rnnexp").setLevel(logging.ERROR)
    from rnnexp.runner.trial import try_run

    for mapping, epochs in work:
        try:
            registry.load_plugins(list(mapping.get("plugins") or []))
            out.send(asdict(try_run(parse(mapping), threads, epochs)))
        except RnnexpError as error:
            out.send({"code": error.exit_code, "error": list(getattr(error, "problems", None) or [str(error)])})
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin's network that cannot be built is a mistake to be shown, not a crash
            known = foreseen(error)
            code = known.exit_code if isinstance(known, ResourceError) else ConfigError.exit_code
            out.send(
                {
                    "code": code,
                    "error": [f"the network cannot be built: {known or describe(error, registry.list_plugins())}"],
                }
            )
    out.close()
