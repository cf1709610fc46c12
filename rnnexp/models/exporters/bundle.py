"""The folder that `rnnexp.models.bundle` describes and reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Literal

from rnnexp.models import weights
from rnnexp.models.averaging import list_members
from rnnexp.models.bundle import ABOUT, FORMAT, PREPROCESSING, Bundle, load
from rnnexp.models.exporter import Exporter
from rnnexp.registry import register
from rnnexp.runtime.machine import find_version


@register("exporter")
class bundle(Exporter):
    """Settings and numbers as JSON, weights as NumPy arrays, never pickled."""

    in_every_run: ClassVar[bool] = True

    name: Literal["bundle"] = "bundle"

    def write(self, path: Path, trained: Bundle) -> None:
        path.mkdir(exist_ok=True)
        about = {
            "format": FORMAT,
            "architecture": asdict(trained.architecture),
            "spec": asdict(trained.spec),
            "plugins": list(trained.plugins),
            **({"members": len(members)} if (members := list_members(trained.model)) else {}),
            "versions": {package: find_version(package) or "unknown" for package in ("rnnexp", "keras")},
        }
        _write_json(path / ABOUT, about)
        _write_json(path / PREPROCESSING, dict(trained.scaling))
        weights.save_weights(path, trained.model)

    def load(self, path: Path) -> Callable[[Any], Any]:
        return load(path).predict


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")
