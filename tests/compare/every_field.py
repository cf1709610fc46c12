"""Two values of every setting there is: experiments that differ in one field alone, checked but not trained."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from rnnexp import registry
from rnnexp.config.compose import compose_mapping
from rnnexp.config.parse import parse
from rnnexp.config.settings import Experiment, Trainer
from rnnexp.config.source import default_values
from rnnexp.errors import ConfigError

KINDS = ("data", "model", "optimizer", "schedule", "loss", "callback")
NUMBERS = (1, 2, 3, 0, 4, 12, 100, 0.25, 0.5, -0.5, 1e-5)
WORDS = (
    "a.csv",
    "b.csv",
    "mae",
    "mse",
    "val/loss",
    "train/loss",
    "utf-8",
    "latin-1",
    "%Y",
    "%d",
    "UTC",
    "MS",
    "D",
    ",",
    ";",
)
# What a part of this name needs of the others, and what a field needs beside it.
AROUND = {
    "reverse_digits": ("model=encoder_decoder",),
    "text_pairs": ("model=encoder_decoder",),
    "pretrain": ("data=ts", "data.path=a.ts"),
    "encoder_decoder": ("data=text_pairs", "data.path=a.tsv"),
    "cnn_rnn": ("data=frames", "data.path=a"),
    "frames": ("model=cnn_rnn",),
    "moving_digits": ("model=cnn_rnn",),
    "cross_entropy": ("data=corpus", "data.path=a.txt"),
    "token_cross_entropy": ("data=corpus", "data.path=a.txt"),
    "multi_input_table": ("model=multi_input",),
    "text_and_pulse": ("model=multi_input",),
}
BESIDE: dict[str, dict[str, Any]] = {
    "fold": {"folds": 3},
    "held_out": {"folds": 3},
    "forecast_from": {"sequence_length": 1},
    "time_format": {"time": "t"},
    "time_zone": {"time": "t"},
    "pivot_year": {"time": "t"},
    "frequency": {"time": "t"},
    "on_long": {"max_length": 9},
    "test_inputs": {"test_targets": "t"},
    "test_targets": {"test_inputs": "t"},
    "test_lengths": {"test_inputs": "t", "test_targets": "t", "lengths": "l"},
    "test_groups": {"test_inputs": "t", "test_targets": "t", "groups": "g"},
    "test_weight": {"test_inputs": "t", "test_targets": "t", "weight": "w"},
    "columns": {"path": "a.tsv"},
    "tie_weights": {"units": [8], "embedding_dim": 8},
    "labels_per_class": {"task": "classification"},
    "target_scaler": {"task": "regression"},
    "freeze_epochs": {"start": "a run"},
}
OF_ONE_COMPONENT = {
    ("associative_recall", "keys"): {"pairs": 1},
    ("associative_recall", "sequence_length"): {"pairs": 1},
    ("audio_folder", "groups"): {"labels": "t.csv"},
    ("audio_folder", "part"): {"labels": "t.csv"},
    ("audio_folder", "stride"): {"sequence_length": 9},
    ("frames", "groups"): {"labels": "labels.csv"},
    ("frames", "part"): {"labels": "labels.csv"},
    ("frames", "task"): {"labels": "labels.csv"},
    ("audio_strings", "groups"): {"labels": "t.csv"},
    ("audio_strings", "part"): {"labels": "t.csv"},
    ("audio_strings", "speaker"): {"labels": "t.csv"},
    ("lstm_fcn", "filters"): {"kernel_sizes": [3]},
    ("lstm_fcn", "kernel_sizes"): {"filters": [3]},
    ("npz", "stride"): {"sequence_length": 9},
    ("selective_copying", "sequence_length"): {"copied": 1},
    ("sequence_folder", "stride"): {"sequence_length": 9},
    ("sequence_table", "stride"): {"sequence_length": 9},
    ("ts", "stride"): {"sequence_length": 9},
    ("text_files", "keep"): {"max_length": 9, "on_long": "cut"},
    ("text_lines", "keep"): {"max_length": 9, "on_long": "cut"},
    ("text_table", "keep"): {"max_length": 9, "on_long": "cut"},
}
INPUTS = [{"note": {"kind": "text"}, "person": {"kind": "table", "columns": [column]}} for column in ("age", "size")]
USUAL: dict[str, dict[str, Any]] = {"multi_input_table": {"inputs": INPUTS[0]}}
TRIED = {("multi_input_table", "inputs"): INPUTS}
TOKENS = ("data=corpus", "data.path=a.txt")  # for what only makes sense where tokens are predicted


@dataclass(frozen=True)
class Two:
    """One key, and two experiments that differ in it; `other` is None if no second value was accepted."""

    key: str
    component: str
    one: Experiment | None
    other: Experiment | None

    def __str__(self) -> str:
        return f"{self.key} of {self.component}"


def _pairs() -> Iterator[Two]:
    """Yield every field of every registered component, of the trainer, and of the top level."""
    for kind in KINDS:
        for name in registry.names(kind):
            yield from _of(kind, name, registry.lookup(kind, name))
    yield from _of("trainer", "trainer", Trainer)
    whole = _schema(Experiment)
    top = {key: value for key, value in whole["properties"].items() if key not in (*KINDS, *_PARTS)}
    for key, schema in top.items():
        base = composed(AROUND.get(key, ()))
        yield _two(key, "the experiment", [{**base, key: value} for value in candidates(schema, whole["$defs"])])


_PARTS = ("trainer", "callbacks", "tracking")


def _of(kind: str, name: str, cls: Any) -> Iterator[Two]:
    schema = _schema(cls)
    values = {key: value for key, value in default_values(cls).items() if value != "???"}
    values |= {"seed": 0} if "seed" in values else {}
    needed = [key for key in schema["properties"] if key not in values]
    values |= {key: next(candidates(schema["properties"][key], schema.get("$defs", {}))) for key in needed}
    values |= USUAL.get(name, {}) | ({} if kind == "trainer" else {"name": name})
    for key, field in schema["properties"].items():
        if key == "name":
            continue
        around = TOKENS if key == "tie_weights" and name not in AROUND else AROUND.get(name, ())
        beside = {other: value for other, value in BESIDE.get(key, {}).items() if other in schema["properties"]}
        full = {**values, **beside, **OF_ONE_COMPONENT.get((name, key), {})}
        tried = TRIED.get((name, key)) or candidates(field, schema.get("$defs", {}))
        mappings = (_with(composed(around), kind, {**full, key: value}) for value in tried)
        prefix = f"callbacks.{name}" if kind == "callback" else kind
        yield _two(f"{prefix}.{key}", name, mappings)


@cache
def composed(overrides: tuple[str, ...]) -> Mapping[str, Any]:
    return compose_mapping(list(overrides))


def _with(base: Mapping[str, Any], kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {**base, **({"callbacks": {values["name"]: values}} if kind == "callback" else {kind: values})}


def _two(key: str, component: str, mappings: Any) -> Two:
    found: dict[str, Experiment] = {}
    for mapping in mappings:
        try:
            experiment = parse(mapping)
        except ConfigError:
            continue
        found.setdefault(repr(experiment), experiment)
        if len(found) == 2:
            break
    return Two(key, component, *(*found.values(), None, None)[:2])


def _schema(cls: Any) -> Any:
    return TypeAdapter(cls).json_schema()


def candidates(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Iterator[Any]:
    """Yield values that a field may take; what is not allowed is found by trying."""
    if "$ref" in schema:
        yield from candidates(defs[schema["$ref"].rpartition("/")[2]], defs)
    yield from [schema["const"]] if "const" in schema else schema.get("enum", [])
    yield from itertools.chain(*(candidates(one, defs) for one in schema.get("anyOf", [])))
    kind = schema.get("type")
    inside = schema.get("items", schema.get("additionalProperties"))
    inside = inside if isinstance(inside, Mapping) else {"type": "string" if kind == "array" else "number"}
    plain = {"boolean": (True, False), "null": (None,), "integer": NUMBERS[:7], "number": NUMBERS, "string": WORDS}
    if kind == "array":
        yield from ([value] for value in candidates(inside, defs))
        yield from (list(both) for both in itertools.pairwise(candidates(inside, defs)))
    elif kind == "object" and "properties" in schema:
        yield from ({key: value} for key, one in schema["properties"].items() for value in candidates(one, defs))
    elif kind == "object":
        yield from ({"k": value} for value in candidates(inside, defs))
    elif schema.get("minimum", 0) > 100:
        yield from (schema["minimum"], schema["minimum"] + 1)
    elif "enum" not in schema and "const" not in schema:
        yield from plain.get(kind or "", ())


PAIRS = tuple(_pairs())  # found once, for all the files that ask
