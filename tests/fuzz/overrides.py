"""Command lines and experiment files that nobody would write: keys of the real schema with values that do not fit."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from rnnexp import registry
from rnnexp.config import source
from rnnexp.config.allow_list import launcher_settings
from rnnexp.config.settings import Experiment, Tracking, Trainer
from rnnexp.sweeps.settings import Sweep

KINDS = ("data", "model", "optimizer", "schedule", "loss")
GROUPS = (
    *KINDS,
    "trainer",
    "callbacks",
    "tracking",
    "experiment",
    "hydra/launcher",
    "hydra/sweeper",
    "hydra/job_logging",
)
VALUES = (
    *(
        "",
        "null",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "~",
        "???",
        "_self_",
        "none",
        "nan",
        ".nan",
        "inf",
        "-inf",
        ".inf",
    ),
    *("0", "-0", "1", "-1", "3", "0.5", "-0.5", "1e3", "1e-300", "1e400", "1_000", "0x10", "0o17", "017", "1:30", "1."),
    *("9" * 30, "9" * 400, "2147483648", "-2147483649", "9007199254740993", "2024", "2024-01-01", "2024-13-45"),
    *(
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "[1,2,3]",
        "[1,a]",
        "{a:1}",
        "{1:2}",
        "{null:1}",
        "[{a:[{b:c}]}]",
        "[" * 50 + "]" * 50,
    ),
    *(
        "lstm",
        "gru",
        "adam",
        "64",
        "nope",
        "a b",
        "'a, b'",
        '"q"',
        "'",
        '"',
        "\\",
        "a\\,b",
        "ä€日本",
        "\U0001f600",
        "\x07",
    ),
    *(
        "${seed}",
        "${nope}",
        "${seed",
        "${oc.env:NOPE}",
        "${oc.env:HOME}",
        "${..a}",
        "${model}",
        "${now:%Y}",
        "${hydra:job.id}",
    ),
    *(
        "${oc.decode:'['}",
        "${rnnexp.first:}",
        "${rnnexp.id:3}",
        "${oc.select:x}",
        "$",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ",",
        ":",
    ),
    *(
        "../../x",
        "/etc/passwd",
        "/dev/zero",
        "~/x",
        "a/b",
        ".",
        "..",
        "con",
        "a" * 300,
        "<script>",
        "=cmd",
        "%s%n",
        "*",
        "?",
    ),
    *(
        "M",
        "ME",
        "H",
        "0D",
        "ns",
        "val/loss",
        "test/rmse",
        "best/val/loss",
        "utf-16",
        "rot13",
        "klingon",
        "%Q",
        "balanced",
    ),
)
SWEEPS = (
    *("1,2", "a,b", "1,", ",", "null,1", "range(3)", "range(1,0)", "range(0,1e12)", "range(0,1,0)", "range(3,0,-1)"),
    *("choice(a,b)", "choice()", "interval(0,1)", "interval(1,0)", "interval(a,b)", "tag(log,interval(1e-4,1e-1))"),
    *(
        "glob(*)",
        "glob([a*,l*],exclude=lstm)",
        "shuffle(1,2)",
        "sort(3,1,2)",
        "sort(range(4))",
        "int(1.5,2.5)",
        "str(1,2)",
    ),
    *(
        "float(1,2)",
        "bool(1,0)",
        "json_str(1)",
        "nope(1)",
        "tag(a,b,choice(1,2))",
        "lstm,gru",
        "64,2024",
        "choice(null,1)",
    ),
)
TEXTS = (  # what may stand for a value in YAML
    *(
        "null",
        "~",
        "true",
        "yes",
        "3",
        "-1",
        "1.5",
        "1e3",
        "1_000",
        "0o17",
        "017",
        "1:30",
        ".inf",
        ".nan",
        "2024-01-01",
    ),
    *("[]", "{}", "[1, a]", "{a: 1}", "{1: 2}", "{null: 1}", "''", '"\\ud800"', "'???'", "${seed}", "${nope}", "'${'"),
    *("!!binary aGk=", "!!set {a, b}", "!!python/object:os.system x", "!foo 1", "&x 1", "*x", "&x [*x]", "<<: {a: 1}"),
    *(
        "9" * 5000,
        "'" + "x" * 5000 + "'",
        "[" * 300 + "]" * 300,
        "|\n    a\n    b",
        "- a",
        "a: b",
        "\ta",
        "@",
        "`",
        "%",
        "lstm",
    ),
)
DEFAULTS = (
    *(
        "- override /model: gru",
        "- override /model: 64",
        "- override /model: null",
        "- override /model: nope",
        "- _self_",
    ),
    *(
        "- override /schedule: null",
        "- override /trainer: null",
        "- override /nope: x",
        "- nope",
        "- fuzz",
        "- /model: gru",
    ),
    *(
        "- [a]",
        "- {a: b, c: d}",
        "- {}",
        "- null",
        "- 3",
        "- ''",
        "- override /hydra/launcher: serial",
        "- optional nope: x",
    ),
    *("- override /data: '${oc.env:NOPE}'", "- override /model: [gru, lstm]", "- /experiment/fuzz", "- other@a.b: x"),
)
FLAGS = (
    "--cfg",
    "--resolve",
    "--info",
    "--dry-run",
    "-m",
    "--package",
    "--config-name",
    "--new",
    "--nope",
    "--multirun",
)
NOT_RUN = (
    "hydra.",
    "tracking",
    "plugins",
    "name",
    "data.points",
    "data.rows",
)  # may be slow, or are the user's own paths


class Case(NamedTuple):
    """A command line, and the files that lie where it is typed: name -> bytes."""

    words: tuple[str, ...]
    files: dict[str, bytes]

    @property
    def description(self) -> str:
        shown = {name: content[:200] for name, content in self.files.items()}
        return f"rnnexp {' '.join(map(repr, self.words))}{f'  with {shown}' if shown else ''}"

    @property
    def may_run(self) -> bool:
        """Whether it may be run as it is: it names no place of the user's own to write to."""
        keys = [word.lstrip("+~") for word in self.words]
        return not self.files and not any(key.startswith(NOT_RUN) for key in keys)


