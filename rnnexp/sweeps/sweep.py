"""A sweep from its command to its table: the lines of `sweep` tell the whole story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rnnexp import tasks, tracking
from rnnexp.config.parse import parse
from rnnexp.errors import ConfigError, RnnexpError
from rnnexp.run_folder import hold
from rnnexp.runner.record import name_experiment
from rnnexp.runtime import interrupts
from rnnexp.runtime.digests import find_changes
from rnnexp.stopping import heed_stop, name_resuming
from rnnexp.sweeps import closing, hydra_settings, parent, preflight, words
from rnnexp.sweeps.changed import hash_inputs, record_inputs, refuse_changes
from rnnexp.sweeps.coordinator import Coordinator
from rnnexp.sweeps.definition import define, find_place, write_definition
from rnnexp.sweeps.executor import Executor, Hardware, Site
from rnnexp.sweeps.facts import Facts, Planned, facts_of, settle
from rnnexp.sweeps.jobs import Job, Planner, number_jobs, plan, without_duplicates
from rnnexp.sweeps.launcher import Launcher, default
from rnnexp.sweeps.objective import check_given
from rnnexp.sweeps.orders import Orders
from rnnexp.sweeps.outage import make_outage
from rnnexp.sweeps.read_space import read_space
from rnnexp.sweeps.request import Request
from rnnexp.sweeps.reuse import FinishedRuns, find_runs
from rnnexp.sweeps.search import Grid, search
from rnnexp.sweeps.settings import Sweep
from rnnexp.sweeps.space import Point, Space
from rnnexp.sweeps.state import JOURNAL, Journal, State
from rnnexp.sweeps.task import Task
from rnnexp.sweeps.view import View


class SweepFailed(RnnexpError):
    """Some jobs have failed; the others are done. `folder` is that of the sweep; `result` is for `rx.sweep`."""

    exit_code = 10
    folder: Path
    result: Any = None


def sweep(request: Request) -> Path | None:
    """Run what is missing of a sweep and return its folder; None after a dry run.

    Raises ConfigError with the mistakes of all jobs before the first one starts, SweepFailed at the end if jobs have
    failed, and DataError if files of the data have gone. Ctrl-C stops the jobs; the same command goes on.
    """
    planned = _planned(request)
    settings, place = request.settings, planned.place
    journal = Journal(place.folder / JOURNAL)
    if settings.is_grid:
        planned = replace(planned, jobs=number_jobs(planned.jobs, journal.state))
    inputs = hash_inputs(planned.jobs)
    if not settings.allow_data_change:
        refuse_changes(find_changes(journal.state.inputs, inputs), journal.state, place.folder)
    preflight.refuse_absent_files(_list_due(planned.jobs, settings, journal.state))
    facts, findings = _facts(planned, request, journal)
    finished = find_runs(planned, request, facts)
    for line in words.overview(planned, request, journal.state, facts, findings, finished):
        print(line, flush=True)
    if settings.dry_run:
        print("\n".join(words.listing(planned.jobs, journal.state.jobs, finished)))
        return None
    place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with hold(place.folder), heed_stop(place.folder, interrupts.ending):
        if not place.resumed or place.changes:
            write_definition(place.folder, planned.definition, request.command)
        journal = Journal(place.folder / JOURNAL)
        if (event := record_inputs(inputs, journal.state)) is not None:
            journal.append(event)
        if findings is not None:
            journal.append({"event": "facts", **asdict(facts)})
        _run(request, planned, journal, facts, finished)
    return place.folder


def _planned(request: Request) -> Planned:
    settings = request.settings
    check_given(settings.objective)
    space = read_space(request.lines, settings, request.composer.config_dir)
    around = bool(request.node) and hydra_settings.has_settings_of_jobs(request.node)
    planner = Planner(space, settings.repeats, settings.folds, request.composer, around)
    jobs = plan(planner, list(enumerate(_points(space, settings))))
    if problems := list(hydra_settings.disagreements(request.composer.nodes, request.lines)):
        raise ConfigError(*problems)
    definition = define(space, settings, settings.objective)
    place = find_place(definition, settings, request.folder)
    place.check_resume(job.mapping for job in jobs)
    ordered = space if place.kept is None else space.with_single(place.kept.swept()).in_order(list(place.kept.space))
    if ordered != space:  # the keys were typed in another order: the numbers of the jobs must stay theirs
        planner = replace(planner, space=ordered)
        jobs = plan(planner, list(enumerate(_points(ordered, settings))))
    distinct = without_duplicates(jobs)
    _check_executor(request.launcher, distinct)
    return Planned(planner, distinct, len(jobs) - len(distinct), definition, place, _hardware(distinct))


def _points(space: Space, settings: Sweep) -> list[Point]:
    """Return the points to be checked: all of a grid, otherwise the corners of the space."""
    points = Grid(space, settings).points if settings.is_grid else list(space.corners())
    if not points:
        raise ConfigError("hydra.sweeper.exclude: leaves no job at all")
    return points


def _hardware(jobs: Sequence[Job]) -> Hardware:
    first = parse(jobs[0].mapping)  # the others hardly ever have another task or store
    packages = (*tasks.of(first.data.task).packages, *tracking.list_packages(first.tracking, name_experiment(first)))
    return Hardware(
        backends=frozenset(preflight.backend_of(job.mapping) for job in jobs),
        cpu_only=all(job.mapping.get("device") == "cpu" for job in jobs),
        packages=packages,
        lean=not any(job.mapping.get("plugins") for job in jobs),
    )


def _check_executor(launcher: Launcher, jobs: Sequence[Job]) -> None:
    """Refuse what the executor cannot do: in one process, another backend, device or number of threads."""
    launcher.check()
    problems = [] if launcher.in_process else preflight.find_unseen(job.mapping for job in jobs)
    problems += preflight.find_ranks_mistakes(launcher, jobs)
    for key in ("backend", "device", "threads") if launcher.in_process else ():
        values = list(dict.fromkeys(str(job.mapping.get(key)) for job in jobs))
        if len(values) > 1:
            problems.append(
                f"hydra/launcher={launcher.name}: jobs differ in {key} ({', '.join(values)}), which a process cannot "
                f"change; use hydra/launcher={default()}"
            )
    if problems:
        raise ConfigError(*problems)


def _list_due(jobs: Sequence[Job], settings: Sweep, state: State) -> list[Job]:
    """Return the jobs that are still to be trained, of a sampler some that stand for all."""
    if not settings.is_grid:
        waits = any(settings.is_due(job.status) for job in state.jobs.values())
        return [*jobs] if waits or not state.closed or len(state.trials) < (settings.n_trials or 0) else []
    known = {number: job.status for number, job in state.jobs.items()}
    return [job for job in jobs if settings.is_due(known.get(job.number))]


def _facts(planned: Planned, request: Request, journal: Journal) -> tuple[Facts, preflight.Findings | None]:
    """Return what an earlier start has settled, else settle it now by building the networks."""
    kept = facts_of(journal.state.facts)
    jobs = [job for job in planned.jobs if job.number not in journal.state.jobs] if kept else planned.jobs
    if kept and not (request.settings.is_grid and jobs):
        return kept, None
    if not request.settings.is_grid:
        search(planned.planner.space, request.settings, "minimize")  # its name and arguments are checked
    shared = request.launcher.slots(planned.hardware)[0].threads
    first = parse(planned.jobs[0].mapping)
    tracking.import_early(first.tracking, name_experiment(first))
    findings = preflight.rehearse(jobs, planned.hardware, shared)
    return kept or settle(jobs, request.settings, findings), findings


def _coordinator(
    request: Request, planned: Planned, journal: Journal, facts: Facts, finished: FinishedRuns | None
) -> Coordinator:
    settings, planner = request.settings, planned.planner
    orders = Orders(
        folder=planned.place.folder,
        settings=settings,
        planner=planner,
        search=search(planner.space, settings, facts.direction),
        template=_template(request, planned, facts),
        direction=facts.direction,
        planned=planned.jobs if settings.is_grid else None,
        finished=finished,
    )
    return Coordinator(orders, journal, View(journal.state, facts.objective, facts.direction))


def _run(request: Request, planned: Planned, journal: Journal, facts: Facts, finished: FinishedRuns | None) -> None:
    place = planned.place
    coordinator = _coordinator(request, planned, journal, facts, finished)
    view = coordinator.view
    coordinator.prepare()
    if journal.state.closed and not coordinator.has_work and (place.folder / words.TABLE).is_file():
        is_stored = tracking.flush_jobs(parse(planned.jobs[0].mapping).tracking, place.folder, is_over=True)
        _tell(place.folder, journal.state, coordinator, view, is_stored)
        return
    first = parse(planned.jobs[0].mapping)
    told = {
        **asdict(facts),
        "varied": planned.planner.varied,
        "command": request.command,
        "jobs": coordinator.orders.count_jobs(journal.state),
    }
    info = parent.parent_info(place.folder, planned.definition, first, told, journal.state.parent)
    tracking.warm_up(first.tracking, name_experiment(first))
    code = 1
    try:
        with tracking.start(first.tracking, info) as run:
            if run.is_tracked and run.key != journal.state.parent:
                journal.append({"event": "parent", "run_id": run.key})
            coordinator.parent = journal.state.parent
            launcher = request.launcher.settled(facts.groups, request.settings.learns)
            where = _start(launcher, Site(planned.hardware, place.folder, coordinator.look_after))
            closing.import_early(planned.planner.varied)
            try:
                _work(coordinator, where, view, name_resuming(request.command))
            finally:
                closing.log_results(run, journal.state, facts, view.best())
            if coordinator.out_of_time:
                run.outcome("time_limit")
            is_stored = tracking.flush_jobs(first.tracking, place.folder) and run.flush()
            if is_stored:
                closing.log_report(run, first.tracking.uri)
            _tell(place.folder, journal.state, coordinator, view, is_stored)
        code = 0
    except KeyboardInterrupt:
        code = interrupts.find_exit_code()
        raise
    except RnnexpError as error:
        code = error.exit_code
        raise
    finally:
        journal.append({"event": "interrupted" if coordinator.interrupted else "closed", "exit_code": code})


def _start(launcher: Launcher, site: Site) -> Executor:
    """Start the executor; a plugin's `start` may forget to return it."""
    found = launcher.start(site)
    if not hasattr(found, "submit"):
        told = f"its `start` gives {type(found).__name__}, and must give an Executor"
        raise ConfigError(f"hydra/launcher={launcher.name}: {told} of rnnexp.sweeps.executor")
    return found


