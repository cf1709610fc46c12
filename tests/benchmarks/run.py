"""Measure ours and the others in turn and write a Markdown table: python -m tests.benchmarks.run --peers ENVIRONMENT"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from . import memory, table
from .contestants import Contestant, Work
from .measure import in_turn, measure, warm_up
from .works import Places, works

ROOT = Path(__file__).parents[2]
FIELDS = ("name", "runs", "of", "target", "best_of_all")  # of a contestant, kept for the table


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if args.table:
        return _show(json.loads(args.table.read_text()), args.readme)
    every = works(Places(args.yardsticks.resolve(), args.data.resolve()), args.quick)
    names = [work.name for work in every] + ["memory"]
    unknown = set(args.only) - set(names)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}", file=sys.stderr)
        return 2
    chosen = args.only or names
    scratch = Path(tempfile.mkdtemp(prefix="rnnexp-benchmarks-"))
    results = _results(args, [work for work in every if work.name in chosen], scratch, "memory" in chosen)
    if not [error for error in errors(results) if error]:
        shutil.rmtree(scratch)  # otherwise what a failed contestant said is kept there
    return _show(results, args.readme)


def _show(results: dict[str, Any], readme: Path | None) -> int:
    print(report(results))
    if readme:
        readme.write_text(table.put_into_readme(readme.read_text(), results["works"], results["machine"]))
    return 0


def errors(results: dict[str, Any]) -> Iterator[str]:
    for work in results["works"]:
        yield from (x["error"] for contestant in work["contestants"] for x in contestant["measured"])
    yield results.get("memory", {}).get("error", "")


def report(results: dict[str, Any]) -> str:
    lines = [table.markdown(results["works"])] if results["works"] else []
    lines.append(results["machine"])
    if results.get("memory"):
        lines.append(memory.sentence(results["memory"]))
    return "\n".join(lines)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="python -m tests.benchmarks.run", description=__doc__)
    parser.add_argument("--peers", type=Path, help="environment made from peers.txt; without it only ours is measured")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="pieces of work; memory is one")
    parser.add_argument("--repeat", type=int, default=3, help="measurements of each contestant")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: the figures mean nothing")
    parser.add_argument("--yardsticks", type=Path, default=ROOT.parent / "shared" / "bench")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=Path("benchmarks.json"), help="results, written after each step")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write the table of earlier results again")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="put the tables in their places in it, too")
    return parser


def _results(args: Namespace, chosen: list[Work], scratch: Path, with_memory: bool) -> dict[str, Any]:
    results: dict[str, Any] = {"machine": machine(args), "works": []}
    for work in chosen:
        results["works"].append(entry := _entry(work, args))
        _measure_all(work, entry, args, scratch / work.name)
        _save(args.out, results)
    if with_memory:
        results["memory"] = memory.watch_sweep(100 if args.quick else 1000, scratch / "memory")
        _save(args.out, results)
    return results


def _measure_all(work: Work, entry: dict[str, Any], args: Namespace, scratch: Path) -> None:
    here = {x.name: x for x, kept in zip(work.contestants, entry["contestants"]) if not kept["left_out"]}
    kept = {x["name"]: x for x in entry["contestants"]}
    for name, contestant in here.items():
        _say(f"{work.name}: {name}: warming up")
        warm_up(contestant, _python(contestant, args), scratch / f"warm-{_slug(name)}")
    for turn, name in in_turn(list(here), args.repeat):
        contestant, folder = here[name], scratch / f"{turn}-{_slug(name)}"
        others = work.contestants if contestant is work.contestants[0] else ()
        found = measure(contestant, turn, _python(contestant, args), folder, others)
        kept[name]["measured"].append(asdict(found))
        _say(f"{work.name}: {name}: {found.error or f'{found.value:.1f} {work.unit}'}")


def _entry(work: Work, args: Namespace) -> dict[str, Any]:
    contestants = [
        {**{key: getattr(x, key) for key in FIELDS}, "left_out": _left_out(x, args), "measured": []}
        for x in work.contestants
    ]
    return {"name": work.name, "title": work.title, "unit": work.unit, "contestants": contestants}


def _left_out(contestant: Contestant, args: Namespace) -> str:
    if contestant.environment == "peers" and not args.peers:
        return "left out: no --peers"
    if contestant.needs and not contestant.needs.exists():
        return f"left out: no {contestant.needs.name} in --yardsticks"
    return ""


def _python(contestant: Contestant, args: Namespace) -> str:
    return sys.executable if contestant.environment == "ours" else str(args.peers.absolute() / "bin" / "python")


def machine(args: Namespace) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("jax", "keras", "mlflow"))
    size = "quick sizes, " if args.quick else ""
    return (
        f"{os.cpu_count()} CPU cores, {platform.system()}, Python {platform.python_version()}, {packages}; "
        f"{size}medians of {args.repeat}, in turn; load average {os.getloadavg()[1]:.1f} before."
    )


def _save(path: Path, results: dict[str, Any]) -> None:
    path.write_text(json.dumps(results, indent=1) + "\n")


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
