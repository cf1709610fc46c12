"""The jobs of a sweep are those of Hydra's own sweeper: the same overrides in the same order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from sweeping import space

from rnnexp.config import compose
from rnnexp.config.identity import config_hash
from rnnexp.config.jobs import Composer
from rnnexp.config.overrides import inspect_overrides, parsed
from rnnexp.config.parse import parse
from rnnexp.errors import ConfigError
from rnnexp.sweeps.jobs import Planner

VALUES = {
    "seed": ("3", "0,1,2", "range(3)", "range(1,9,3)", "sort(3,1,2)", "sort(3,1,2,reverse=true)", "range(4,1,-1)"),
    "data.seed": ("${seed}", "null,3", "int(1.0,2.0)", "tag(a,b,choice(4,5))"),
    "model": ("gru", "lstm,gru", "glob(*r*,exclude=enc*)", "choice(simple_rnn,lstm)", "glob(lstm)"),
    "model.units": ("8", "[8],[16]", "[4,2]", "choice([3],[4,4])"),
    "model.dropout": ("0.1", "0.0,0.25", "range(0,0.5,0.25)", "float(range(0,1))"),
    "optimizer": ("adam,sgd", "rmsprop", "glob([adam,sgd])"),
    "optimizer.learning_rate": ("1e-3", "1e-2,0.001", "sort(0.1,0.01)", "${data.noise}"),
    "schedule": ("constant,cosine", "constant"),
    "callbacks": ("none,early_stopping", "early_stopping"),
    "callbacks.early_stopping.patience": ("3", "4,5"),
    "callbacks.early_stopping": ("{patience: 7}", "{min_delta: 0.1},{patience: 8}"),
    "callbacks.csv_log": ("{}", "{file: a.csv},{file: b.csv}"),
    "callbacks.plateau.factor": ("0.1", "0.1,0.3"),
    "name": ("'a, b','c'", '"quo\\"ted"', "plain,'with space'", "run-${model.name}"),
    "metrics": ("[mae]", "[mae,mse],[]", "sort([mse,mae])"),
    "backend": ("null,jax", "null"),
    "deterministic": ("true,false", "false"),
    "trainer.epochs": ("3", "3,4", "range(2,4)"),
    "experiment": ("sine_gru", "sine_gru,sine_lstm", "glob(stacked_*)", "null"),
}
GROUPS = ("model", "optimizer", "schedule", "callbacks", "experiment")


def drawn(seed: int) -> tuple[list[str], dict[str, str]]:
    """Draw a command line as people type them, repetitions included, and a space from a file."""
    draw = random.Random(seed)
    keys = draw.sample(list(VALUES), draw.randint(1, 6))
    keys += draw.sample(keys, 1) if draw.random() < 0.4 else []
    prefixes = {key: "" if key in GROUPS else draw.choice(("", "", "", "+", "++")) for key in VALUES}
    lines = [f"{prefixes[key]}{key}={draw.choice(VALUES[key])}" for key in keys]
    if draw.random() < 0.15:
        lines.insert(draw.randint(0, len(lines)), "~trainer.batch_size")
    params = draw.sample(list(VALUES), draw.randint(0, 3))
    return lines, {f"{prefixes[key]}{key}": draw.choice(VALUES[key]) for key in params}


def hydras_jobs(lines: Iterable[str]) -> list[list[str]]:
    with compose.hydra_state():
        overrides = OverridesParser.create(config_loader=compose.loader()).parse_overrides([*lines])
    return BasicSweeper.split_arguments(overrides, None)[0]


def our_jobs(lines: list[str], params: dict[str, str]) -> list[list[str]]:
    found = space(*lines, params=params)
    return [[*found.fixed, *found.lines(point)] for point in found.grid()]


def in_force(job: Iterable[str]) -> dict[str, str]:
    """Return what counts of a job's overrides: `+seed=1` and `seed=1` are one key, and the last one wins."""
    found: dict[str, str] = {}
    for line in job:
        override = parsed(line)
        key = override.get_key_element().lstrip("+")
        value = override.get_value_element_as_str()
        found[key] = value
    return found


