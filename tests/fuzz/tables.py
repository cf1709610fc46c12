"""Tables that are broken in one place: a small one that can be read, with some of its bytes changed."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable

from tests.tables import cases as valid

from .overrides import Case

CELLS = (
    "",
    "NA",
    "x",
    "1,5",
    "1e999",
    "-",
    "inf",
    "9" * 400,
    "1.2.3",
    '"',
    '""',
    "=1+1",
    "ä",
    "\0",
    "2020-13-45",
    "24:00",
)
NAMES = ("table.csv", "table.csv", "table.csv.gz", "table.txt", "table.parquet", "table.csv.xz", "table")
SETTINGS = (
    *("data.time=d", "data.target=y", "data.target=[y,z]", "data.series=d", "data.header=none", "data.missing=drop"),
    *("data.gaps=ffill", "data.gaps=ignore", "data.unsorted=sort", "data.duplicates=mean", "data.separator=tab"),
    *("data.encoding=utf-16", "data.encoding=latin-1", "data.decimal=','", "data.comment='#'", "data.frequency=D"),
    *("data.frequency=s", "data.frequency=10YS", "data.split=none", "data.split.test=2020-01-20", "data.time_zone=UTC"),
    *("data.time_format='%d.%m.%Y'", "data.thousands=' '", "data.calendar=[month]", "data.columns_as_series=true"),
)


def table(dice: random.Random) -> bytes:
    separator, end = dice.choice(",;\t| "), dice.choice(("\n", "\r\n"))
    rows = [["d", "y", "z"], *([f"2020-01-{day:02d}", str(day * 3 % 7), f"{day}.5"] for day in range(1, 31))]
    return end.join(separator.join(row) for row in rows).encode() + end.encode()


def _cell(dice: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    row = dice.randrange(len(lines))
    separator = next((one for one in (b",", b";", b"\t", b"|", b" ") if one in lines[0]), b",")
    cells = lines[row].split(separator)
    cells[dice.randrange(len(cells))] = dice.choice(CELLS).encode()
    return b"\n".join([*lines[:row], separator.join(cells), *lines[row + 1 :]])


def _line(dice: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    row = dice.randrange(len(lines))
    other = dice.choice(
        (b"", b"title", b"a,b,c,d,e", b"# a comment", lines[row] + b",", lines[row] * 2, b"sep=;", b'"')
    )
    return b"\n".join([*lines[:row], other, *lines[row + dice.randrange(2) :]])


def _bytes(dice: random.Random, content: bytes) -> bytes:
    place = dice.randrange(len(content) + 1)
    noise = bytes(dice.randrange(256) for _ in range(dice.choice((1, 2, 50))))
    return content[:place] + noise + content[place + dice.choice((0, 1, 20)) :]


def _cut(dice: random.Random, content: bytes) -> bytes:
    return content[: dice.randrange(len(content) + 1)]


def _packed(dice: random.Random, content: bytes) -> bytes:
    packed = gzip.compress(content, mtime=0)
    return dice.choice((packed, _cut(dice, packed), _bytes(dice, packed), packed + b"rest", packed * 2))


def _written(dice: random.Random, content: bytes) -> bytes:
    return content.decode("latin-1").encode(dice.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7")))


def _order(dice: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    dice.shuffle(lines)
    return b"\n".join(lines[: dice.randrange(len(lines) + 1)] if dice.random() < 0.5 else lines)


DAMAGES: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _cell,
    _cell,
    _line,
    _bytes,
    _cut,
    _packed,
    _written,
    _order,
)


def case(seed: int, number: int) -> Case:
    """Return the case of a number: a file, and the command that reads it."""
    dice = random.Random(f"tables/{seed}/{number}")
    if dice.random() < 0.5:
        return _valid(dice, seed, number)
    name, content = dice.choice(NAMES), _damaged(dice, table(dice))
    if dice.random() < 0.5:
        return Case(("init", name), {name: content})
    settings = dice.sample(SETTINGS, dice.choice((1, 2, 2, 3)))
    return Case(("read", "data=csv", f"data.path={name}", *settings), {name: content})


def _damaged(dice: random.Random, content: bytes) -> bytes:
    for _ in range(dice.choice((1, 1, 2, 4))):
        content = dice.choice(DAMAGES)(dice, content)
    return content


def _valid(dice: random.Random, seed: int, number: int) -> Case:
    """Break a table of any kind that people have."""
    made = valid.case(seed, number)
    content = made.bytes
    if made.name.endswith(".gz") and dice.random() < 0.8:
        content = gzip.compress(_damaged(dice, gzip.decompress(content)), mtime=0)
    else:
        content = _damaged(dice, content)
    words = dice.choice((made.words, made.words, ("--target", made.content.columns[0].name), ("--series", "series")))
    return Case(("init", made.name, *words), {made.name: content})
