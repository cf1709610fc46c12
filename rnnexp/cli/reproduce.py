"""`rnnexp reproduce RUN`: train a run again, and compare every number that it has logged."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rnnexp.cli import given_run

if TYPE_CHECKING:
    from rnnexp.config.settings import Experiment
    from rnnexp.deploy.reproduce import Conditions, Original, Verdict

SHOWN = 5  # numbers that differ


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "reproduce",
        description="Train a finished run again with its own configuration and seed, and compare every number that "
        "it has logged. On a CPU with the same data, code and versions all are equal to the last bit: exit code 0, "
        "else 1. Where something is not as it was, that is said, and numbers that differ are called not comparable. "
        "Data that have changed are refused (exit code 3).",
        epilog="examples: rnnexp reproduce last   rnnexp reproduce sine_lstm-3fa2c1 --check",
    )
    parser.add_argument("run", metavar="RUN", help=given_run.PLACE)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="train in a temporary folder; no run is kept or tracked")
    how.add_argument("--dry-run", action="store_true", help="compare data, code and versions only, train nothing")
    given_run.add_plugins(parser)
    given_run.add_uri(parser)


def run(args: Namespace) -> int:
    from rnnexp.deploy.reproduce import compare_conditions, compare_numbers, find_original, read_numbers

    original = find_original(given_run.asked(args, "reproduce"))
    conditions = compare_conditions(original)
    print("\n".join(_describe(original, conditions)), flush=True)
    if args.dry_run:
        return 1 if conditions.changed else 0
    with _choose_place(original.repeated(), check=args.check) as (experiment, folder):
        _train(experiment, folder)
        verdict = compare_numbers(original.numbers, read_numbers(folder))
    print("\n".join(_judge(verdict, conditions)))
    if not args.check:
        print(f"the second run: {folder}")
    return 0 if verdict.is_equal else 1


def _describe(original: Original, conditions: Conditions) -> Iterator[str]:
    yield f"{original.called}: {len(original.numbers):,} numbers to compare"
    yield from (f"  {what:<8} {text}" for what, text in conditions.told.items())


@contextmanager
def _choose_place(experiment: Experiment, *, check: bool) -> Iterator[tuple[Experiment, Path]]:
    """Give the run a folder: one of its own beside the others, or one that is gone afterwards, with all of it."""
    from rnnexp import runner

    if not check:
        yield experiment, runner.make_run_folder(experiment.name)
        return
    with TemporaryDirectory(prefix="rnnexp-reproduce-", ignore_cleanup_errors=True) as folder:
        own = replace(experiment.tracking, name="mlflow", mode="online", uri=f"sqlite:///{folder}/mlflow.db")
        yield replace(experiment, tracking=replace(own, log_model=False)), Path(folder)


def _train(experiment: Experiment, folder: Path) -> None:
    from rnnexp import runner, runtime
    from rnnexp.cli.taken import command_line
    from rnnexp.runtime.run_log import write_log

    runtime.lean = not experiment.plugins
    with write_log(folder, is_command=True), runtime.compute_anew():
        runner.run(experiment, folder, command=command_line())


def _judge(verdict: Verdict, conditions: Conditions) -> Iterator[str]:
    if verdict.is_equal:
        yield f"\nequal: all {verdict.compared:,} numbers, to the last bit"
        yield from (f"  although {reason}" for reason in conditions.changed)
        return
    word = "not comparable" if conditions.changed else "differs"
    yield f"\n{word}: {len(verdict.differing):,} of {verdict.compared:,} numbers are not the same; the first:"
    for step, name, then, now in verdict.differing[:SHOWN]:
        yield f"  {name} {f'of epoch {step}' if step else 'at the end'}: {_show(then)} then, {_show(now)} now"
    yield from (f"  {reason}" for reason in conditions.changed)


def _show(value: float | None) -> str:
    return "not logged" if value is None else f"{value!r}"
