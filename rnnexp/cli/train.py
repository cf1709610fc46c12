"""`rnnexp train`: pure Hydra behind a border that finds every mistake before anything heavy is imported."""

from __future__ import annotations

import io
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, redirect_stderr
from pathlib import Path
from typing import Any

from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException, HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from rnnexp import registry
from rnnexp.cli.taken import Taken, command_line, find_unfinished
from rnnexp.config import compose, plugins, trust
from rnnexp.config.dirname import named_as_typed
from rnnexp.config.grammar import as_hydra_reads, parsed
from rnnexp.config.hydra_errors import explain_hydra
from rnnexp.config.overrides import Border, choices, chosen, inspect_overrides, single_runs
from rnnexp.config.parse import parse
from rnnexp.config.source import RnnexpSearchPath
from rnnexp.errors import BusyError, ConfigError, ResourceError, RnnexpError
from rnnexp.failures import FAULT, find_culprit, foreseen, keep_trace
from rnnexp.output import masked_output
from rnnexp.redact import redact
from rnnexp.sweeps.plugin import Sweeps

log = logging.getLogger("rnnexp")

SWEEP_FAILED = 10  # whatever the launcher: jobs in other processes cannot tell their own codes
ADVICE = (
    "Write the settings to experiments/NAME.yaml and choose them with experiment=NAME (`rnnexp best SWEEP` does so for "
    "a run of a sweep); a folder given by --config-dir holds further choices, such as model/NAME.yaml"
)
FULL_ERROR = "HYDRA_FULL_ERROR"
# Hydra refuses flags it does not know.
SWEEP_FLAGS = ("--dry-run", "--retry-failed", "--retry-stopped", "--fail-fast", "--allow-data-change", "--new")


class JobFailed(CompactHydraException):
    """What Hydra is told of a job that has failed; the job has said why."""


class _Outcome:
    """The exit code of the job that Hydra runs in this process."""

    code = 0


def run(argv: list[str]) -> int:
    """Train as the command line says and return the exit code."""
    args = get_args_parser().parse_intermixed_args([word for word in argv if word not in SWEEP_FLAGS])
    _refuse_other_pages(args)
    args.multirun |= not (_only_shows(args) or args.cfg or args.run) and plugins.asks_for_sweep(args.overrides)
    args.overrides += _flags(argv, args.multirun)
    typed = [*args.overrides]
    if not _only_shows(args):
        ours = _is_ours(args)
        lines = (check_sweep(args) if ours else check(args)).overrides()
        args.overrides = as_hydra_reads(lines)
    with named_as_typed(typed), ExitStack() as stack:
        if not (_only_shows(args) or args.cfg or args.multirun):
            args.overrides += stack.enter_context(find_unfinished(args.overrides, args.config_dir))
        return _hydra(args)


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
    """Report the mistakes of a sweep: of its settings, its rules and each of its values."""
    from rnnexp.sweeps.request import read_request

    plugins.load_plugins(args.overrides)
    border = inspect_overrides(args.overrides, sweep=True, config_dir=_config_dir(args)).opened()
    with compose.hydra_state():
        Sweeps.request = read_request(border, command_line(), args.overrides)
    return border


def check(args: Namespace) -> Border:
    """Report every mistake of the overrides, of a sweep's every value too, as one ConfigError."""
    plugins.load_plugins(args.overrides)
    config_dir = _config_dir(args)
    border = inspect_overrides(args.overrides, sweep=args.multirun, config_dir=config_dir)
    problems: list[str] = []
    for overrides in single_runs(border):
        try:
            compose.check(Border(overrides), config_dir)
        except ConfigError as error:
            problems += error.problems
    problems += _stock_problems(border) if args.multirun else []
    if border.problems or problems:
        raise ConfigError(*dict.fromkeys([*border.problems, *problems]))
    return border


def _refuse_other_pages(args: Namespace) -> None:
    """Refuse what would take the place of conf/config.yaml: it is always the page that a run starts from."""
    problems = [
        f"{flag}: {given} given; a run starts from conf/config.yaml. {ADVICE}"
        for flag, given in {
            "--config-name": args.config_name,
            "--config-path": args.config_path,
            "--experimental-rerun": args.experimental_rerun,
        }.items()
        if given is not None
    ]
    if args.config_dir is not None and not os.path.isdir(args.config_dir):
        problems.append(f"--config-dir: there is no folder `{args.config_dir}`; give one that holds model/NAME.yaml, …")
    elif args.config_dir is not None and (page := Path(args.config_dir, "config.yaml")).exists():
        problems.append(f"--config-dir: {page} would not be read, for a run starts from conf/config.yaml. {ADVICE}")
    if problems:
        raise ConfigError(*problems)


