"""Letters of any script, where Hydra's grammar knows those from a to z alone, and quotes around keys of a mapping."""

from __future__ import annotations

import re
from collections.abc import Iterator

from antlr4 import InputStream
from hydra.core.override_parser import overrides_parser

# A quoted text, or a mark that opens or closes what a value holds.
_MARK = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[\[\](){}]""")
_ESCAPED = re.compile(r"""\\(['"\\])""")
_LETTER = ord("x")


class LetterStream(InputStream):
    """A text in which the lexer of Hydra sees a letter for each one that it does not know, and a blank for each blank.

    A quoted key of a mapping is letters only, without its quotes: `{"1 a": b}`. The text of a token is as it is typed.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        pieces, end = [], 0
        self.data = []
        for start, stop in _find_quoted_keys(text):
            key = _ESCAPED.sub(r"\1", text[start + 1 : stop - 1])
            pieces += [text[end:start], key]
            self.data += [*map(_show, text[end:start]), *[_LETTER] * len(key)]
            end = stop
        self.data += map(_show, text[end:])
        self.strdata = "".join([*pieces, text[end:]])
        self._size = len(self.data)


def _show(letter: str) -> int:
    if letter.isascii():
        return ord(letter)
    return ord(" ") if letter.isspace() else _LETTER


def _find_quoted_keys(text: str) -> Iterator[tuple[int, int]]:
    """Yield where quoted texts begin and end that are keys of a mapping."""
    inside: list[str] = []
    for found in _MARK.finditer(text):
        mark = found[0]
        if mark in "[({":
            inside.append(mark)
        elif mark in "])}":
            inside = inside[:-1]
        elif inside[-1:] == ["{"] and len(mark) > 2:
            before, after = text[: found.start()].rstrip(), text[found.end() :].lstrip()
            if before[-1] in "{," and after[:1] == ":":
                yield found.span()


def use_letters() -> None:
    """Let every parser of Hydra's read its overrides so."""
    overrides_parser.InputStream = LetterStream
