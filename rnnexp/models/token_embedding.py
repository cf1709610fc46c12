"""Tokens in and out: an embedding before the recurrent layers, and scores of all tokens after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnnexp.data.spec import TaskSpec

if TYPE_CHECKING:
    import keras

    from rnnexp.models.recurrent import RecurrentModel


def make_embedding(model: RecurrentModel, spec: TaskSpec) -> keras.layers.Layer:
    """Make the layer that gives each token its vector; one that is tied can also be read backwards.

    Where the next token is predicted, vectors start with unit variance: from Keras's small ones a network first learns
    how frequent tokens are, and what comes before them late. Labels of few texts are learned better from small vectors,
    in which rare words hardly count. Those that are scores too start small.
    """
    import keras

    past = spec.inputs["past"]
    size = past.vector or model.vector_size()
    shared = {"name": "embedding", "trainable": model.embedding_trainable}
    if model.tie_weights:
        return keras.layers.ReversibleEmbedding(past.vocabulary, size, reverse_dtype="float32", **shared)
    spread = keras.initializers.RandomNormal(stddev=1.0) if spec.scores_of == "past" else "uniform"
    return keras.layers.Embedding(past.vocabulary, size, embeddings_initializer=spread, **shared)


def embed(layer: Any, tokens: Any, model: RecurrentModel) -> Any:
    """Return the vectors (b, time, size) of tokens (b, time), some of which are dropped in training."""
    import keras

    x = layer(tokens)
    if model.word_dropout:
        x = keras.layers.Dropout(model.word_dropout, noise_shape=(None, None, 1), name="word_dropout")(x)
    if model.embedding_dropout:
        x = keras.layers.SpatialDropout1D(model.embedding_dropout, name="embedding_dropout")(x)
    return x


def compute_logits(x: Any, layer: Any, vocabulary: int, tied: bool) -> Any:
    """Return a score for each token of the vocabulary, (b, time, vocabulary): logits, in float32.

    tied: products with the vectors of the embedding alone (Press and Wolf, Using the output embedding to improve
    language models, 2017), without a bias
    """
    import keras

    return layer(x, reverse=True) if tied else keras.layers.Dense(vocabulary, dtype="float32", name="output")(x)
