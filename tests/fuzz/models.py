"""Tiny saved models of every task, and broken ones: one file of a run's folder is changed in one place.

`broken_models(seed)` yields cases without end; `case.write(folder)` makes the folder of a run, and `outcome(case,
folder)` asks its model, as a command and as MLflow does, and returns what came of that. Anything but a result or an
error of ours is raised.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import random
import re
import shutil
import socket
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# Kind -> the settings of a run whose model is of this kind; `{}` is the folder of the data.
KINDS: dict[str, tuple[str, ...]] = {
    "rows": (
        *("data=csv", "data.path={}/shops.csv", "data.series=shop", "data.time=ds", "data.target=sold"),
        *("data.known=[open]", "data.features=[price]", "data.calendar=[month]", "data.per_series=true"),
        *("data.sequence_length=5", "data.horizon=3", "data.scaler=[log,difference,standard]", "model=gru"),
    ),
    "recursive": (
        *("data=airline_passengers", "data.sequence_length=4", "data.horizon=3", "data.strategy=recursive"),
        *("data.scaler=[instance]", "model=lstm", "model.bidirectional=false"),
    ),
    "sequences": (
        "data=npz",
        "data.path={}/shapes.npz",
        "data.task=classification",
        "data.scaler=standard",
        "model=gru",
    ),
    "numbers": ("data=npz", "data.path={}/numbers.npz", "data.targets=z", "model=simple_rnn"),
    "texts": ("data=text_lines", "data.path={}/lines.txt", "data.min_count=1", "model=lstm", "model.embedding_dim=2"),
    "tags": ("data=text_tags", "data.path={}/names.conll", "data.min_count=1", "model=lstm", "model.embedding_dim=2"),
    "language": (
        "data=corpus",
        "data.path={}/rhyme.txt",
        "data.sequence_length=5",
        "model=gru",
        "model.embedding_dim=2",
    ),
    "pairs": ("data=reverse_digits", "data.examples=60", "model=encoder_decoder", "model.embedding_dim=2"),
}
CONFIG, ABOUT = "config/config.yaml", "run.json"


# What the command `predict` is given for each kind; `{}` is the folder of the data.
INPUTS = {
    "rows": "{}/ahead.csv",
    "recursive": "",
    "sequences": "{}/shapes.npz",
    "numbers": "{}/numbers.npz",
    "texts": "a good film",
    "tags": "ann hill says",
    "language": "the cat purrs",
    "pairs": "123",
}
FILES = ("model/model.json", "model/preprocessing.json", "model/intervals.json", CONFIG, ABOUT)
WEIGHTS = "model/weights.npz"
DEEP: Any = "x"
for _ in range(60):
    DEEP = [DEEP]
# What a value becomes; DELETED is taken away, TWICE stands there twice.
DELETED, TWICE = object(), object()
VALUES: tuple[Any, ...] = (
    *(DELETED, TWICE, None, True, 0, -1, 3, 60_000, 10**9, 10**30, 0.5, -1e300, 1e300, "", "3", "lstm", "x" * 300_000),
    *([], [1], ["a"], {}, {"a": 1}, [None] * 3, list(range(5000)), DEEP, float("nan"), float("inf")),
)


class Saved(NamedTuple):
    """The folder of a run with its model, and what may be asked of it: a table, an array or a list of texts."""

    folder: Path
    question: Any


def data(folder: Path) -> None:
    """Write the files that the settings of KINDS read."""
    import pandas

    generator = np.random.default_rng(0)
    days = pandas.date_range("2024-01-01", periods=40, freq="D")
    shops = [
        pandas.DataFrame({"shop": name, "ds": days, "sold": size * (2 + generator.random(40)), "price": 1 + days.day})
        for name, size in (("north", 1.0), ("south", 40.0))
    ]
    table = pandas.concat(shops).assign(open=lambda rows: rows["ds"].dt.day % 2)
    table.to_csv(folder / "shops.csv", index=False)
    ahead = [rows.assign(sold=rows["sold"].where(rows.index < 37)) for _, rows in table.groupby("shop")]
    pandas.concat(ahead).to_csv(folder / "ahead.csv", index=False)
    x, y = generator.normal(size=(24, 5, 2)), np.array(["up", "down"] * 12)
    np.savez(folder / "shapes.npz", x=x, y=y)
    np.savez(folder / "numbers.npz", x=x, z=x[:, -1])
    lines = "pos a good film\nneg a bad film\npos good good fun\nneg bad and dull\npos fun\nneg dull dull film\n"
    (folder / "lines.txt").write_text(lines * 5, encoding="utf-8")
    one = "ann B-PER\nhill I-PER\nsays O\n\nbob B-PER\nsees O\nann B-PER\n\n"
    (folder / "names.conll").write_text(one * 20, encoding="utf-8")
    (folder / "rhyme.txt").write_text("the cat purrs\nthe dog barks\n" * 30, encoding="utf-8")


@cache
def saved(kind: str) -> Saved:
    """Save an untrained network of a kind, once per process, in the folder of a run that no store knows."""
    import yaml

    import rnnexp as rx
    from rnnexp import runner, runtime
    from rnnexp.config.flat import plain_values
    from rnnexp.models import bundle, exporter
    from rnnexp.models.build import build
    from rnnexp.tasks.forecasting.intervals import calibrate

    runtime.configure()
    place = _scratch() / kind
    place.mkdir()
    data(place)
    experiment = rx.compose(*(word.format(place) for word in KINDS[kind]), "model.units=[3]", "tracking=off")
    dataset = runner.loaded(experiment)
    model = build(experiment.model, dataset.spec, 1)
    folder = place / "run"
    exporter.save(folder / "model", bundle.Bundle(model, dataset.spec, dataset.scaling, experiment.model))
    if kind in ("rows", "recursive"):
        calibrate(np.random.default_rng(1).normal(size=(30, 3, 1))).write(folder / "model")
    (folder / "config").mkdir()
    (folder / CONFIG).write_text(yaml.safe_dump(plain_values(experiment), sort_keys=False), encoding="utf-8")
    (folder / ABOUT).write_text(json.dumps({"run_id": "a" * 32, "experiment_id": "1", "uri": "sqlite:///none.db"}))
    return Saved(folder, dataset.example())


@cache
def _scratch() -> Path:
    import atexit

    folder = tempfile.mkdtemp(prefix="rnnexp-models-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def served(folder: Path) -> Any:
    """Load a model as MLflow does."""
    from rnnexp.tracking.pyfunc import _load_pyfunc

    return _load_pyfunc(str(folder / "model"))


class Case(NamedTuple):
    """A model that somebody has broken."""

    kind: str
    description: str
    write: Callable[[Path], None]


def broken_models(seed: int) -> Iterator[Case]:
    """Yield cases without end, the same ones for a seed."""
    source = random.Random(seed)
    while True:
        kind = source.choice(list(KINDS))
        yield source.choice([_changed_value, _changed_value, _changed_value, _damaged_file])(kind, source)


def every_field(kind: str) -> Iterator[Case]:
    """Yield a case for each value in each file of a kind, and each thing that it may become."""
    for name in FILES:
        for place in _places(_read(kind, name)):
            for value in range(len(VALUES)):
                yield _value_case(kind, name, place, value)


def _files(kind: str) -> list[str]:
    return [one for one in (*FILES, WEIGHTS) if (saved(kind).folder / one).is_file()]


def _changed_value(kind: str, source: random.Random) -> Case:
    name = source.choice([one for one in _files(kind) if one != WEIGHTS])
    return _value_case(kind, name, source.choice(list(_places(_read(kind, name)))), source.randrange(len(VALUES)))


def _value_case(kind: str, name: str, place: tuple[Any, ...], value: int) -> Case:
    shown = {id(DELETED): "deleted", id(TWICE): "twice"}.get(id(VALUES[value]), repr(VALUES[value])[:30])

    def write(folder: Path) -> None:
        _copied(kind, folder)
        (folder / name).write_text(_changed(_read(kind, name), place, VALUES[value]), encoding="utf-8")

    return Case(kind, f"{kind}: {name} {'.'.join(map(str, place))} = {shown}", write)


def _damaged_file(kind: str, source: random.Random) -> Case:
    return damage(kind, source.choice(_files(kind)), source.choice(list(DAMAGES)), source.random())


def damage(kind: str, name: str, how: str, seed: float) -> Case:
    """Return the case of one file that is no file of its kind at all, by a name in DAMAGES."""

    def write(folder: Path) -> None:
        _copied(kind, folder)
        file = folder / name
        content = file.read_bytes()
        file.unlink()
        DAMAGES[how](file, content, random.Random(seed))

    return Case(kind, f"{kind}: {name} {how}", write)


@cache
def _bomb() -> bytes:
    """Return an archive of 400 megabytes of zeros in 400 kilobytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a/kernel.npy", "w") as member:
        about = {"descr": "<f4", "fortran_order": False, "shape": (100, 1_000_000)}
        np.lib.format.write_array_header_1_0(member, about)  # type: ignore[arg-type]
        for _ in range(40):
            member.write(bytes(10_000_000))
    return packed.getvalue()


