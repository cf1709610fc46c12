"""Before the first job: every distinct network is built once, and the first one is tried for two epochs."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from rnnexp import registry
from rnnexp.config.parse import COMPONENTS, parse
from rnnexp.data.located import refuse_absent
from rnnexp.errors import ConfigError, DataError, ResourceError, RnnexpError
from rnnexp.failures import describe, foreseen
from rnnexp.runtime import DEFAULT_BACKEND, choose_backend, require_package
from rnnexp.sweeps.executor import Hardware
from rnnexp.sweeps.jobs import Job
from rnnexp.sweeps.launcher import Launcher
from rnnexp.sweeps.processes import context, start_process

SCRIPT = "__main__"
_REPEATED = ("seed", "fold")  # of the data: another value is the same network
Work = tuple[Mapping[str, Any], int]  # a job, and for how many epochs it is tried
_ERRORS = {one.exit_code: one for one in (ConfigError, DataError, ResourceError)}


@dataclass(frozen=True)
class Findings:
    """What the rehearsal has shown.

    parameters: fewest and most weights of a network;  networks: how many distinct ones were built
    validated:  whether all jobs have a validation part (None: some have)
    primary:    metric that a reader looks at first, and whether more of it is better
    validation_score: metric by which all jobs score the validation part in original units, None if there is none
    setup_s, first_epoch_s, epoch_s: of the first job, with its share of the processors;  trainings: how many it takes
    sizes:      weights of each network, by what decides which one is built; the first one was tried
    """

    networks: int
    parameters: tuple[int, int]
    validated: bool | None
    primary: tuple[str, bool]
    setup_s: float
    first_epoch_s: float
    epoch_s: float
    trainings: int = 1
    sizes: Mapping[str, int] = field(default_factory=dict)
    validation_score: str | None = None

    def compare_size(self, mapping: Mapping[str, Any]) -> float:
        """Return the weights of a job's network in those of the one that was tried; 1 if it was not built."""
        tried = next(iter(self.sizes.values()), 0)
        return self.sizes.get(_network(mapping), tried) / tried if tried else 1.0


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
    for backend in by_backend:
        require_package(choose_backend(backend)[0])  # or its jobs would fail, one by one
    order = [job for group in by_backend.values() for job in group]
    answers: list[dict[str, Any]] = []
    for group in by_backend.values():
        work = [(job.mapping, 0 if answers or index else 2) for index, job in enumerate(group)]
        here = find_unseen(job.mapping for job in group)  # what only this process knows
        answers += _rehearse_all(work, threads) if here else _in_process(group, work, hardware, threads)
    built = {_network(job.mapping): one["parameters"] for job, one in zip(order, answers) if "error" not in one}
    failures = [answer for answer in answers if "error" in answer]
    fitting = [answer for answer in answers if "error" not in answer]
    if fitting and all(failure["code"] == ResourceError.exit_code for failure in failures):
        answers = fitting  # a network that is too big for this machine fails alone, the other jobs are run
    elif failures:
        kind = _ERRORS.get(failures[0]["code"], RnnexpError)
        told = dict.fromkeys(text for answer in failures for text in answer["error"])
        raise ConfigError(*told) if kind is ConfigError else kind("\n".join(told))
    validated, scores = ({answer[key] for answer in answers} for key in ("validated", "validation_score"))
    first = answers[0]
    return Findings(
        networks=len(answers),
        parameters=(min(built.values()), max(built.values())),
        validated=validated.pop() if len(validated) == 1 else None,
        primary=first["primary"],
        setup_s=first["setup_s"],
        first_epoch_s=first["first_epoch_s"] or 0.0,
        epoch_s=first["epoch_s"] or 0.0,
        trainings=first["trainings"],
        sizes=built,
        validation_score=scores.pop() if len(scores) == 1 else None,
    )


def refuse_absent_files(jobs: Iterable[Job]) -> None:
    """Raise DataError for all files that jobs are to read and that are not there."""
    distinct = {_network(job.mapping): job for job in jobs}
    refuse_absent(*(parse(job.mapping).data for job in distinct.values()))


