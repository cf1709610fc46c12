"""`rnnexp resume RUN`: go on with a run that was ended before its time, or with one that has ended for more epochs."""

from __future__ import annotations

import logging
import shlex
from argparse import ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.cli import given_run
from rnnexp.errors import ConfigError, ResourceError

if TYPE_CHECKING:
    from rnnexp.sweeps.lookup import FoundFolder

log = logging.getLogger("rnnexp")


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "resume",
        description="Resume a run from its newest checkpoint, in its folder and as the same run of the tracking store. "
        "A finished run can be trained for more epochs: trainer.epochs=300 after 200 gives, on the CPU and with a "
        "constant learning rate, bit for bit the result of 300 epochs in one run. Only trainer.epochs, the "
        "patience of early stopping, tracking.*, data.path and data.root may change. Of a sweep, what is missing is "
        "run: its command is given again.",
        epilog="examples: rnnexp resume last   rnnexp resume sine_lstm-3fa2c1 trainer.epochs=300",
    )
    parser.add_argument(
        "run", metavar="RUN", help="folder of a run or sweep, its name, its id, the beginning of one, or last"
    )
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
    from rnnexp.runtime.run_log import write_log
    from rnnexp.sweeps.lookup import find_folder

    given = changes(args.overrides, "")
    found = find_folder(args.run, args.uri)
    if found.sweep is not None:
        return _resume_sweep(found, found.sweep, given)
    folder = found.folder
    asked = Asked(args.run, "resume", args.uri, given_run.plugins(args))
    before = read_experiment(asked, strict.read_text(folder, CONFIG, strict.MAX_YAML), str(folder))
    now = apply_changes(before, given)
    _refuse_masked(now.tracking.uri)
    with hold(folder), write_log(folder, is_command=True):
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


def _resume_sweep(found: FoundFolder, sweep: Path, given: Mapping[str, Any]) -> int:
    """Give the command of a sweep again. Raises ConfigError if it cannot be given from here."""
    from rnnexp.cli import train
    from rnnexp.redact import MASK
    from rnnexp.sweeps.definition import ROOT
    from rnnexp.sweeps.follow import SweepReader

    command = SweepReader(sweep).command
    if given or not found.is_sweep:
        asked = f"{', '.join(given)} cannot change" if given else "its jobs are resumed together"
        raise ConfigError(f"{found.name}: {asked}; all that is missing of its sweep: rnnexp resume {sweep.name}")
    if sweep.parent != Path.cwd() / ROOT and "hydra.sweep.dir=" not in command:
        raise ConfigError(
            f"{sweep}: a sweep is resumed in the folder where it was started; change to {sweep.parents[2]}"
        )
    program, *words = shlex.split(command)
    if program != "rnnexp" or words[:1] != ["train"] or MASK in command:
        raise ConfigError(f"{found.name}: the command is not known as it was typed; give it again: {command}")
    print(f"rnnexp {shlex.join(words)}", flush=True)
    return train.run(words[1:])


def _refuse_masked(uri: str | None) -> None:
    """Raise ConfigError for an address whose password was not written down."""
    from rnnexp.redact import MASK

    if uri and MASK in uri:
        raise ConfigError(f"tracking.uri: the run keeps it without its secrets ({uri}); give it again: tracking.uri=…")