def _flipped(file: Path, content: bytes, source: random.Random) -> None:
    changed = bytearray(content)
    for _ in range(source.randrange(1, 8)):
        changed[source.randrange(len(changed))] = source.randrange(256)
    file.write_bytes(changed)


def _cut(file: Path, content: bytes, source: random.Random) -> None:
    file.write_bytes(content[: source.randrange(len(content))])


def _outside(file: Path, content: bytes, _: Any) -> None:
    other = file.parents[2] / "elsewhere"
    other.write_bytes(content)
    file.symlink_to(other)


def _listening(file: Path, *_: Any) -> None:
    with contextlib.chdir(file.parent), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(file.name)  # a whole path may be too long for a socket


def _holds(content: bytes) -> Callable[[Path, bytes, random.Random], None]:
    def write(file: Path, *_: Any) -> None:
        file.write_bytes(content)

    return write


LAUGHS = ["a0: &a0 [ha, ha]", *(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]" for i in range(1, 30))]
DAMAGES: dict[str, Callable[[Path, bytes, random.Random], None]] = {
    "is absent": lambda file, content, source: None,
    "is empty": _holds(b""),
    "is cut": _cut,
    "has other bytes": _flipped,
    "is a folder": lambda file, content, source: file.mkdir(),
    "is a pipe": lambda file, content, source: os.mkfifo(file),
    "is a socket": _listening,
    "is a link to a device": lambda file, content, source: file.symlink_to("/dev/zero"),
    "is a link to itself": lambda file, content, source: file.symlink_to(file.name),
    "is a link out of the folder": _outside,
    "is a zip bomb": lambda file, content, source: _holds(_bomb())(file, content, source),
    "is a list": _holds(b"[1, 2]"),
    "is a number": _holds(b"7"),
    "nests 100,000 lists": _holds(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "has a tag of Python": _holds(b"a: !!python/object/apply:os.getcwd []"),
    "laughs a billion times": _holds("\n".join(LAUGHS).encode()),
    "is not UTF-8": _holds(b'{"a": "\xff\xfe"}'),
    "has NULs": _holds(b"\0" * 1000),
    "is all digits": _holds(b'{"a": ' + b"9" * 100_000 + b"}"),
}


def outcome(case: Case, folder: Path, command: str = "predict") -> str:
    """Ask the model of a folder that `case.write` has made; return what came of it, without the folder's name.

    command: of the command line: "predict", "evaluate" or, of a language model, "generate"
    """
    from rnnexp.cli.main import main
    from rnnexp.errors import RnnexpError

    said = io.StringIO()
    asked = {
        "predict": list(filter(None, [INPUTS[case.kind].format(_scratch() / case.kind)])),
        "generate": ["--length", "3"],
    }
    with warnings.catch_warnings(), contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        code = main([command, str(folder), *asked.get(command, [])])
        try:
            served(folder).predict(saved(case.kind).question)
            answer = "result"
        except RnnexpError as error:
            answer = f"{type(error).__name__}: {error}"
    text = said.getvalue().replace(str(folder), "")
    if "Traceback" in text or code not in (0, 2, 3, 4) or len(text) > 3000 or len(answer) > 3000:
        raise AssertionError(f"{case.description}: exit {code}: {text[-2000:]}")
    return f"exit {code}: {text.strip()} / {answer.replace(str(folder), '')}"


def _read(kind: str, name: str) -> Any:
    import yaml

    file = saved(kind).folder / name
    return yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where each value stands; of a list the first and the last one."""
    if above:
        yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ends = {0, len(value) - 1} if isinstance(value, list) else None
    for key, one in inner:
        if ends is None or key in ends:
            yield from _places(one, (*above, key))


def _changed(values: Any, place: tuple[Any, ...], value: Any) -> str:
    """Return values as JSON with another one at a place; with a point in each float, it is YAML 1.1 as well."""
    values = copy.deepcopy(values)
    above = values
    for key in place[:-1]:
        above = above[key]
    if value is DELETED:
        del above[place[-1]]
    elif value is not TWICE:
        above[place[-1]] = value
    text = re.sub(r"(?<=[ \[])(-?\d+)(e[+-]\d+)(?=[,}\]])", r"\1.0\2", json.dumps(values))
    if value is TWICE and isinstance(above, dict):
        own = json.dumps({place[-1]: above[place[-1]]})[1:-1]
        text = text.replace(own, f"{own}, {own}", 1)
    return text


def _copied(kind: str, folder: Path) -> None:
    shutil.copytree(saved(kind).folder, folder)
