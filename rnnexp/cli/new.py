"""`rnnexp new PROJECT`: a folder with an experiment, a model of one's own and its test, which all work."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, _SubParsersAction
from pathlib import Path

from rnnexp.errors import ConfigError

FILES = {
    "conf/config.yaml": """\
# What this file does not choose is as shipped: rnnexp show
plugins: [my_models]  # Python of your own that every command here may import
""",
    "experiments/first.yaml": """\
# Does a GRU that adds to the last value forecast a noisy sine?
# Command: rnnexp train experiment=first
# @package _global_
defaults:
  - override /data: sine
  - override /model: residual_gru

data:
  sequence_length: 12
model:
  units: 8
trainer:
  epochs: 20
""",
    "my_models.py": '''\
"""Models of this project: a function's name is the name in YAML, its parameters are settings."""

from typing import Any

from rnnexp import register


@register("model")
def residual_gru(spec, units: int = 16) -> Any:
    """Return a network that forecasts by how much the next values differ from the last one."""
    import keras

    past = keras.Input(spec.inputs["past"].shape, name="past")
    horizon, targets = spec.output_shape
    change = keras.layers.Dense(horizon * targets, name="change")(keras.layers.GRU(units, name="gru")(past))
    last = keras.layers.RepeatVector(horizon, name="last")(past[:, -1, :targets])
    return keras.Model(past, last + keras.layers.Reshape((horizon, targets), name="shape")(change))
''',
    "tests/test_my_models.py": '''\
"""The models of this project, each in an experiment that trains in seconds; run with: python -m pytest"""

import rnnexp as rx


def test_the_residual_gru_learns(tmp_path):
    experiment = rx.compose("experiment=first", "tracking=off")
    result = rx.run(experiment, tmp_path / "run")
    untrained = rx.run(rx.compose("experiment=first", "trainer.epochs=1", "tracking=off"), tmp_path / "short")
    assert result.metrics["test/rmse"] < untrained.metrics["test/rmse"]
''',
    ".pre-commit-config.yaml": """\
repos:
  - repo: local
    hooks:
      - id: rnnexp-check
        name: experiments compose and are valid
        entry: rnnexp check
        language: system
        files: ^(conf|experiments)/|^my_models\\.py$
        pass_filenames: false
""",
    ".gitignore": """\
__pycache__/
.pytest_cache/
/mlartifacts/
/mlflow.db
/multirun/
/outputs/
/runs/
""",
    "README.md": """\
# {name}

```
rnnexp train experiment=first          # train; runs go to ./runs and ./mlflow.db
rnnexp train -m experiment=first 'model.units=8,16' 'seed=range(3)'
rnnexp compare                         # the settings of the sweep, seeds together
rnnexp check                           # all experiments compose and are valid
python -m pytest                       # the models of this project
pre-commit install                     # `rnnexp check` before each commit
```

`experiments/` has a question a file, `my_models.py` the models, `conf/config.yaml` what every command here starts from.
`rnnexp init FILE.csv` writes an experiment for a table, `rnnexp explain model=residual_gru` tells settings.
""",
}


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "new",
        description="Make the folder of a project: conf/, experiments/ with one that trains in seconds, a model of its "
        "own in my_models.py with a test, a pre-commit hook that runs `rnnexp check`, .gitignore and README.",
        epilog="example: rnnexp new demand",
    )
    parser.add_argument("project", metavar="PROJECT", type=Path, help="folder to make; an empty one is taken, too")


def run(args: Namespace) -> int:
    """Write the files; ConfigError for a folder that holds something."""
    place: Path = args.project
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        what = "holds files already" if place.is_dir() else "is a file"
        raise ConfigError(f"{place}: {what}; choose another name, or an empty folder")
    try:
        for name, text in FILES.items():
            file = place / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace("{name}", place.resolve().name), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{place}: cannot be written: {error.strerror}") from None
    print("\n".join(f"{place / name}" for name in FILES))
    print(f"\nNext:\n  cd {place}\n  rnnexp train experiment=first")
    return 0
