"""What a configuration says under `hydra`, which Hydra itself reads late and answers with its own exceptions."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException

from rnnexp.errors import ConfigError
from rnnexp.paths import LONGEST, name_problem

SWEEPER, LAUNCHER = "hydra_plugins.rnnexp.RnnexpSweeper", "hydra_plugins.rnnexp.RnnexpLauncher"

# What is read after the composition. The folders are not here: their names hold what the experiment says.
_READ = ("job.name", "job.env_set", "job.env_copy", "output_subdir", "verbose")
_LOGS = ("job_logging", "hydra_logging")
_GROUPS = ("sweeper", "launcher")
_WITHOUT_FILE = ("none", "disabled", "stdout")  # choices of Hydra's
_SHOWN = 120  # characters of a value or an explanation


def check_hydra(config: DictConfig) -> None:
    """Raise ConfigError with each setting under `hydra` that cannot be read or is of the wrong kind."""
    problems: list[str] = []
    values = {key: _value(config, key, problems) for key in (*_READ, *_LOGS, *_GROUPS)}
    problems = problems or [*_wrong_kinds(values), *_log_problems(str(values["job.name"]))]
    if (choice := config.hydra.runtime.choices.get("hydra/job_logging")) in _WITHOUT_FILE:
        problems.append(f"hydra/job_logging: `{choice}` has no place for the log of a run, a file in its folder")
    if problems:
        raise ConfigError(*problems)


def _value(config: DictConfig, key: str, problems: list[str]) -> Any:
    try:
        value = OmegaConf.select(config, f"hydra.{key}")
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except InterpolationToMissingValueError:
        return None
    except OmegaConfBaseException as error:
        problems.append(f"{error.full_key or f'hydra.{key}'}: {str(error).splitlines()[0][:_SHOWN]}")
    return None


def _wrong_kinds(values: dict[str, Any]) -> list[str]:
    verbose = values["verbose"]
    names = verbose if isinstance(verbose, list) else [verbose]
    problems = [
        f"hydra.{key}: {values[key]!r} given; a name is chosen by hydra/{key}={_write_choice(values[key])}"
        for key in _GROUPS
        if not isinstance(values[key], dict)
    ]
    problems += [
        f"hydra.{key}: must hold `version` and `root`, as hydra/{key}=default does"
        for key in _LOGS
        if values[key] is not None and not {"version", "root"} <= {*values[key]}
    ]
    if not (isinstance(verbose, bool) or all(isinstance(name, str) for name in names)):
        problems.append(f"hydra.verbose: {str(verbose)[:_SHOWN]} given; must be true, false or names of loggers")
    return problems


def _write_choice(value: object) -> str:
    return value if isinstance(value, str) and value.isidentifier() else "…"


def _log_problems(job: str) -> list[str]:
    """The log of a run is called after the job of Hydra's: it must lie in the run's folder."""
    long = len(job.encode(errors="replace")) > LONGEST
    problem = name_problem(job, parts=False) or (f"has more than {LONGEST} bytes; shorten it" if long else None)
    return [f"hydra.job.name: {problem}"] if problem else []


def hydra_node(config: DictConfig) -> dict[str, Any]:
    """Return what a composition says under `hydra`, without what Hydra fills in itself; ours is resolved."""
    node: Any = OmegaConf.to_container(config.hydra)
    for key in ("runtime", "overrides", "help", "hydra_help", "mode"):
        del node[key]
    for key in ("override_dirname", "config_name", "num", "id"):
        node["job"].pop(key, None)
    return node | {key: OmegaConf.to_container(config.hydra[key], resolve=True) for key in _GROUPS}