@cache
def keys() -> tuple[str, ...]:
    """Return every key of the schema, and some that are none."""
    found = [name for name in Experiment.__pydantic_fields__ if name not in KINDS]  # type: ignore[attr-defined]
    found += [f"trainer.{name}" for name in Trainer.__pydantic_fields__]  # type: ignore[attr-defined]
    found += [f"tracking.{name}" for name in Tracking.__pydantic_fields__]  # type: ignore[attr-defined]
    found += [f"hydra.sweeper.{name}" for name in Sweep.__dataclass_fields__]
    found += [f"hydra.launcher.{name}" for name in launcher_settings()]
    for kind in KINDS:
        found += [f"{kind}.{name}" for component in registry.names(kind) for name in _fields(kind, component)]
    for name in registry.names("callback"):
        found += [f"callbacks.{name}", *(f"callbacks.{name}.{key}" for key in _fields("callback", name))]
    found += [f"data.split.{name}" for name in ("train", "val", "test", "gap", "nope")]
    found += [
        "hydra.run.dir",
        "hydra.sweep.dir",
        "hydra.job.name",
        "hydra.verbose",
        "hydra.mode",
        "hydra.output_subdir",
    ]
    found += [
        "nope",
        "model.nope",
        "model.units.0",
        "a.b.c",
        "model",
        "modle",
        "",
        "3",
        "data.",
        ".data",
        "a b",
        "${seed}",
    ]
    return tuple(dict.fromkeys(found))


def _fields(kind: str, name: str) -> Any:
    return registry.lookup(kind, name).__pydantic_fields__  # type: ignore[attr-defined]


@cache
def _options(group: str) -> tuple[str, ...]:
    return tuple(sorted(source.options(group)))


def case(seed: int, number: int) -> Case:
    """Return the case of a number; the same one for a seed."""
    dice = random.Random(f"overrides/{seed}/{number}")
    words = [_override(dice, swept=False) for _ in range(dice.choice((1, 1, 2, 3, 6)))]
    files: dict[str, bytes] = {}
    if dice.random() < 0.25:
        files["experiments/fuzz.yaml"] = _experiment(dice)
        words.append("experiment=fuzz")
    if dice.random() < 0.05:
        files[f"conf/model/{dice.choice(['64', 'lstm', 'wide', 'null'])}.yaml"] = _experiment(dice)
    command = "show"
    if dice.random() < 0.3:
        command = "train"
        words += [_override(dice, swept=True) for _ in range(dice.choice((0, 1, 1, 2)))]
        words += ["-m"] if dice.random() < 0.7 else []
        words += [dice.choice(FLAGS)] if dice.random() < 0.1 else []
    dice.shuffle(words)
    return Case((command, *words), files)


def _override(dice: random.Random, swept: bool) -> str:
    value = dice.choice(SWEEPS if swept and dice.random() < 0.8 else VALUES)
    if dice.random() < 0.3:
        group = dice.choice(GROUPS)
        options = _options(group)
        chosen = dice.choice(options) if options and dice.random() < 0.6 else value
        key, value = group + dice.choice(("",) * 9 + ("@x", "@", "@model:x")), chosen
    else:
        key = dice.choice(keys())
    sign = dice.choice(("",) * 12 + ("+", "++", "~", "~~", " "))
    return f"{sign}{key}{dice.choice(('=',) * 20 + ('', '==', ' = ', ':'))}{value}"


def _experiment(dice: random.Random) -> bytes:
    lines = [f"defaults:\n  {dice.choice(DEFAULTS)}"] if dice.random() < 0.4 else []
    if dice.random() < 0.05:
        lines.append(f"defaults: {dice.choice(TEXTS)}")
    for _ in range(dice.choice((0, 1, 2, 4))):
        lines.append(_line(dice))
    content = ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")
    return _damaged(dice, content) if dice.random() < 0.15 else content


def _line(dice: random.Random) -> str:
    """Write one key as nested YAML, or as one that nobody meant."""
    *above, last = dice.choice(keys()).split(".")
    text = "".join(f"{'  ' * depth}{name or chr(39) * 2}:\n" for depth, name in enumerate(above))
    last = dice.choice((last,) * 9 + ("? [1]\n", "null", "3", "<<"))
    return f"{text}{'  ' * len(above)}{last}: {dice.choice(TEXTS)}"


def _damaged(dice: random.Random, content: bytes) -> bytes:
    place = dice.randrange(len(content) + 1)
    return dice.choice(
        (
            content[:place],
            content[:place] + bytes([dice.randrange(256)]) + content[place + 1 :],
            content.decode("utf-8", "replace").encode("utf-16"),
            b"\xef\xbb\xbf" + content,
            content + content,
            content.replace(b"\n", b"\r"),
            content.replace(b"  ", b"\t"),
            b"- " + content,
        )
    )


def written(case: Case, folder: Path) -> None:
    """Put the files of a case into a folder."""
    for name, content in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
