"""The whole configuration of a run, which its folder keeps, read as an experiment: `experiment=runs/NAME/FOLDER`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from rnnexp.config.renamed import current_values

_ALWAYS = ("data", "model", "optimizer", "trainer")  # none of them can be missing from a run
_NOT_TAKEN = ("tracking", "resume")  # where runs go is the machine's affair, and this is another run


def is_whole(written: DictConfig) -> bool:
    """Say whether a file holds every value of a configuration, as the folder of a run does, and chooses nothing."""
    parts = [written.get(name) for name in _ALWAYS if name in written]
    return "defaults" not in written and len(parts) == len(_ALWAYS) and all(map(OmegaConf.is_dict, parts))


def as_experiment(written: DictConfig, components: Sequence[str]) -> DictConfig:
    """Return an experiment that composes to the whole configuration of a run.

    Its `components`, groups such as `model`, are chosen by their names, with every value over them. A seed of the
    data that was the run's own goes on following `seed`.
    """
    values = current_values(OmegaConf.to_container(written, resolve=False))  # type: ignore[arg-type]
    choices: list[Any] = [{f"override /{group}": _name(values.get(group))} for group in components]
    kept = {key: value for key, value in values.items() if key not in _NOT_TAKEN and value is not None}
    kept |= {group: _without_seed(kept[group], values.get("seed")) for group in components if group in kept}
    if experiment := (values.get("tracking") or {}).get("experiment"):
        kept["tracking"] = {"experiment": experiment}
    return OmegaConf.create({"defaults": [*choices, {"override /callbacks": "none"}, "_self_"], **kept})


def _name(component: Any) -> str | None:
    return str(component["name"]) if isinstance(component, Mapping) and component.get("name") else None


def _without_seed(component: Any, seed: Any) -> Any:
    if not isinstance(component, Mapping) or component.get("seed") != seed:
        return component
    return {key: value for key, value in component.items() if key != "seed"}
