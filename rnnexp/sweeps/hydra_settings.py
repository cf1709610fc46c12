"""Hydra's own settings in a sweep: each is obeyed, or refused by name.

`hydra.sweeper` and `hydra.launcher` are ours; Hydra itself sees to its logging and to the callbacks of the whole
sweep; what is a job's goes with it (`hydra_job`). A node is what the composition of a job says under `hydra`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from rnnexp.config import compose
from rnnexp.config.flat import flatten
from rnnexp.config.overrides import parsed

Node = Mapping[str, Any]

ONE = ("sweeper", "launcher", "sweep", "callbacks", "hydra_logging", "job")  # of a sweep there is one
OF_JOBS = ("job", "output_subdir", "callbacks", "job_logging", "verbose")
TYPED = {
    "hydra.run.dir": "is for single runs; the folder of a sweep is hydra.sweep.dir",
    "hydra.searchpath": "is read from conf/config.yaml only; on the command line --config-dir names a further folder",
    "hydra.job.num": "is counted by the sweep; leave it out",
    "hydra.job.id": "is given by the sweep; leave it out",
    "hydra.job.override_dirname": "follows from the overrides; shape it with hydra.job.config.override_dirname",
    "hydra.job.config_name": "is always `config`; put your own choices into ./conf",
    "hydra.runtime": "is filled in by Hydra; leave it out",
    "hydra.overrides": "is filled in by Hydra; leave it out",
}
WRITTEN = {
    "sweep.subdir": "jobs lie in jobs/NUMBER of the sweep's folder, where a resume finds them; leave it out "
    "(tables/trials.csv says which job is which)",
    "job.chdir": "jobs share data and tracking store by paths from the working directory; leave it out (files of a "
    "job go to its own folder by themselves)",
}


@cache
def shipped() -> dict[str, Any]:
    """Return what a sweep says under `hydra` where nobody has changed anything."""
    with compose.hydra_state():
        return flatten(compose.shipped_node())


def refused(node: Node, lines: Sequence[str]) -> Iterator[str]:
    """Yield what a sweep cannot obey, of a composition and of the lines that were typed."""
    for key in (key for line in lines for key in _typed_keys(line)):
        for name, reason in TYPED.items():
            if f"{key}.".startswith(f"{name}."):
                yield f"{key}: {reason}"
    flat = flatten(node)
    for key, reason in WRITTEN.items():
        if flat.get(key) not in (None, shipped()[key]):
            yield f"hydra.{key}: `{flat.get(key)}` given; {reason}"


def _typed_keys(line: str) -> list[str]:
    """Return the keys that a line sets: one, or those of a mapping, `hydra.run={dir: mine}`."""
    key, value = parsed(line).key_or_group, parsed(line).value()
    return [f"{key}.{name}" for name in flatten(value)] if isinstance(value, dict) else [key]


def has_own_folder(node: Node) -> bool:
    """Say whether somebody has chosen the folder of the sweep."""
    return flatten(node).get("sweep.dir") != shipped()["sweep.dir"]


def has_settings_of_jobs(node: Node) -> bool:
    """Say whether something is to be done around each job: variables, callbacks, logging, a copy of its settings."""
    usual = {key: value for key, value in shipped().items() if key.partition(".")[0] in OF_JOBS}
    return _part(node, OF_JOBS) != usual


def _part(node: Node, keys: Sequence[str]) -> dict[str, Any]:
    return flatten({key: value for key, value in node.items() if key in keys})


def disagreements(nodes: Mapping[tuple[str, ...], Node], lines: Sequence[str] = ()) -> Iterator[str]:
    """Yield where choices that are swept bring unlike settings for the sweep, of which there is one.

    A key of the space that `lines`, the command line, set does not matter.
    """
    (first, node), *others = nodes.items()
    told = {f"sweeper.params.{parsed(line).key_or_group}" for line in lines}
    for groups, other in others:
        mine, theirs = _part(node, ONE), _part(other, ONE)
        for key in dict.fromkeys([*mine, *theirs]):
            if mine.get(key) != theirs.get(key) and key not in told:
                told.add(key)
                here, there = _unlike(first, groups), _unlike(groups, first)
                yield (
                    f"hydra.{key}: {_shown(mine, key)} with {here}, {_shown(theirs, key)} with {there}, but a sweep "
                    f"has one; start a sweep for each of them, or set it on the command line: 'hydra.{key}=…'"
                )


def brought_too_late(node: Node, hydras: Node) -> Iterator[str]:
    """Yield what choices that are swept bring and Hydra needs before it makes jobs of them."""
    for part in ("callbacks", "sweep", "hydra_logging", "job"):
        mine, theirs = _part(node, (part,)), _part(hydras, (part,))
        for key in (key for key in mine if mine[key] != theirs.get(key)):
            yield (
                f"hydra.{key}: is read before the choices that are swept; set it on the command line or in "
                f"conf/config.yaml, or choose one option"
            )


def _unlike(groups: Sequence[str], others: Sequence[str]) -> str:
    return " ".join(group for group in groups if group not in others) or "the defaults"


def _shown(flat: Mapping[str, Any], key: str) -> str:
    return f"`{flat[key]}`" if flat.get(key) is not None else "not set"
