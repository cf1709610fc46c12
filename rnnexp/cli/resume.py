"""`rnnexp resume RUN`: go on with a run that was ended before its time, or with one that has ended for more epochs."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace, _SubParsersAction

from rnnexp.cli import given_run
from rnnexp.cli.streams import write_log
from rnnexp.errors import ConfigError, ResourceError

log = logging.getLogger("rnnexp")


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "resume",
        description="Go on with a run from its newest checkpoint, in its folder and as the same run of the tracking "
        "store. One that has come to its end goes on for more epochs: trainer.epochs=300 after 200 is, on the CPU and "
        "with a constant learning rate, to the bit what 300 in one go would have been. Only trainer.epochs, the "
        "patience of early stopping, tracking.*, data.path and data.root may change. A sweep goes on by its command.",
        epilog="examples: rnnexp resume last   rnnexp resume sine_lstm-3fa2c1 trainer.epochs=300",
    )
    parser.add_argument("run", metavar="RUN", help="folder of a run, its name, its id, the beginning of one, or last")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="what changes: trainer.epochs=300")
    given_run.add_plugins(parser)
    given_run.add_uri(parser)


def run(args: Namespace) -> int:
    from rnnexp import strict
    from rnnexp.cli.taken import command_line
    from rnnexp.config.overrides import changes
    from rnnexp.deploy.trained import CONFIG, Asked, read_experiment
    from rnnexp.run_folder import hold
    from rnnexp.runner.longer import apply_changes, has_other_rates, take_up_again
    from rnnexp.sweeps.lookup import find_folder

    given = changes(args.overrides, "")
    found = find_folder(args.run, args.uri)
    if found.sweep is not None:
        raise ConfigError(f"{found.name}: a sweep and its jobs go on by the sweep's own command, given again")
    folder = found.folder
    asked = Asked(args.run, "resume", args.uri, given_run.plugins(args))
    before = read_experiment(asked, strict.read_text(folder, CONFIG, strict.MAX_YAML), str(folder))
    now = apply_changes(before, given)
    _refuse_masked(now.tracking.uri)
    with hold(folder), write_log(folder):
        unfinished = take_up_again(folder, before, now)
        if has_other_rates(before, now, unfinished.epoch):
            log.warning(
                "schedule %s was laid out for %d epochs, and is for %d from here on: the result is not that of %d in "
                "one go",
                *(now.schedule.name, before.trainer.epochs, now.trainer.epochs, now.trainer.epochs),
            )
        from rnnexp import runner, runtime
        from rnnexp.cli.summary import summary

        runtime.lean = not now.plugins
        result = runner.run(now, command=command_line(), unfinished=unfinished)
        for line in summary(result):
            log.info("%s", line)
    if result.problem:
        raise ResourceError(result.problem)
    return 0


def _refuse_masked(uri: str | None) -> None:
    """Raise ConfigError for an address whose password was not written down."""
    from rnnexp.redact import MASK

    if uri and MASK in uri:
        raise ConfigError(f"tracking.uri: the run keeps it without its secrets ({uri}); give it again: tracking.uri=…")
