"""Lines of a token and its tag: which columns they are, with blank lines between sequences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rnnexp.data.inspect.text_kinds import NUMBER, WORD, TextFile

TAGGED = (".conll", ".conllu", ".iob", ".bio", ".iob2")
CONLLU = 10  # columns


def is_tagged(text: TextFile) -> bool:
    """Tell lines of a token and its tag, with blank lines between sequences."""
    rows = [line.split() for line in text.filled if not line.startswith("#")]
    widths = Counter(map(len, rows))
    if not rows or min(widths) < 2:
        return False
    if {*text.file.suffixes} & {*TAGGED}:
        return True
    columns = find_tag_columns(text)
    word, tag = columns.get("word", 0), columns.get("tag", -1)
    blank = len(text.lines) - len(text.filled)
    words = sum(bool(WORD.search(row[word])) for row in rows)
    tags = {row[tag] for row in rows}
    apart = len(widths) == 1 and "," not in text.filled[0] and ";" not in text.filled[0]
    few = len(tags) <= max(3, len(rows) // 5) and not any(NUMBER.fullmatch(one) for one in tags)
    return apart and few and blank >= 1 and words > len(rows) / 2


def find_tag_columns(text: TextFile) -> dict[str, int]:
    """Return the columns of words, tags and the tokens' numbers that are not as usual: the first, the last and none."""
    rows = [line.split() for line in text.filled if not line.startswith("#")]
    if not rows or len({*map(len, rows)}) > 1:
        return {}
    columns = list(zip(*rows))
    numbered = len(columns) > 2 and _counts(columns[0])
    if numbered and len(columns) < CONLLU:
        tags = [place for place in range(2, len(columns)) if _are_tags(columns[place])]
        other = {} if not tags or len(columns) - 1 in tags else {"tag": tags[0]}
        return {"word": 1, "number": 0, **other}
    first, last = columns[0], columns[-1]
    return {"word": len(columns) - 1, "tag": 0} if _are_tags(first) and not _are_tags(last) else {}


def _counts(cells: Sequence[str]) -> bool:
    """Tell numbers that begin anew with 0 or 1 in each sequence."""
    if not all(map(str.isdecimal, cells)):
        return False
    numbers = [*map(int, cells)]
    return all(one in (0, 1) or one == before + 1 for before, one in zip([0, *numbers], numbers))


def _are_tags(cells: Sequence[str]) -> bool:
    """Tell few different cells, several of them."""
    return 1 < len({*cells}) <= max(3, len(cells) // 5)
