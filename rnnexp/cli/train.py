"""`rnnexp train`: pure Hydra behind a border that finds every mistake before anything heavy is imported."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException, HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rnnexp.config import compose
from rnnexp.config.overrides import Border, as_hydra_reads, choices, chosen, inspect_overrides, parsed, single_runs
from rnnexp.config.parse import parse
from rnnexp.config.source import RnnexpSearchPath
from rnnexp.errors import ConfigError, ResourceError, RnnexpError, did_you_mean
from rnnexp.failures import FAULT, foreseen, keep_trace
from rnnexp.redact import redact
from rnnexp.sweeps.plugin import Sweeps
from rnnexp.sweeps.settings import Launcher, Sweep

log = logging.getLogger("rnnexp")

SWEEP_FAILED = 10  # whatever the launcher: jobs in other processes cannot tell their own codes
LAUNCHER = "hydra/launcher="
FULL_ERROR = "HYDRA_FULL_ERROR"
SWEEP_FLAGS = ("--dry-run", "--retry-failed", "--fail-fast", "--new")  # Hydra refuses flags it does not know


class JobFailed(CompactHydraException):
    """What Hydra is told of a job that has failed; the job has said why."""


class _Outcome:
    """The exit code of the job that Hydra runs in this process."""

    code = 0


class Terminated(KeyboardInterrupt):
    """SIGTERM or a closed terminal: the run is ended as by Ctrl-C, so that its status is the truth."""


def run(argv: list[str]) -> int:
    """Train as the command line says and return the exit code."""
    args = get_args_parser().parse_args([word for word in argv if word not in SWEEP_FLAGS])
    args.overrides += _flags(argv, args.multirun)
    if not _only_shows(args):
        ours = _is_ours(args)
        lines = (check_sweep(args) if ours else check(args)).overrides()
        args.overrides = lines if ours else as_hydra_reads(lines)
    before = {number: signal.signal(number, _terminate) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        return _hydra(args)
    except Terminated:
        print("rnnexp: terminated", file=sys.stderr)
        return 143
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _flags(argv: list[str], multirun: bool) -> list[str]:
    """Turn our own flags into settings of the sweeper."""
    given = [word for word in argv if word in SWEEP_FLAGS]
    if given and not multirun:
        raise ConfigError(f"{given[0]}: is for sweeps; add -m")
    return [f"hydra.sweeper.{word.lstrip('-').replace('-', '_')}=true" for word in given]


def _is_ours(args: Namespace) -> bool:
    """Say whether our sweeper will run: it composes and checks all jobs itself."""
    chosen = [line.partition("=")[2] for line in args.overrides if line.startswith("hydra/sweeper=")]
    return bool(args.multirun) and (not chosen or chosen[-1] == "rnnexp") and not args.cfg


def check_sweep(args: Namespace) -> Border:
    """Report mistakes that can be seen without composing; the sweeper finds the others, in all of its jobs."""
    compose.load_plugins(args.overrides)
    Sweeps.config_dir = _config_dir(args)
    border = inspect_overrides(args.overrides, sweep=True, config_dir=Sweeps.config_dir)
    problems = [*border.problems, *_sweeper_problems(border.hydra)]
    if problems:
        raise ConfigError(*problems)
    return _composable(border)


def _composable(border: Border) -> Border:
    """Compose one job, which shows what Hydra alone would meet with a traceback.

    Settings of a launcher that nothing chooses are those of `local`, where the jobs run then.
    """
    try:
        with compose.hydra_state():
            compose.loaded(next(single_runs(border)), Sweeps.config_dir)
        return border
    except ConfigError as error:
        of_launcher, chosen = "hydra.launcher" in str(error), any(line.startswith(LAUNCHER) for line in border.hydra)
        if unknown := list(_launcher_problems(border.hydra)) if of_launcher else []:
            raise ConfigError(*unknown) from None
        if chosen or not of_launcher:
            raise
    return _composable(replace(border, hydra=[*border.hydra, f"{LAUNCHER}local"]))


def _sweeper_problems(lines: list[str]) -> Iterator[str]:
    """Find misspelt keys of the sweeper: Hydra's own answer recommends to add them."""
    known = Sweep.__dataclass_fields__
    for key, name in _keys("hydra.sweeper.", lines):
        if name not in known and name != "_target_":
            yield f"{key}: unknown key{did_you_mean(name, known)}"


def _launcher_problems(lines: list[str]) -> Iterator[str]:
    """Find misspelt keys of the launcher: Hydra names a class of its own instead."""
    known = Launcher.__dataclass_fields__
    for key, name in _keys("hydra.launcher.", lines):
        if name not in known:
            yield f"{key}: unknown key{did_you_mean(name, known)}"


