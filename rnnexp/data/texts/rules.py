"""Mistakes in how texts are to be cut, found before any text is read."""

from __future__ import annotations

from importlib.util import find_spec

# The 256 bytes, of which all subwords are made, and the ids of padding and unknown.
FEWEST_SUBWORDS = 258


def subword_mistakes(tokens: str, max_tokens: int | None) -> list[str]:
    """List what subwords need and do not have."""
    if tokens != "subword":
        return []
    problems = []
    if (max_tokens or 0) <= FEWEST_SUBWORDS:
        problems.append(f"data.max_tokens: subwords need a size above {FEWEST_SUBWORDS}, for example 4000")
    if find_spec("tokenizers") is None:
        problems.append("data.tokens: subwords need the package tokenizers: pip install 'rnnexp[text]'")
    return problems
