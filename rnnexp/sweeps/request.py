"""What is asked of a sweep, read from the command line and from what it chooses; every mistake is told at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnexp.config.hydra_node import LAUNCHER, SWEEPER, hydra_node
from rnnexp.config.jobs import Composer
from rnnexp.config.overrides import Border, parsed, single_runs
from rnnexp.errors import ConfigError
from rnnexp.sweeps import hydra_settings
from rnnexp.sweeps.jobs import OF_A_JOB, Planner, plan
from rnnexp.sweeps.launcher import Launcher, choices, read_launcher, stand_in
from rnnexp.sweeps.objective import check_given
from rnnexp.sweeps.read_space import read_space
from rnnexp.sweeps.search import search
from rnnexp.sweeps.settings import Sweep, read_sweep
from rnnexp.sweeps.space import Space


@dataclass(frozen=True)
class Request:
    """What the command line and the configuration ask for.

    lines:   overrides, sweeps (`a=1,2`) among them;  command: as typed
    node:    what they say under `hydra`, if anything
    folder:  of the sweep, if somebody has chosen it
    """

    lines: Sequence[str]
    settings: Sweep
    launcher: Launcher
    command: str
    composer: Composer = field(default_factory=Composer)
    node: Mapping[str, Any] = field(default_factory=dict)
    folder: str | None = None


def read_request(border: Border, command: str = "", typed: Sequence[str] = ()) -> Request:
    """Read what passed the border of the command line `typed`; to be called within `compose.hydra_state`.

    Raises ConfigError with the mistakes of the border and of the settings, and then with those of every value, too;
    without the former the latter are found in the jobs, of which the first shows what Hydra alone would choke on.
    """
    problems = list(border.problems)
    lines = [line for line in border.lines if not parsed(line).is_hydra_override()]
    composer = Composer(border.config_dir, border.hydra, typed)
    node = _node(composer, lines, problems)
    problems += hydra_settings.refused(node, border.hydra)
    settings, launcher = _sweeper(node["sweeper"], problems), _launcher(node["launcher"], problems)
    with _told(problems):
        check_given(settings.objective)
    space = _space(lines, settings, composer, problems)
    if not settings.is_grid:
        with _told(problems):
            search(space, settings, "minimize")
    if problems or not _first_job_composes(space, settings, composer):
        with _told(problems):
            _try_values(space, settings, composer)
        raise ConfigError(*_once(problems))
    return Request(lines, settings, launcher, command, composer, node)


def check_values(request: Request) -> None:
    """Compose each value of each key once, without the product; raises ConfigError with the mistakes."""
    space = read_space(request.lines, request.settings)
    if space.dimensions:
        _try_values(space, request.settings, request.composer)


def _once(problems: list[str]) -> list[str]:
    """Leave out what is told again, of a single job."""
    alone = {problem for problem in problems if OF_A_JOB not in problem}
    return list(dict.fromkeys(x for x in problems if x in alone or x.partition(OF_A_JOB)[0] not in alone))


def as_hydra_starts_it(request: Request, config: DictConfig) -> Request:
    """Add what only Hydra's own composition of the sweep, without the choices that are swept, can tell."""
    problems = list(hydra_settings.brought_too_late(request.node, hydra_node(config)))
    folder = None
    if hydra_settings.has_own_folder(request.node):
        try:
            folder = str(config.hydra.sweep.dir)
        except OmegaConfBaseException as error:
            problems.append(f"hydra.sweep.dir: {str(error).splitlines()[0]}")
        if request.settings.name is not None:
            problems.append("hydra.sweeper.name: the folder is named by hydra.sweep.dir already; leave one of them out")
    if problems:
        raise ConfigError(*problems)
    return replace(request, folder=folder)


def variables(config: DictConfig) -> dict[str, str]:
    """Return the variables of the environment that jobs are to see."""
    found = OmegaConf.to_container(config.hydra.job.env_set, resolve=True)
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


@contextmanager
def _told(problems: list[str]) -> Iterator[None]:
    """Note a mistake and go on, to find the others."""
    try:
        yield
    except ConfigError as error:
        problems += error.problems


def _node(composer: Composer, lines: Sequence[str], problems: list[str]) -> dict[str, Any]:
    """Return what all choices say alike under `hydra`; raises ConfigError if none can be composed."""
    nodes = {}
    groups = Border(list(lines)).groups
    for chosen in single_runs(Border(groups)):
        with _told(problems):
            nodes[tuple(chosen)] = composer.node(chosen)
    if not nodes:
        raise ConfigError(*dict.fromkeys(problems))
    problems += hydra_settings.disagreements(nodes, lines)
    return next(iter(nodes.values()))


def _sweeper(values: Mapping[str, Any], problems: list[str]) -> Sweep:
    if values.get("_target_") == SWEEPER:
        return read_sweep(values, problems)
    problems.append(f"hydra/sweeper: a file chooses `{values.get('_target_')}`; give it as hydra/sweeper=… with -m")
    return Sweep()


def _launcher(values: Mapping[str, Any], problems: list[str]) -> Launcher:
    """Read the launcher; of Hydra's own there is the basic one, which nobody has chosen: ours stands in for it."""
    target = values.get("_target_")
    if target == LAUNCHER:
        return read_launcher(values, problems)
    if name := stand_in(target):
        return read_launcher({"name": name, **values}, problems)
    problems.append(
        f"hydra/launcher: `{target}` is not one of ours ({', '.join(choices())}); with "
        f"hydra/sweeper=basic Hydra's own launchers run, without resume"
    )
    return read_launcher({}, [])


def _space(lines: Sequence[str], settings: Sweep, composer: Composer, problems: list[str]) -> Space:
    """Read the space; if its rules have mistakes, as much of it as shows the mistakes in its values."""
    try:
        return read_space(lines, settings, composer.config_dir)
    except ConfigError as error:
        problems += error.problems
    loose = replace(settings, zip=[], exclude=[], sampler="random")
    for params in (settings.params, {}):
        with _told([]):
            return read_space(lines, replace(loose, params=params), composer.config_dir)
    return Space((), ())


def _first_job_composes(space: Space, settings: Sweep, composer: Composer) -> bool:
    found: list[str] = []
    with _told(found):
        _try_values(space, settings, composer, number=1)
    return not found


def _try_values(space: Space, settings: Sweep, composer: Composer, number: int | None = None) -> None:
    planner = Planner(space, settings.repeats, settings.folds, composer)
    plan(planner, list(enumerate(islice(space.corners(), number))))