def distinct(jobs: Iterable[Iterable[str]]) -> list[dict[str, str]]:
    """Return each job once; one that differs only in what is set again afterwards is no other one."""
    return list({tuple(sorted(job.items())): job for job in map(in_force, jobs)}.values())


@pytest.mark.end_to_end
@pytest.mark.parametrize("batch", range(6))
def test_300_command_lines_make_the_jobs_that_hydra_makes(batch: int) -> None:
    compared = 0
    for seed in range(50 * batch, 50 * batch + 50):
        lines, params = drawn(seed)
        theirs = distinct(hydras_jobs([*(f"{key}={value}" for key, value in params.items()), *lines]))
        ours = [in_force(job) for job in our_jobs(lines, params)]
        assert ours == theirs, lines
        compared += len(ours) > 1
    assert compared > 25


def test_another_order_of_the_keys_is_seen() -> None:
    ours = [in_force(job) for job in our_jobs(["seed=0,1", "model=gru,lstm"], {})]
    assert ours == distinct(hydras_jobs(["seed=0,1", "model=gru,lstm"]))
    assert ours != distinct(hydras_jobs(["model=gru,lstm", "seed=0,1"]))


def hashed(composed: Callable[[], Any]) -> str:
    try:
        return config_hash(parse(composed()))
    except ConfigError:
        return "refused"


def ours_and_hydras(seed: int) -> tuple[str, str]:
    """Return hashes of the last job of a command line: composed by us, and by Hydra from its own list."""
    lines, params = drawn(seed)
    last = hydras_jobs([*(f"{key}={value}" for key, value in params.items()), *lines])[-1]
    hydras = hashed(lambda: compose.compose_mapping(inspect_overrides(last).lines))
    found = space(*lines, params=params)
    *_, point = found.grid()
    with compose.hydra_state():
        planner = Planner(found, 1, None, Composer())
        return hashed(lambda: planner.composer.mapping(planner.lines(point), found.fixed)), hydras


@pytest.mark.end_to_end
def test_the_jobs_compose_to_what_hydra_composes() -> None:
    ours, theirs = zip(*map(ours_and_hydras, range(1000, 1014)), strict=True)
    assert ours == theirs
    assert ours != (*theirs[1:], theirs[0])
    assert sum(digest != "refused" for digest in ours) > 6


@pytest.mark.parametrize(
    ("lines", "jobs"),
    [
        ("seed=0,1,2 seed=5", ["seed=5"]),
        ("seed=5 seed=0,1", ["seed=0", "seed=1"]),
        ("seed=0,1 seed=2,3", ["seed=2", "seed=3"]),
        ("seed=0,1 ++seed=5", ["seed=5"]),
        ("+seed=0,1 seed=5", ["seed=5"]),
        ("model=gru,lstm model=simple_rnn", ["model=simple_rnn"]),
        ("model=gru model=lstm,gru", ["model=lstm", "model=gru"]),
        ("seed=0,1 ~seed", ["~seed"]),
        ("model=gru,lstm model.units=2", ["model.units=2 model=gru", "model.units=2 model=lstm"]),
    ],
)
def test_the_last_override_of_a_key_counts(lines: str, jobs: list[str]) -> None:
    assert [" ".join(line.lstrip("+") for line in job) for job in our_jobs(lines.split(), {})] == jobs


@pytest.mark.parametrize(
    ("lines", "patience"),
    [
        (("callbacks.early_stopping.patience=1,2", "callbacks.early_stopping={patience: 5}"), [5, 5]),
        (("callbacks.early_stopping={patience: 5}", "callbacks.early_stopping.patience=1,2"), [1, 2]),
        (("callbacks.early_stopping={patience: 5},{patience: 6}", "callbacks.early_stopping.patience=3"), [3, 3]),
        (("callbacks.early_stopping.patience=3", "callbacks.early_stopping={patience: 5},{patience: 6}"), [5, 6]),
    ],
)
def test_what_sets_a_part_of_what_is_swept_follows_in_the_order_of_the_line(
    lines: tuple[str, ...], patience: list[int]
) -> None:
    found = space(*lines)
    with compose.hydra_state():
        composer = Composer()
        mappings = [composer.mapping(list(found.lines(point)), found.fixed) for point in found.grid()]
    assert [mapping["callbacks"]["early_stopping"]["patience"] for mapping in mappings] == patience
