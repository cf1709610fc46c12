"""`rnnexp rescore RUN 'metrics=[...]'`: metrics that nobody thought of when a run was trained."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rnnexp.cli import given_run
from rnnexp.errors import ConfigError, RnnexpError, TrackingError

if TYPE_CHECKING:
    from rnnexp.deploy.rescore import Candidate

EXAMPLE = "rnnexp rescore sine_lstm-0ab424 'metrics=[mape]'"


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "rescore",
        description="Compute further metrics of a run, or of all runs of a sweep, from its model and its own data, "
        "without training. They are added to the journal and to the store as training with them had logged them: "
        "best/val/NAME for metrics of Keras, test/NAME beside baselines for those of your own (--plugins).",
        epilog=f"example: {EXAMPLE}",
    )
    parser.add_argument("run", metavar="RUN | SWEEP", help="its folder, its name, or the beginning of its id")
    parser.add_argument("metrics", nargs="+", metavar="metrics=[NAME,...]", help="as in a configuration")
    parser.add_argument(
        "--allow-data-change",
        action="store_true",
        help="score on the data as they are now and set the tag rnnexp.rescored_data_digest",
    )
    given_run.add_plugins(parser)
    given_run.add_store(parser, "print JSON: each run, what was added, what was there")


def run(args: Namespace) -> int:
    """Score every run that can be; the exit code is that of the first that could not, unless it has no model."""
    from rnnexp.tracking.store import tracking_uri
    from rnnexp.tracking.sync import find_journals

    wanted = read_metrics(args.metrics)
    tracking_uri(args.uri)
    journals = find_journals(args.run)
    with TemporaryDirectory() as scratch:
        candidates, told = _find_candidates(args, journals, Path(scratch))
        _refuse_mistakes(wanted, candidates)
        for candidate in candidates:
            told.append(_rescore(args, candidate, wanted, alone=len(candidates) + len(told) == 1))
    if args.json:
        print(json.dumps(told, indent=2))
    else:
        print("\n".join(_write_line(one) for one in told))
    return next((one["code"] for one in told if one["code"] not in (0, ConfigError.exit_code)), 0)


def read_metrics(words: Sequence[str]) -> list[str]:
    """Return the names in `metrics=[...]`."""
    from rnnexp.config.overrides import changes

    given = changes(words, "")
    if others := [key for key in given if key != "metrics"]:
        raise ConfigError(f"{others[0]}: only `metrics` can be asked of a trained run: {EXAMPLE}")
    value = given["metrics"]
    found = value if isinstance(value, list) else [value]
    if not found:
        raise ConfigError(f"metrics: is empty; name at least one: {EXAMPLE}")
    if strange := [one for one in found if not isinstance(one, str)]:
        raise ConfigError(f"metrics: {strange[0]!r} given; must be names, whose settings are their defaults: {EXAMPLE}")
    return list(dict.fromkeys(found))


def _find_candidates(
    args: Namespace, journals: Sequence[Any], scratch: Path
) -> tuple[list[Candidate], list[dict[str, Any]]]:
    """Look at all runs; one of several that has no model, for one, is told and left out."""
    from rnnexp.deploy.rescore import choose_members, find_candidate

    members = choose_members(journals)
    if not members:
        raise ConfigError(f"{args.run}: is a sweep without any run of a job; there is nothing to score")
    found, left = [], []
    for journal in members:
        try:
            found.append(find_candidate(given_run.asked(args, "rescore"), journal, scratch))
        except RnnexpError as error:
            if len(members) == 1:
                raise
            left.append(_describe(journal, note=str(error), code=error.exit_code))
    if not found:
        raise ConfigError(*(one["notes"][0] for one in left[:3]))
    return found, left


def _refuse_mistakes(wanted: Sequence[str], candidates: Sequence[Candidate]) -> None:
    from rnnexp.deploy.rescore import find_mistakes

    if problems := [problem for one in candidates for problem in find_mistakes(wanted, one.trained.spec)]:
        raise ConfigError(*dict.fromkeys(problems))


def _rescore(args: Namespace, candidate: Candidate, wanted: Sequence[str], *, alone: bool) -> dict[str, Any]:
    """Score a run and complete the store; what goes wrong with one of several is told, and the others go on."""
    from rnnexp.deploy.rescore import score_again
    from rnnexp.tracking.sync import fill_store

    try:
        done = score_again(candidate, wanted, allow_change=args.allow_data_change)
        (stored,) = fill_store([candidate.journal], args.uri, None)
    except RnnexpError as error:
        if alone:
            raise
        return _describe(candidate.journal, note=str(error), code=error.exit_code)
    about = _describe(candidate.journal, code=0 if stored.complete else TrackingError.exit_code)
    notes = [*done.notes, *filter(None, [stored.note])]
    return {**about, "added": dict(done.added), "known": list(done.known), "notes": notes}


def _describe(journal: Any, note: str = "", code: int = 0) -> dict[str, Any]:
    begun: Mapping[str, Any] = journal.begun or {}
    about = {"name": str(begun.get("name", journal.folder.name)), "run_id": journal.stored.run_id}
    return {**about, "added": {}, "known": [], "notes": [note] if note else [], "code": code}


def _write_line(one: Mapping[str, Any]) -> str:
    shown = [f"{key} {value:.6g}" for key, value in one["added"].items() if not key.startswith("baseline/")]
    known = [f"{name} is there already" for name in one["known"]]
    return f"{one['name']} ({(one['run_id'] or '')[:8]}): {'; '.join([*shown, *known, *one['notes']]) or 'nothing new'}"
