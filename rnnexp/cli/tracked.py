"""The commands that read what is tracked: runs, results, compare, diff, best, report, plot."""

from __future__ import annotations

import json
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.cli import given_run
from rnnexp.errors import ConfigError
from rnnexp.paths import short_name

if TYPE_CHECKING:
    from rnnexp.compare.difference import Pair
    from rnnexp.compare.groups import Comparison

FLAGS = {"Markdown": "md", "CSV": "csv", "JSON": "json"}


def add_parser(subparsers: _SubParsersAction) -> None:
    _add_commands_on_runs(partial(_command, subparsers))
    _add_commands_on_sweeps(partial(_command, subparsers))


def _command(subparsers: _SubParsersAction, run: Callable[[Namespace], int], **texts: Any) -> ArgumentParser:
    """Add the sub-command that a function answers, under its name."""
    parser: ArgumentParser = subparsers.add_parser(run.__name__, **texts)
    parser.set_defaults(command=run)
    return parser


def _add_commands_on_runs(command: Callable[..., ArgumentParser]) -> None:
    parser = command(runs)
    parser.add_argument("--filter", help='an expression such as "metrics.test/rmse < 0.2" or "params.seed = \'0\'"')
    parser.add_argument("--limit", type=_positive, default=20, metavar="N", help="lines to show; default: 20")
    given_run.add_store(parser)

    parser = command(diff)
    parser.add_argument(
        "a",
        help="id of a run, the beginning of its id, its name (of several, the latest), or last; or an experiment as it "
        "was in a commit, COMMIT:experiments/NAME.yaml, of which the configuration is compared",
    )
    parser.add_argument("b", help="the other one")
    given_run.add_store(parser)

    parser = command(
        plot,
        description="Plot the figures of a finished run from its model, with the data read again, and store them "
        "under figures/ with the run. For runs that have none: a vectorized sweep plots only the best run of each "
        "group, and tracking.figures=false plots none. With --data: the data of a configuration, before anything is "
        "trained. Of a sweep: the effective memory of its networks, side by side.",
        epilog="examples: rnnexp plot lstm-u32-lr1e-3-a1b2 -o figures   rnnexp plot --data experiment=airline_lstm",
    )
    named = "id of a run, the beginning of its id, its name (of several, the latest), or last"
    parser.add_argument("run", nargs="?", help=named)
    parser.add_argument(
        "--data", nargs="+", metavar="KEY=VALUE", help="as for `rnnexp train`: experiment=NAME data.path=…"
    )
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FOLDER", help="write the figures there, and do not change the run"
    )
    given_run.add_plugins(parser)
    given_run.add_store(parser, "print JSON: the run, the figures and where they are")


def _add_commands_on_sweeps(command: Callable[..., ArgumentParser]) -> None:
    parser = command(results)
    parser.add_argument("experiments", nargs="*", help="names of experiments; default: all that are tracked")
    _add_forms(parser, "Markdown", "JSON")

    parser = command(compare)
    parser.add_argument(
        "what",
        nargs="?",
        metavar="SWEEP | FILTER",
        help="name of a sweep, its beginning or its run's id; or a filter such as \"params.model.name = 'lstm'\"; "
        "default: the latest sweep",
    )
    _add_forms(parser, "Markdown", "CSV", "JSON")

    parser = command(best, epilog="rnnexp best > experiments/winner.yaml && rnnexp train experiment=winner")
    given_run.add_sweep(parser, "; or a single run, of which the configuration is printed")
    given_run.add_store(parser, "print JSON: the whole configuration and its scores")

    parser = command(report)
    given_run.add_sweep(parser)
    parser.add_argument("-o", "--output", type=Path, help="file to write; default: <sweep>.html")
    given_run.add_store(parser, "print JSON: the sweep, the file and its size")


def _add_forms(parser: ArgumentParser, *names: str) -> None:
    """Let a table be of another metric, and be printed in one of several forms."""
    parser.add_argument("--metric", metavar="NAME", help="score to show, such as test/mae; default: the runs' first")
    given_run.add_uri(parser)
    form = parser.add_mutually_exclusive_group()
    for name in names:
        form.add_argument(f"--{FLAGS[name]}", action="store_true", help=f"print {name}")


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"`{text}` is not a number of lines; give 1 or more")
    return int(text)