def _work(coordinator: Coordinator, where: Executor, view: View, again: str) -> None:
    """Run the jobs; after Ctrl-C say what goes on."""
    view.open()
    try:
        coordinator.run(where)
    except KeyboardInterrupt as stop:
        view.close()
        stop.add_note("the sweep has ended with its jobs; those that trained have a checkpoint")
        print(f"\nstopped: {view.counts()}; {again} resumes it", flush=True)
        raise
    finally:
        view.close()


def _tell(folder: Path, state: State, coordinator: Coordinator, view: View, is_stored: bool) -> None:
    """Say how the sweep went and what can be done next; raise DataError if it waits for files of its data, else
    SweepFailed if jobs have failed.
    """
    for line in words.summary(folder, state, coordinator, view, is_stored):
        print(line, flush=True)
    failed = [job for job in state.jobs.values() if job.status == "failed"]
    told = words.failures(failed, folder) if failed else ""
    if coordinator.lost:
        raise make_outage(folder, coordinator.lost, coordinator.orders.template.command, told)
    if failed:
        error = SweepFailed(told)
        error.folder = folder
        raise error


def _template(request: Request, planned: Planned, facts: Facts) -> Task:
    return Task(
        number=-1,
        attempt=0,
        folder=planned.place.folder,
        mapping={},
        objective=facts.objective,
        sweep=planned.place.name,
        varied=planned.planner.varied,
        command=request.command,
    )