def _keys(prefix: str, lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the keys below `prefix` that lines set, and the first name of each after it."""
    for line in lines:
        key = line.partition("=")[0].lstrip("+~")
        if key.startswith(prefix):
            yield key, key.removeprefix(prefix).partition(".")[0]


def check(args: Namespace) -> Border:
    """Report every mistake of the overrides, of a sweep's every value too, as one ConfigError."""
    compose.load_plugins(args.overrides)
    config_dir = _config_dir(args)
    border = inspect_overrides(args.overrides, sweep=args.multirun, config_dir=config_dir)
    problems: list[str] = []
    for overrides in single_runs(border):
        try:
            compose.check(Border(values=overrides), config_dir)
        except ConfigError as error:
            problems += error.problems
    problems += _stock_problems(border) if args.multirun else []
    if border.problems or problems:
        raise ConfigError(*dict.fromkeys([*border.problems, *problems]))
    return border


def _stock_problems(border: Border) -> Iterator[str]:
    """Find `schedule=null,cosine` where Hydra's own sweeper runs, which meets a job of null with a traceback."""
    for line in border.groups:
        override = parsed(line)
        if override.is_sweep_override() and len(chosen(override)) < len(list(choices(override))):
            yield f"{override.key_or_group}: Hydra's own sweeper cannot sweep over null; leave out hydra/sweeper=…"


def _config_dir(args: Namespace) -> str | None:
    if not args.config_dir:
        return None
    folder = os.path.abspath(args.config_dir)
    print(f"rnnexp: configuration is also read from {folder}; run only what you trust", file=sys.stderr)
    return folder


def _only_shows(args: Namespace) -> bool:
    return bool(args.help or args.hydra_help or args.shell_completion or args.info)


def _hydra(args: Namespace) -> int:
    logging.raiseExceptions = False  # a log that cannot be written is not worth a traceback on the terminal
    compose.setup()
    RnnexpSearchPath.active = True
    _Outcome.code = 0
    Sweeps.error, Sweeps.command = None, command_line()
    if args.shell_completion:
        _strip_subcommand()
    try:
        with _raising():
            _run_hydra(args, get_args_parser(), job, config_path=None, config_name="config")
    except SystemExit as stop:
        if args.multirun and stop.code:
            return SWEEP_FAILED
        return int(stop.code or 0) if _Outcome.code == 0 else _Outcome.code
    except (HydraException, OmegaConfBaseException) as error:
        if not args.multirun or not isinstance(error, JobFailed):
            raise ConfigError(compose.without_bad_advice(error)) from error
        print(error, file=sys.stderr)
        return SWEEP_FAILED
    finally:
        RnnexpSearchPath.active = False
    if Sweeps.error is not None:
        raise Sweeps.error
    return _Outcome.code


@contextmanager
def _raising() -> Iterator[None]:
    """Let Hydra raise what it would print itself, with a traceback."""
    before = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"
    try:
        yield
    finally:
        os.environ.pop(FULL_ERROR)
        os.environ.update({} if before is None else {FULL_ERROR: before})


def _strip_subcommand() -> None:
    """Hydra's completion knows applications without sub-commands: show it `rnnexp key=` for `rnnexp train key=`."""
    line = os.environ.get("COMP_LINE", "")
    os.environ["COMP_LINE"] = line.replace(" train ", " ", 1)


def job(config: DictConfig) -> dict[str, float] | None:
    """Run one job of Hydra's: what it reports, or the exit code of its failure, is kept for the caller."""
    hydra = HydraConfig.get()
    try:
        experiment = parse(compose.plain(config, hydra.runtime.choices.get("experiment")))
        return _trained(experiment, Path(hydra.runtime.output_dir), _words(hydra))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the one place where any failure becomes a message, a code and a log entry
        log.debug("", exc_info=not isinstance(error, RnnexpError))
        _failed(error, hydra, FAULT if not config.get("plugins") else "it may be one of your plugins")
    return None


def _words(hydra: Any) -> list[str]:
    """Return what asks for this job: folders of choices, and its overrides."""
    folders = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    return [*(f"--config-dir={folder}" for folder in folders), *hydra.overrides.task]


def _trained(experiment: Any, run_dir: Path, words: list[str]) -> dict[str, float]:
    from rnnexp import runner, runtime
    from rnnexp.cli.summary import print_summary

    runtime.lean = not experiment.plugins
    result = runner.run(experiment, run_dir=run_dir, command=command_line())
    print_summary(result, words)
    return dict(result.metrics)


def _failed(error: BaseException, hydra: Any, blame: str) -> None:
    """Say what went wrong; in a sweep Hydra must see an exception to count the job as failed."""
    known = foreseen(error)
    _Outcome.code = known.exit_code if known else 1
    message = redact(str(known) if known else f"{type(error).__name__}: {error}")
    if not isinstance(known, ResourceError | ConfigError) and known is not error:
        kept = keep_trace(error, Path(hydra.runtime.output_dir))
        message += f"\n{kept}" if known else f"\n{kept}; {blame}"
    print(f"rnnexp: {message}", file=sys.stderr)
    logging.getLogger("train").error("%s", message)  # not under "rnnexp", whose lines are printed: the log file only
    if hydra.mode is not None and hydra.mode.name == "MULTIRUN":
        raise JobFailed(f"rnnexp: job {hydra.job.num} of the sweep has failed") from None


def command_line() -> str:
    """Return the command as it was typed, to be kept with the run."""
    program = Path(sys.argv[0]).name if sys.argv else "rnnexp"
    return redact(shlex.join(["rnnexp" if program == "__main__.py" else program, *sys.argv[1:]]))