def runs(args: Namespace) -> int:
    """List the latest runs, one line each, sweeps folded."""
    from rnnexp.compare.complete import unseen
    from rnnexp.compare.listing import HEAD, entries
    from rnnexp.compare.table import aligned
    from rnnexp.tracking.liveness import tell_untold

    found = entries(args.uri, args.filter, args.limit)
    notes = [*tell_untold(sum(one.untold for one in found)), *(unseen(args.uri, args.filter) if args.filter else ())]
    if args.json:
        print(json.dumps([{**asdict(entry), "started": entry.started.isoformat()} for entry in found], indent=2))
    elif found:
        print(aligned([HEAD, *(entry.cells() for entry in found)]))
    else:
        print("no run fits the filter" if args.filter else "no runs are tracked here; start with: rnnexp train")
    if not args.json:
        print("".join(f"note: {note}\n" for note in notes), end="")
    return 0


def results(args: Namespace) -> int:
    """Print what the tracked experiments have reached, seeds together, beside their best baseline."""
    from rnnexp.compare.complete import completed
    from rnnexp.compare.results import markdown, notes, rows, text
    from rnnexp.task import find_metric
    from rnnexp.tracking.find import finished_runs
    from rnnexp.tracking.query import with_metric

    found = completed(args.uri, finished_runs(args.uri))
    runs = with_metric(args.uri, found.runs, args.metric)
    metric = find_metric(args.metric, {name for run in runs for name in run.metrics}) if args.metric else None
    table = [row for row in rows(runs, metric) if not args.experiments or row.experiment in args.experiments]
    if args.json:
        print(json.dumps([{**asdict(row), "verdict": row.verdict} for row in table], indent=2))
    elif args.md:
        print(markdown(table))
    elif table:
        print("\n".join([text(table), *(f"note: {note}" for note in (*notes(table), *found.notes()))]))
    else:
        print("no results are tracked here (jobs of a search: rnnexp compare); start with: rnnexp train")
    return 0


def compare(args: Namespace) -> int:
    """Print what differs between runs, seeds and folds together, and which is best."""
    from rnnexp.cells import comma_separated
    from rnnexp.compare.find import chosen
    from rnnexp.compare.shown import cells, numbers, plain
    from rnnexp.compare.table import markdown

    comparison, sweep = chosen(args.uri, args.what, args.metric)
    if args.json:
        print(json.dumps({"sweep": sweep.name if sweep else None, **plain(comparison)}, indent=2))
    elif args.csv:
        print(comma_separated(numbers(comparison)))
    elif args.md:
        print(markdown(cells(comparison)))
    else:
        print("\n".join(_compared(comparison, sweep.name if sweep else None)))
    return 0


def _compared(comparison: Comparison, sweep: str | None) -> Iterator[str]:
    """Yield the table, what it says, and what to mind."""
    from rnnexp.compare.shown import cells, verdict
    from rnnexp.compare.table import aligned

    if sweep:
        yield f"sweep {sweep}\n"
    yield f"{aligned(cells(comparison))}\n\n{verdict(comparison)}"
    yield from (f"note: {note}" for note in comparison.notes)


def diff(args: Namespace) -> int:
    """Print two runs side by side, only what differs."""
    from rnnexp.compare.at_commit import is_of_commit
    from rnnexp.compare.complete import completed
    from rnnexp.compare.difference import difference
    from rnnexp.tracking import find

    if is_of_commit(args.a) or is_of_commit(args.b):
        return _diff_configurations(args)
    a, b = find.run(args.uri, args.a), find.run(args.uri, args.b)
    found = difference(args.uri, a, b)
    if args.json:
        named = {key: {"run": one.run_id, "name": one.name} for key, one in {"a": a, "b": b}.items()}
        topics = {topic: {pair.key: {"a": pair.a, "b": pair.b} for pair in them} for topic, them in found.items()}
        print(json.dumps(named | topics, indent=2, default=str))
    else:
        print("\n".join(_differing([f"{one.name} ({one.run_id[:8]})" for one in (a, b)], found)))
        print("".join(f"note: {note}\n" for note in completed(args.uri, (a, b)).notes()), end="")
    return 0


