"""What experiments that `init` writes are worth, untuned: `python -m tests.untuned --data FOLDER --out FILE.json`.

For each named set and seed `rnnexp init` writes an experiment, which is trained and scored beside every baseline.
Results are written as they come, and what --out holds already is not run again. Needs JAX alone of the backends.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.gpu.processes import Clock, Ended
from tests.untuned.job import SCORES
from tests.untuned.pool import Words, run_jobs
from tests.untuned.sets import SETS
from tests.untuned.verdict import Found, describe_seed, list_summary, list_table

JOB = Path(__file__).parent / "job.py"
SEEDS = 5
FIXED = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")

Results = dict[str, dict[str, Found]]  # by set and seed


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.untuned", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SETS, default=list(SETS), metavar="NAME", help=", ".join(SETS))
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N")
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("RNNEXP_DATA"), metavar="FOLDER", help="default: RNNEXP_DATA"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes at the same time")
    parser.add_argument("--out", type=Path, default=Path("untuned.json"), metavar="FILE", help="all figures")
    parser.add_argument("--limit", type=float, default=float("inf"), metavar="SECONDS", help="of one set and seed")
    parser.add_argument("--within", type=float, default=float("inf"), metavar="SECONDS", help="all of it")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    parser.add_argument("words", nargs="*", help="after --: more for `rnnexp train`, such as callbacks=null")
    given = parser.parse_args(words)
    if given.data is None or not given.data.is_dir():
        parser.error("--data: no folder of data; give one, or set RNNEXP_DATA")
    if given.seeds < 1 or given.jobs < 1:
        parser.error("--seeds and --jobs: give 1 or more")
    return given


def list_jobs(given: argparse.Namespace, known: Results, folder: Path) -> list[tuple[str, Words]]:
    """Return what is to be run, the longest first where several run at the same time."""
    names = [name for name in given.only if any(str(seed) not in known.get(name, {}) for seed in range(given.seeds))]
    if given.jobs > 1:
        names.sort(key=lambda name: -SETS[name].seconds)
    jobs = []
    for name in names:
        place = folder / "data" / name
        place.mkdir(parents=True)
        file = SETS[name].prepare(given.data.absolute(), place)
        fixed = [*FIXED, f"device={given.device}", *given.words]
        asked = {"file": str(file), "name": f"untuned_{name}", "init": list(SETS[name].words)}
        for seed in (seed for seed in range(given.seeds) if str(seed) not in known.get(name, {})):
            jobs.append((f"{name}.{seed}", partial(_command, {**asked, "train": [f"seed={seed}", *fixed]})))
    return jobs


def _command(asked: dict, cores: Sequence[int]) -> list[str]:
    return [str(JOB), json.dumps({**asked, "cores": list(cores)})]


def read_scores(ended: Ended) -> Found:
    """Return what a job has printed, or why it has printed nothing."""
    lines = [line.removeprefix(SCORES) for line in ended.output.splitlines() if line.startswith(SCORES)]
    if ended.error or not lines:
        return {"error": ended.error or "failed: it printed no scores", "seconds": {"all": ended.seconds}}
    found: Found = json.loads(lines[-1])
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run all jobs, write and print them as they end, then the table and the aims; 1 if one has failed."""
    given = parse(words)
    kept: Results = json.loads(given.out.read_text(encoding="utf-8")) if given.out.exists() else {}
    known = {name: {seed: row for seed, row in rows.items() if "error" not in row} for name, rows in kept.items()}
    clock = Clock(given.within)
    with tempfile.TemporaryDirectory() as folder:
        jobs = list_jobs(given, known, Path(folder))
        for job, ended in run_jobs(jobs, given.jobs, Path(folder) / "jobs", given.limit, clock):
            name, _, seed = job.rpartition(".")
            known.setdefault(name, {})[seed] = read_scores(ended)
            print(describe_seed(job, known[name][seed]), flush=True)
            _write(given.out, known)
    shown = {name: known[name] for name in SETS if known.get(name)}
    print("", *list_table(shown), "", *list_summary(shown), sep="\n")
    return int(any(row.get("error", "").startswith("failed") for rows in shown.values() for row in rows.values()))


def _write(path: Path, results: Results) -> None:
    """Write all at once: a run may be stopped at any time."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the jobs are ended with it
    raise SystemExit(main())
