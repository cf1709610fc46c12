"""The text format of the bAbI tasks (Weston et al., arXiv 1502.05698): numbered lines, and a question among them.

Numbers that start again at 1 begin another story. A line with tabs is a question, its answer, and the numbers of the
lines that support it; what stands above it in its story is what may be known then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnexp.errors import DataError

LINE = re.compile(r"(\d+) +(.*\S)\s*$")
WORD = re.compile(r"[\w'-]+")


@dataclass(frozen=True)
class Question:
    """One question, with what was told before it, the oldest fact first.

    answer:  "" where none is known
    support: places in `facts` that the answer follows from
    story:   the same for all questions about one story
    place:   where it stands
    """

    facts: tuple[str, ...]
    text: str
    answer: str = ""
    support: tuple[int, ...] = ()
    story: str = ""
    place: str = ""


def split_words(sentence: str) -> list[str]:
    """Cut a sentence into words of small letters."""
    return WORD.findall(sentence.lower())


def read_stories(lines: Iterable[str], name: str) -> list[Question]:
    """Read all questions of a file's lines; DataError names a line that does not belong to the format."""
    found: list[Question] = []
    facts: dict[int, str] = {}
    last, story = 0, ""
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{name}, line {row}"
        matched = LINE.match(line)
        if matched is None:
            raise DataError(f"{place}: begins with no number; a line of a story is `3 Mary went to the kitchen.`")
        number, rest = int(matched[1]), matched[2]
        if number == 1:
            facts, last, story = {}, 0, place
        if number != last + 1:
            raise DataError(f"{place}: has the number {number} after {last}; lines of a story are numbered from 1 on")
        last = number
        if "\t" in rest or rest.endswith("?"):
            found.append(_read_question(rest.split("\t"), facts, story, place))
        else:
            facts[number] = rest
    if not found:
        raise DataError(f"{name}: there is no question in it; one is `Where is Mary?`, a tab, and the answer")
    return found


def _read_question(cells: Sequence[str], facts: dict[int, str], story: str, place: str) -> Question:
    if not facts:
        raise DataError(f"{place}: asks before anything is told")
    numbers = [*facts]
    wanted = cells[2].split() if len(cells) > 2 else []
    if strange := [number for number in wanted if not number.isdecimal() or int(number) not in facts]:
        raise DataError(f"{place}: `{strange[0]}` is not the number of a fact above it")
    answer = cells[1].strip() if len(cells) > 1 else ""
    support = tuple(numbers.index(int(number)) for number in wanted)
    return Question(tuple(facts.values()), cells[0].strip(), answer, support, story, place)


def write_stories(path: Path, questions: Iterable[Question]) -> None:
    """Write each question as a story of its own."""
    lines = []
    for one in questions:
        lines += [f"{number} {fact}" for number, fact in enumerate(one.facts, start=1)]
        support = " ".join(str(place + 1) for place in one.support)
        lines.append(f"{len(one.facts) + 1} {one.text}\t{one.answer}\t{support}".rstrip("\t"))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