def _diff_configurations(args: Namespace) -> int:
    """Print what differs between the configurations of two runs or experiments."""
    from rnnexp.compare.at_commit import is_of_commit, read_values
    from rnnexp.compare.difference import pairs, read_configuration

    texts = (args.a, args.b)
    values = [read_values(one) if is_of_commit(one) else read_configuration(args.uri, one) for one in texts]
    found = {"config": pairs(*values)}
    if args.json:
        print(json.dumps({pair.key: {"a": pair.a, "b": pair.b} for pair in found["config"]}, indent=2, default=str))
    else:
        print("\n".join(_differing([*texts], found)))
    return 0


def _differing(names: list[str], found: Mapping[str, list[Pair]]) -> Iterator[str]:
    """Yield one table for all topics, so that their columns are in line, with what is the same at the end."""
    from rnnexp.compare.difference import cells
    from rnnexp.compare.table import aligned

    rows = [["", *names, "change"]]
    for topic, them in found.items():
        rows += [["", "", "", ""], [topic, "", "", ""], *cells(them, change=topic == "metrics")] if them else []
    yield aligned(rows)
    if same := [topic for topic, them in found.items() if not them]:
        yield f"\nthe same: {', '.join(same)}"


def best(args: Namespace) -> int:
    """Print the best setting of a sweep, or what a run was trained with, as an experiment ready to commit and run."""
    from rnnexp.compare.find import find_single, sweep
    from rnnexp.compare.winner import winner, write_run

    if run := find_single(args.uri, args.sweep):
        config, text = write_run(args.uri, run)
        print(
            json.dumps({"run": run.run_id, "config": config, "experiment": text}, default=str) if args.json else text,
            end="",
        )
        return 0
    found = sweep(args.uri, args.sweep)
    won = winner(args.uri, found)
    if args.json:
        scores = asdict(won.group.scores) if won.group.scores else None
        whole: dict[str, Any] = {"sweep": found.name, "objective": found.goal.metric, "scores": scores}
        whole |= {"run": won.run.run_id, "config": won.config, "experiment": won.text}
        print(json.dumps(whole, indent=2, default=str))
    else:
        print(won.text, end="")
    return 0


def report(args: Namespace) -> int:
    """Write a sweep on one self-contained HTML page."""
    from rnnexp.compare.find import sweep
    from rnnexp.compare.report import html

    found = sweep(args.uri, args.sweep)
    file = args.output or Path(short_name(re.sub(r"[^\w.-]", "_", found.name)) + ".html")
    text = html(args.uri, found)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}; choose another with -o FILE") from None
    if args.json:
        print(json.dumps({"sweep": found.name, "file": str(file), "bytes": file.stat().st_size}))
    else:
        print(f"wrote {file} ({file.stat().st_size / 1000:.0f} kB)")
    return 0


def plot(args: Namespace) -> int:
    """Draw the pictures of a finished run from its model."""
    from rnnexp.compare.plot import plot, plot_data

    if (args.run is None) == (args.data is None):
        raise ConfigError("give a run, or --data with what chooses data: rnnexp plot --data experiment=airline_lstm")
    if args.data:
        files, notes = plot_data(args.data, args.out)
        print(json.dumps({"files": [*map(str, files)], "notes": [*notes]}) if args.json else "\n".join(map(str, files)))
        print("".join(f"note: {note}\n" for note in notes), end="", file=sys.stderr)
        return 0
    done = plot(args.uri, args.run, given_run.plugins(args), args.out)
    if args.json:
        about = {"run": done.run.run_id, "name": done.run.name, "figures": list(done.names)}
        print(json.dumps({**about, "places": list(done.places), "note": done.note}, indent=2))
        return 0
    print(f"{done.run.name} ({done.run.run_id[:8]}): drew {', '.join(done.names)}")
    print("\n".join(f"  {place}" for place in done.places))
    if done.note:
        print(f"note: {done.note}", file=sys.stderr)
    return 0