def find_unseen(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each component of jobs that stands in the script or notebook which asks for them."""
    used = dict.fromkeys(pair for mapping in mappings for pair in _list_components(mapping))
    return [
        f"{kind}: `{name}` is defined in this script or notebook, which the processes of jobs do not see; put it into "
        "a file my_models.py and name that: plugins=[my_models], or train the jobs in this process: "
        "hydra/launcher=serial"
        for kind, name in used
        if _is_of_script(kind, name)
    ]


def find_ranks_mistakes(launcher: Launcher, jobs: Iterable[Job]) -> list[str]:
    """Return why several processes cannot train jobs together, if they are to."""
    if launcher.processes == 1:
        return []
    from rnnexp.runner import followers

    find = followers.find_ranks_mistakes
    found = (problem for job in jobs for problem in find(parse(job.mapping), backend_of(job.mapping)))
    return [f"hydra/launcher={launcher.name}: {problem}" for problem in dict.fromkeys(found)]


def _list_components(mapping: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield kind and name of what a job is made of."""
    for kind in COMPONENTS:
        if isinstance(mapping.get(kind), Mapping):
            yield kind, str(mapping[kind].get("name"))
    for key, callback in (mapping.get("callbacks") or {}).items():
        yield "callback", str(callback.get("name", key)) if isinstance(callback, Mapping) else str(key)
    yield from (("metric", str(name)) for name in mapping.get("metrics") or ())


def _is_of_script(kind: str, name: str) -> bool:
    of_script = (cls for cls in registry.registered(kind) if cls.__module__ == SCRIPT)
    return any(vars(cls)["__dataclass_fields__"]["name"].default == name for cls in of_script)


def backend_of(mapping: Mapping[str, Any]) -> str:
    """Return the backend that a job will run on."""
    return str(mapping.get("backend") or os.environ.get("KERAS_BACKEND") or DEFAULT_BACKEND)


def find_program(mapping: Mapping[str, Any]) -> str | None:
    """Return what jobs must have in common to be trained as one, None for one that cannot be."""
    from rnnexp.runner.program_key import make_program_key

    registry.load_plugins(list(mapping.get("plugins") or []))
    return make_program_key(parse(mapping)) if backend_of(mapping) == "jax" else None


def _network(mapping: Mapping[str, Any]) -> str:
    """Return what decides which network is built."""
    data = {key: value for key, value in mapping["data"].items() if key not in _REPEATED}
    chosen = [data, mapping["model"], mapping.get("loss"), mapping["optimizer"].get("name"), backend_of(mapping)]
    chosen += [mapping.get("ensemble", 1)]
    return json.dumps(chosen, sort_keys=True, default=str)


def _in_process(jobs: Sequence[Job], work: Sequence[Work], hardware: Hardware, threads: int) -> list[dict[str, Any]]:
    """Rehearse jobs of one backend where nothing is left behind: Keras stays out of the coordinator."""
    way = context(hardware, for_trial=True)
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = start_process(way, _rehearse, (theirs, work, threads), "rnnexp preflight")
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


def _rehearse(out: Connection, work: Sequence[Work], threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    logging.getLogger("rnnexp").setLevel(logging.ERROR)
    for answer in _rehearse_all(work, threads):
        out.send(answer)
    out.close()


def _rehearse_all(work: Sequence[Work], threads: int) -> Iterator[dict[str, Any]]:
    """Yield what each job says of its network, or why it cannot be built."""
    from rnnexp.runner.trial import try_run

    for mapping, epochs in work:
        try:
            registry.load_plugins(list(mapping.get("plugins") or []))
            yield asdict(try_run(parse(mapping), threads, epochs))
        except RnnexpError as error:
            yield {"code": error.exit_code, "error": list(getattr(error, "problems", None) or [str(error)])}
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin's network that cannot be built is a mistake to be shown, not a crash
            known = foreseen(error)
            code = known.exit_code if isinstance(known, ResourceError) else ConfigError.exit_code
            told = known or describe(error, registry.list_plugins())
            yield {"code": code, "error": [f"the network cannot be built: {told}"]}
