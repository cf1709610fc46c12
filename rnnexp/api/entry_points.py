"""`rx.run` and `rx.sweep`: what `rnnexp train` does, asked for by a program."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.config.compose import compose
from rnnexp.config.overrides import parsed
from rnnexp.config.settings import Experiment
from rnnexp.config.written import write_overrides, write_space
from rnnexp.data.located import refuse_absent
from rnnexp.errors import ConfigError
from rnnexp.failures import foreseen
from rnnexp.output import masked_output
from rnnexp.redact import redact, redact_words

if TYPE_CHECKING:
    from rnnexp.api.scored_model import RunResult
    from rnnexp.api.swept import SweepResult
    from rnnexp.runner.unfinished import Unfinished

Settings = str | Mapping[str, Any]

log = logging.getLogger("rnnexp")


def run(
    *settings: Settings | Experiment | Path,
    run_dir: str | Path | None = None,
    command: str | None = None,
    quiet: bool = False,
    **changes: Any,
) -> RunResult:
    """Train, score and track one network: `rx.run("experiment=airline_lstm", "model.units=[8]", seed=1)`.

    settings: overrides as `rnnexp train` takes them, mappings of them (dotted or nested), or one `Experiment`
    run_dir:  folder of the run; None: one below ./runs
    command:  to be kept with the run; None: that of a shell which asks for the same
    quiet:    print nothing; what is said is in the run's log all the same
    changes:  further overrides, by the names of their keys: `seed=1`, `model="gru"`, `trainer={"epochs": 5}`

    Called again after it was interrupted it goes on, as the command does. Raises an `RnnexpError`: ConfigError for
    mistakes in settings, all at once, DataError, ResourceError and so on.
    """
    with explain_errors():
        place = next((one for one in settings if isinstance(one, Path)), run_dir)  # rx.run(config, folder)
        experiment, words = _read([one for one in settings if not isinstance(one, Path)], changes)
        known = (_command(*words) if words else "") if command is None else command
        with _choose_folder(experiment, place, quiet) as (folder, unfinished):
            from rnnexp import runner
            from rnnexp.api.scored_model import RunResult

            result = RunResult(**vars(runner.run(experiment, folder, known, quiet, unfinished=unfinished)))
            _print(result, words)
    return result


def sweep(
    *settings: Settings,
    params: Mapping[str, Any] | None = None,
    launcher: Settings | None = None,
    sweeper: Mapping[str, Any] | None = None,
    **changes: Any,
) -> SweepResult:
    """Run a sweep: `rx.sweep("experiment=sine_lstm", params={"model": ["lstm", "gru"], "seed": range(3)})`.

    settings: as those of `run`; a text may vary a key as on the command line: "model=lstm,gru"
    params:   the values of each key that varies, or a text such as "interval(0,0.5)" for a sampler
    launcher: where the jobs run: "local", "serial", "vectorized", ... or a mapping with its name and settings
    sweeper:  what stands under `hydra.sweeper`: `{"sampler": "tpe", "n_trials": 50, "repeats": 3}`

    Called again after it was interrupted it runs what is missing, as `rnnexp train -m` with the same overrides does.
    Raises SweepFailed at the end if jobs have failed; its `result` is what this would have returned. Raises DataError
    if files of the data have gone while it ran: called again with them back it runs what is missing.
    """
    from rnnexp.api.swept import read_result
    from rnnexp.sweeps.plugin import run_sweep
    from rnnexp.sweeps.sweep import SweepFailed

    with explain_errors(), masked_output():
        lines = [*write_overrides(*settings, changes), *write_space(params or {})]
        lines += [*_choose_launcher(launcher), *write_overrides(_under("hydra.sweeper", sweeper or {}))]
        try:
            return read_result(run_sweep(lines, _command("-m", *lines)))
        except SweepFailed as failed:
            failed.result = read_result(failed.folder)
            raise


@contextmanager
def explain_errors() -> Iterator[None]:
    """Raise errors of ours in the place of others that the command line has a sentence for: a full disk, no memory."""
    try:
        yield
    except (Exception, SystemExit) as error:
        known = foreseen(error)
        if known is None or known is error:
            raise
        raise known from error


def _read(settings: Sequence[Settings | Experiment], changes: Mapping[str, Any]) -> tuple[Experiment, list[str] | None]:
    """Return the experiment, and the overrides that ask for it; None for one that is given as it is."""
    given = [one for one in settings if isinstance(one, Experiment)]
    words = [one for one in settings if not isinstance(one, Experiment)]
    if given and (len(settings) > 1 or changes):
        raise ConfigError("an Experiment stands alone: give its overrides to rx.compose, or all of them to rx.run")
    if given:
        return given[0], None
    lines = write_overrides(*words, changes)
    _refuse_hydra(lines)
    return compose(*lines), lines


def _refuse_hydra(lines: Sequence[str]) -> None:
    """Refuse settings of Hydra's own, which would do nothing here."""
    keys = [parsed(line).key_or_group for line in lines if parsed(line).is_hydra_override()]
    if keys:
        instead = "run_dir=… is the folder of a run, sweeper=… and launcher=… of rx.sweep are those of a sweep"
        raise ConfigError(*(f"{key}: Hydra's own settings are for the command line; {instead}" for key in keys))


@contextmanager
def _choose_folder(
    experiment: Experiment, given: str | Path | None, quiet: bool
) -> Iterator[tuple[Path, Unfinished | None]]:
    """Yield the folder of a run, whose log is written to meanwhile, and the unfinished run that it goes on with."""
    from rnnexp import runner
    from rnnexp.runner.unfinished import take_up
    from rnnexp.runtime.run_log import write_log

    refuse_absent(experiment.data)  # before a folder is made
    run_dir = None if given is None else Path(given).absolute()
    place = run_dir or runner.locate_runs(experiment.name)
    with take_up(experiment, place, log.warning, is_run=run_dir is not None) as unfinished:
        folder = unfinished.folder if unfinished else run_dir or runner.make_run_folder(experiment.name)
        folder.mkdir(parents=True, exist_ok=True)
        with write_log(folder, quiet):
            yield folder, unfinished


def _print(result: RunResult, words: list[str] | None) -> None:
    """Say how a run has ended, as the command line does."""
    from rnnexp.cli.summary import print_summary, summary

    if words is None:
        log.info("%s", "\n".join(summary(result)))
    else:
        print_summary(result, words)
    if result.problem:
        log.warning("%s", result.problem)


def _command(*words: str) -> str:
    """Return the command of a shell that asks for the same, to be kept with the run."""
    return redact(shlex.join(["rnnexp", "train", *redact_words(words)]))


def _choose_launcher(given: Settings | None) -> list[str]:
    if given is None:
        return []
    values = {"name": given} if isinstance(given, str) else dict(given)
    name = values.pop("name", "local")
    return [f"hydra/launcher={name}", *write_overrides(_under("hydra.launcher", values))]


def _under(group: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{group}.{key}": value for key, value in values.items()}
