"""Cutting a text into words, characters or subwords, in the same way for training and for prediction.

Every rule first brings a text into Unicode's composed form (NFC), so that the two ways to write an `é` are one
token, and leaves out blanks at both ends. Compatible characters (`ﬁ`, full-width letters) stay what they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import islice
from typing import Any, Literal

from pydantic import Field

from rnnexp.registry import settings

Kind = Literal["word", "blank", "character", "subword"]

# Beyond, there are only the variation selectors of Chinese characters.
LAST_MARK = 0x20000
JOINERS = "\u200c\u200d"

# Unicode blocks of Thai, Lao, Tibetan, Burmese, Khmer, Japanese kana, and Chinese characters.
UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
RUN = re.compile(f"[{UNSPACED}]+")
LETTERS = re.compile(r"[^\W\d_]")
PAIR = re.compile("..?")
SAMPLE = 1_000  # texts
LONGEST_WORD = 4.0  # mean number of letters of a run, above which runs are no words: cut Chinese has 1.7, Thai 3.5

# The 256 bytes, of which all subwords are made, and the ids of padding and unknown.
FEWEST_SUBWORDS = 258


@settings
class TokenSettings:
    """How a source has its texts cut, and which tokens are to be known."""

    tokens: Kind = Field(
        "word", description="Tokenize texts into words, at blanks only, into characters, or into learned subwords."
    )
    lowercase: bool = Field(True, description="Convert to lower case.")
    max_tokens: int | None = Field(
        None, ge=4, description="Size of the vocabulary with padding and unknown; null for no limit."
    )
    min_count: int = Field(1, ge=1, description="Rarer tokens of the training set are unknown.")

    def token_mistakes(self) -> list[str]:
        """List what subwords need and do not have, found before any text is read."""
        if self.tokens != "subword":
            return []
        problems = []
        if (self.max_tokens or 0) <= FEWEST_SUBWORDS:
            problems.append(f"data.max_tokens: subwords need a size above {FEWEST_SUBWORDS}, for example 4000")
        if find_spec("tokenizers") is None:
            problems.append("data.tokens: subwords need the package tokenizers: pip install 'rnnexp[text]'")
        return problems


@dataclass(frozen=True)
class Tokenizer:
    """A rule that turns a text into tokens.

    word:      runs of letters, digits, `_` and accents, with apostrophes inside; any other character by itself
    blank:     what stands between blanks, for texts that are cut already
    character: every character, blanks too
    subword:   the pieces of words learned by byte-pair encoding; `subwords` is what was learned, as JSON
    """

    kind: Kind = "word"
    lowercase: bool = True
    subwords: str | None = None

    def split(self, text: str) -> list[str]:
        """Cut one text; only a text of nothing but blanks has no tokens."""
        return next(self.split_all([text]))

    def split_all(self, texts: Iterable[str]) -> Iterator[list[str]]:
        """Cut many texts, one after another."""
        cut = self._cut
        return (cut(self.normal(text)) for text in texts)

    def join(self, tokens: Sequence[str]) -> str:
        """Write tokens as text; between words there is one blank, whatever there was."""
        if self.kind == "subword":
            from rnnexp.data.texts.subwords import joined

            return joined(tokens, None)
        return ("" if self.kind == "character" else " ").join(tokens)

    def written(self, text: str) -> str:
        """Write a text as its tokens are written."""
        return self.join(self.split(text))

    def normal(self, text: str) -> str:
        """Compose, lower the case if asked, and leave out blanks at both ends."""
        return self.composed(text.strip()).strip()

    def composed(self, text: str) -> str:
        """Compose, and lower the case if asked; blanks stay."""
        composed = unicodedata.normalize("NFC", text)
        # Lower-casing can take a composed character apart again: `İ` becomes `i` and a dot.
        return unicodedata.normalize("NFC", composed.lower()) if self.lowercase else composed

    def key(self, text: str) -> str:
        """Return what texts that are cut alike have in common; with subwords it is the normalized text."""
        return self.normal(text) if self.kind == "subword" else self.written(text)

    @cached_property
    def _cut(self) -> Any:
        if self.kind == "subword":
            from rnnexp.data.texts.subwords import cutter

            return cutter(self.subwords or "")
        return {"word": _words().findall, "blank": str.split, "character": list}[self.kind]


@cache
def _words() -> re.Pattern[str]:
    r"""Write the rule for words: `\w` alone would cut Hindi and other scripts at their vowel signs."""
    marks = "".join(chr(point) for point in range(LAST_MARK) if unicodedata.category(chr(point))[0] == "M")
    # The long list of marks is looked at where a word might end only: at every letter it made the rule 10 times slower.
    run = rf"\w+(?:[{re.escape(marks + JOINERS)}]+\w*)*"
    return re.compile(rf"{run}(?:['’]{run})*|\S")


def is_unspaced(texts: Iterable[str]) -> bool:
    """Say whether most letters are of a script without blanks between words, and not cut into words all the same."""
    runs: list[int] = []
    letters = 0
    for text in islice(texts, SAMPLE):
        letters += len(LETTERS.findall(text))
        runs += [sum(unicodedata.category(sign)[0] != "M" for sign in run) for run in RUN.findall(text)]
    return 2 * sum(runs) > letters and sum(runs) > LONGEST_WORD * len(runs)


def split_runs(text: str) -> str:
    """Put blanks where words may end in a script that has none: after two letters, as long as most Chinese words."""
    return text if text.isascii() else RUN.sub(lambda run: f" {' '.join(PAIR.findall(run[0]))} ", text)
