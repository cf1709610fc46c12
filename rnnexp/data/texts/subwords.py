"""Subwords by byte-pair encoding over bytes, learned and applied by the library `tokenizers`.

Any text can be written in bytes, so nothing is lost, in any language; what is learned is JSON.
Source: Sennrich, Haddow and Birch, Neural machine translation of rare words with subword units, 2016; over bytes:
Radford et al., Language models are unsupervised multitask learners, 2019, section 2.2.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rnnexp.errors import DataError, ResourceError


def learn(texts: Iterable[str], size: int) -> str:
    """Learn at most `size` pieces, the 256 bytes among them, from normalized texts; return them as JSON."""
    library = _library()
    model = library.Tokenizer(library.models.BPE())
    model.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = library.trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
    )
    model.train_from_iterator(texts, trainer)
    return model.to_str()


def pieces(learned: str) -> list[str]:
    """List all pieces that were learned, the 256 bytes among them, as JSON has them."""
    return list(json.loads(learned)["model"]["vocab"])


def cutter(learned: str) -> Callable[[str], list[str]]:
    """Return the function that cuts a normalized text into the pieces that were learned."""
    library = _library()
    try:
        model = library.Tokenizer.from_str(learned)
    except Exception as error:  # the library raises nothing more special
        raise DataError(f"the subwords of the model are damaged: {error}") from None
    return lambda text: model.encode(text).tokens


def joined(pieces: Sequence[str], line_end: str | None) -> str:
    """Write pieces as text; bytes that make no character are shown as such."""
    library = _library()
    decode = library.decoders.ByteLevel().decode
    texts: list[list[str]] = [[]]
    for piece in pieces:
        if piece == line_end:
            texts.append([])
        else:
            texts[-1].append(piece)
    return "\n".join(str(decode(text)).strip() for text in texts)


def _library() -> Any:
    # Its threads would outnumber those that the run may use, and warn whenever a process is forked.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise ResourceError("data.tokens=subword needs the package tokenizers: pip install 'rnnexp[text]'") from None
    return tokenizers
