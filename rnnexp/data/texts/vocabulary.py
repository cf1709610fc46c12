"""Which tokens a network knows: counted in the training part, the most frequent ones first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from rnnexp.errors import DataError, count

PADDING, UNKNOWN = 0, 1
RESERVED = ("<padding>", "<unknown>")


@dataclass(frozen=True)
class Vocabulary:
    """A token per id: 0 fills up short texts, 1 stands for any token that is not known.

    The two reserved words are never looked up: a text that contains `<unknown>` has a token like any other.
    """

    tokens: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def ids(self) -> dict[str, int]:
        return {token: index for index, token in enumerate(self.tokens) if index >= len(RESERVED)}


@dataclass(frozen=True)
class Learned:
    """A vocabulary, and what it leaves out of the training part, as a sentence."""

    vocabulary: Vocabulary
    note: str


def learn(
    texts: Iterable[list[str]],
    max_tokens: int | None = None,
    min_count: int = 1,
    ends: tuple[str, ...] = (),
    pieces: Iterable[str] = (),
) -> Learned:
    """Number the tokens of the training texts, and of no others, by frequency, then by alphabet.

    `ends` stand at the ends of every text without being of it: they are always known, in the place of tokens that
    are as frequent, and no limit drops them. `pieces` are known even if the texts have none of them: what any text
    can be written in. `max_tokens` counts the two reserved ids, and the ends.
    Raises DataError if fewer than two tokens of the texts are left.
    """
    counts, number = Counter[str](), 0
    for tokens in texts:
        counts.update(tokens)
        number += 1
    unseen = [(piece, 0) for piece in pieces if piece not in counts]
    ranked = sorted([*(item for item in counts.items() if item[1] >= min_count), *unseen], key=_rank)
    kept = ranked if max_tokens is None else ranked[: max(0, max_tokens - len(RESERVED) - len(ends))]
    if len(kept) < 2:
        beside = f"; {' and '.join(ends)} come on top" if ends else ""
        raise DataError(_too_few(counts, kept, max_tokens, min_count) + beside)
    known = sorted([*kept, *((end, number) for end in ends)], key=_rank)
    return Learned(Vocabulary((*RESERVED, *(token for token, _ in known))), _note(counts, kept))


def _note(counts: Counter[str], kept: list[tuple[str, int]]) -> str:
    share, seen = 1 - sum(times for _, times in kept) / counts.total(), sum(times > 0 for _, times in kept)
    more = f"; and {len(kept) - seen:,} that it does not have" if seen < len(kept) else ""
    return (
        f"vocabulary: {seen:,} of the {count(len(counts), 'token')} of the training set; "
        f"the others make up {share:.1%} of it{more}"
    )


def _rank(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _too_few(counts: Counter[str], kept: list[tuple[str, int]], max_tokens: int | None, min_count: int) -> str:
    found = ", ".join(f'"{token}" {number} times' for token, number in counts.most_common(3)) or "none"
    limits = f"data.min_count={min_count}" + (f" and data.max_tokens={max_tokens}" if max_tokens else "")
    left = f'only the token "{kept[0][0]}"' if kept else "no token"
    return (
        f"{limits} leave {left} of the {count(len(counts), 'token')} of the training set (most frequent: {found}); "
        "a vocabulary needs at least 2. Check data.tokens, or change these limits"
    )