def _stock_problems(border: Border) -> Iterator[str]:
    """Find `schedule=null,cosine` where Hydra's own sweeper runs, which meets a job of null with a traceback."""
    for line in border.groups:
        override = parsed(line)
        if override.is_sweep_override() and len(chosen(override)) < len(list(choices(override))):
            yield f"{override.key_or_group}: Hydra's own sweeper cannot sweep over null; leave out hydra/sweeper=…"


def _config_dir(args: Namespace) -> str | None:
    if args.config_dir is None:
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
    Sweeps.error, Sweeps.started = None, False
    if args.shell_completion:
        _strip_subcommand()
    quiet = redirect_stderr(io.StringIO()) if args.shell_completion else nullcontext()  # the key is pressed, not Enter
    try:
        with trust.guarded(), quiet, _raising():
            _run_hydra(args, get_args_parser(), job, config_path=None, config_name="config")
    except SystemExit as stop:
        if args.multirun and stop.code:
            return SWEEP_FAILED if Sweeps.started or not _is_ours(args) else ConfigError.exit_code
        return int(stop.code or 0) if _Outcome.code == 0 else _Outcome.code
    except (HydraException, OmegaConfBaseException) as error:
        if not args.multirun or not isinstance(error, JobFailed):
            raise ConfigError(explain_hydra(error)) from error
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
    with masked_output():  # in a process of Hydra's launchers it is not yet
        return _job(config, hydra)


def _job(config: DictConfig, hydra: Any) -> dict[str, float] | None:
    try:
        plugins.load_plugins(hydra.overrides.task)  # for the first time if a launcher of Hydra's has made this process
        _mask_copies(hydra)
        experiment = parse(compose.plain(config, hydra.runtime.choices.get("experiment")))
        return _trained(experiment, Path(hydra.runtime.output_dir), _words(hydra))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the one place where any failure becomes a message, a code and a log entry
        log.debug("", exc_info=not isinstance(error, RnnexpError))
        unclear = "it may be one of your plugins" if config.get("plugins") else FAULT
        _failed(error, hydra, find_culprit(error, registry.list_plugins(), unclear))
    return None


def _mask_copies(hydra: Any) -> None:
    """Mask what Hydra has written of the configuration, where `hydra.output_subdir` asks for that."""
    if hydra.output_subdir:
        for file in Path(hydra.runtime.output_dir, hydra.output_subdir).glob("*.yaml"):
            file.write_text(redact(file.read_text(encoding="utf-8")), encoding="utf-8")


def _words(hydra: Any) -> list[str]:
    """Return what asks for this job: folders of choices, and its overrides."""
    folders = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    return [*(f"--config-dir={folder}" for folder in folders), *hydra.overrides.task]


def _trained(experiment: Any, run_dir: Path, words: list[str]) -> dict[str, float]:
    from rnnexp import runner, runtime
    from rnnexp.cli.summary import print_summary

    runtime.lean = not experiment.plugins
    result = runner.run(experiment, run_dir=run_dir, command=command_line(), unfinished=Taken.run)
    print_summary(result, words)
    if result.problem:
        raise ResourceError(result.problem)
    return dict(result.metrics)


def _failed(error: BaseException, hydra: Any, whose: str) -> None:
    """Say what went wrong; in a sweep Hydra must see an exception to count the job as failed."""
    known = foreseen(error)
    _Outcome.code = known.exit_code if known else 1
    message = redact(str(known) if known else f"{type(error).__name__}: {error}")
    if not isinstance(known, ResourceError | ConfigError) and known is not error:
        kept = keep_trace(error, Path(hydra.runtime.output_dir))
        message += f"\n{kept}" if known else f"\n{kept}; {whose}"
    print(f"rnnexp: {message}", file=sys.stderr)
    if not isinstance(error, BusyError):  # the log file is another run's then
        logging.getLogger("train").error("%s", message)  # not under "rnnexp", whose lines are printed
    if hydra.mode is not None and hydra.mode.name == "MULTIRUN":
        raise JobFailed(f"rnnexp: job {hydra.job.num} of the sweep has failed") from None
