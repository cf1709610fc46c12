"""A linear function of the words of a text, and of its pairs of words, beside a network that labels texts.

It is part of the network, as two tables of weights that are zero while the network is trained: one row for each token,
and one for each pair of neighbors, whose number is hashed (Weinberger et al., Feature hashing for large scale multitask
learning, 2009), for there is no list of pairs in a network. Each occurrence counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnnexp.models.layers import LINEAR, OUTPUT, replace_masked

if TYPE_CHECKING:
    import keras
    import numpy as np

WORDS, PAIRS = f"{LINEAR}_words", f"{LINEAR}_pairs"
TABLES = (WORDS, PAIRS)
MOST_ROWS, MOST_WEIGHTS = 2**18, 2**21  # of pairs: 1 MB for each class, 8 MB of many
LARGEST = 2**31 - 1  # number of a pair before it is hashed: that of an int32


def count_rows(classes: int) -> int:
    """Return the rows of the table of pairs, a power of two."""
    return min(MOST_ROWS, 1 << max(1, (MOST_WEIGHTS // classes).bit_length() - 1))


def hash_pairs(first: Any, second: Any, vocabulary: int, rows: int) -> Any:
    """Return the rows of pairs of tokens: NumPy's integers or Keras's, int32 being enough."""
    factor = max(1, LARGEST // max(1, vocabulary) - 2) | 1
    return (first * factor + second) % rows


def add_word_path(logits: Any, tokens: Any, mask: Any, vocabulary: int) -> Any:
    """Return logits (b, classes) and the linear function of tokens (b, time), added up.

    mask: (b, time), false after the end of a text; None where there is none
    """
    import keras

    classes = logits.shape[-1]
    rows = count_rows(classes)
    pairs = hash_pairs(tokens[:, :-1], tokens[:, 1:], vocabulary, rows)
    words = _add_up(WORDS, vocabulary, classes, tokens, mask)
    both = _add_up(PAIRS, rows, classes, pairs, None if mask is None else mask[:, 1:])
    return keras.layers.Add(dtype="float32", name="output_and_skip")([logits, words, both])


def _add_up(name: str, rows: int, classes: int, places: Any, mask: Any) -> Any:
    import keras

    settings: dict[str, Any] = {"embeddings_initializer": "zeros", "trainable": False, "dtype": "float32"}
    table = keras.layers.Embedding(rows, classes, name=name, **settings)
    return keras.ops.sum(replace_masked(table(places), mask), axis=1)


def set_word_path(network: keras.Model, weights: np.ndarray, intercept: np.ndarray, scale: float) -> None:
    """Let a network answer `scale` times the logits of its own, and a linear function of words.

    weights: of the tokens, and behind them of the rows of pairs, (tokens + rows, classes);  intercept: (classes,)
    """
    from keras import ops

    words, pairs = (network.get_layer(name) for name in TABLES)
    words.embeddings.assign(weights[: words.input_dim].astype("float32"))
    pairs.embeddings.assign(weights[words.input_dim :].astype("float32"))
    output = network.get_layer(OUTPUT)
    output.kernel.assign(ops.convert_to_numpy(output.kernel) * scale)
    output.bias.assign(ops.convert_to_numpy(output.bias) * scale + intercept.astype("float32"))


def reset_word_path(network: keras.Model) -> None:
    """Let a network answer by itself: that of a run before may have left its function of words."""
    from keras import ops

    for name in TABLES:
        table = network.get_layer(name).embeddings
        table.assign(ops.zeros(table.shape))
