"""What a sweep leaves in its folder and in its run once its jobs have ended: table, best job, importance, report."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from rnnexp import tracking
from rnnexp.compare.differ import REPEATS
from rnnexp.runtime.startup import wait_for_packages
from rnnexp.sweeps import parent, table, words
from rnnexp.sweeps.changed import describe_changes
from rnnexp.sweeps.definition import FILE
from rnnexp.sweeps.facts import Facts
from rnnexp.sweeps.state import Best, JobState, State, write_whole
from rnnexp.tracking.moved import NOTE
from rnnexp.tracking.query import MIXED

log = logging.getLogger("rnnexp")


def import_early(varied: Sequence[str]) -> None:
    """Import in a thread what the end of a sweep needs, while its jobs run elsewhere."""
    several = len(set(varied) - set(REPEATS)) > 1
    threading.Thread(target=_import, args=(several,), name="rnnexp closing", daemon=True).start()


def _import(several: bool) -> None:
    with wait_for_packages():
        import pandas  # noqa: F401

        from rnnexp.compare import find, importance, pictures, report, stats  # noqa: F401

        pictures.import_drawing()
        stats.import_intervals()
        if several:
            importance.import_evaluator()


def log_results(run: tracking.Run, state: State, facts: Facts, best: Best | None) -> None:
    """Write the table; the sweep's own run shows its best child, and how much each key matters."""
    jobs = list(state.jobs.values())
    path = run.folder / words.TABLE
    path.parent.mkdir(exist_ok=True)
    write_whole(path, table.csv_text(jobs, facts.objective))
    run.log_file(path, "tables")
    run.log_file(run.folder / FILE)
    if mixed := "; ".join(describe_changes(state)):
        run.set_tags({MIXED: mixed})
    if best is not None:
        run.log_summary(parent.best_metrics(best.job))
    _log_importance(run, jobs)


def _log_importance(run: tracking.Run, jobs: Sequence[JobState]) -> None:
    from rnnexp.compare.importance import importance

    scored = [job for job in jobs if job.status in ("done", "pruned") and job.value is not None]
    points = [{k: v for k, v in job.values.items() if k not in ("seed", "data.fold", "data.folds")} for job in scored]
    shares = importance(points, [float(job.value or 0.0) for job in scored])
    run.log_summary({f"importance/{key}": share for key, share in shares.items()})


def log_report(run: tracking.Run, uri: str | None) -> None:
    """Write the report of what the store has of the sweep."""
    from rnnexp.compare import find, report

    if not run.run_id:
        return
    try:
        found = find.sweep(uri, str(run.run_id))
        run.set_tags({NOTE: parent.describe_end(found.compared(), run.description)})
        text = report.html(uri, found)
    except Exception as error:  # the jobs are done and tracked: a picture must not turn that into a failure
        log.warning("the report could not be written: %s: %s", type(error).__name__, error)
        return
    path = run.folder / "report.html"
    write_whole(path, text)
    run.log_file(path)
