"""Tokens in and out: an embedding before the recurrent layers, and scores of all tokens after them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from rnnexp.data.spec import TaskSpec

if TYPE_CHECKING:
    import keras

Scores = Callable[[Any], Any]


def layers(model: Any, spec: TaskSpec) -> tuple[keras.layers.Layer, Scores | None]:
    """Make the layer that gives each token its vector, and the scores of what comes after each, if they are asked for.

    Where the next token is predicted, vectors start with unit variance: from Keras's small ones a network first learns
    how frequent tokens are, and what comes before them late. Labels of few texts are learnt better from small vectors,
    in which rare words hardly count. Those that are scores too start small, and are read backwards.
    """
    import keras

    past = spec.inputs["past"]
    size = past.vector or model.vector_size()
    shared = {"name": "embedding", "trainable": model.embedding_trainable}
    if spec.scores_of != "past":
        return keras.layers.Embedding(past.vocabulary, size, embeddings_initializer="uniform", **shared), None
    if model.tie_weights:
        layer = keras.layers.ReversibleEmbedding(past.vocabulary, size, reverse_dtype="float32", **shared)
    else:
        spread = keras.initializers.RandomNormal(stddev=1.0)
        layer = keras.layers.Embedding(past.vocabulary, size, embeddings_initializer=spread, **shared)
    return layer, partial(scores, layer=layer, vocabulary=spec.output_shape[0], tied=model.tie_weights)


def vectors(layer: Any, tokens: Any, model: Any) -> Any:
    """Return the vectors (b, time, size) of tokens (b, time), some of which are dropped in training."""
    import keras

    x = layer(tokens)
    if model.word_dropout:
        x = keras.layers.Dropout(model.word_dropout, noise_shape=(None, None, 1), name="word_dropout")(x)
    if model.embedding_dropout:
        x = keras.layers.SpatialDropout1D(model.embedding_dropout, name="embedding_dropout")(x)
    return x


def scores(x: Any, layer: Any, vocabulary: int, tied: bool) -> Any:
    """Return a score for each token of the vocabulary, (b, time, vocabulary): logits, in float32.

    tied: products with the vectors of the embedding alone (Press and Wolf, Using the output embedding to improve
    language models, 2017), without a bias
    """
    import keras

    return layer(x, reverse=True) if tied else keras.layers.Dense(vocabulary, dtype="float32", name="output")(x)
