"""Two networks that answer questions. Both are made of Keras's own layers, so that their files need no plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from rnnexp import register
from rnnexp.data.spec import TaskSpec

if TYPE_CHECKING:
    import keras


@register("model")
def memory_network(
    spec: TaskSpec,
    size: Annotated[int, Field(ge=1, description="Numbers that a fact, and the question, are made of.")] = 32,
    hops: Annotated[int, Field(ge=1, description="Times that it looks through the facts.")] = 3,
    dropout: Annotated[
        float, Field(ge=0, lt=1, description="Share of facts that are not looked at in training.")
    ] = 0.1,
) -> keras.Model:
    """Look through the facts several times, each time by what was found before (Sukhbaatar et al., arXiv 1503.08895).

    Vectors of adjacent hops are shared, as there. A fact is the sum of its words' vectors, each times weights of its
    place that are learned (Henaff et al., arXiv 1612.03969, equation 1), and a vector of how long ago it was told.
    """
    import keras

    past, question, mask = _make_inputs(spec)
    tables = [_embed(spec, size, f"words_{number}") for number in range(hops + 1)]
    readers = [_read_facts(spec, size, f"facts_{number}") for number in range(hops + 1)]
    seen = [reader(table(past)) for reader, table in zip(readers, tables)]
    state = _read_words(spec, size, "question_words")(tables[0](question))
    state = keras.layers.Reshape((1, size), name="state")(state)
    for hop in range(hops):
        look = keras.layers.Attention(dropout=dropout, name=f"hop_{hop + 1}")
        found = look([state, seen[hop + 1], seen[hop]], mask=[None, mask])
        state = keras.layers.Add(name=f"state_{hop + 1}")([state, found])
    x = keras.layers.Flatten(name="flat")(state)
    x = keras.layers.Dense(spec.output_shape[0], name="output")(x)
    return keras.Model([past, question, mask], x)


@register("model")
def story_gru(
    spec: TaskSpec,
    size: Annotated[int, Field(ge=1, description="Numbers that a word is made of.")] = 32,
    units: Annotated[int, Field(ge=1, description="Units of the GRU, of each direction.")] = 32,
) -> keras.Model:
    """Read all facts in order by a GRU that sees the question with each, and attend to its states by the question."""
    import keras

    layers = keras.layers
    past, question, mask = _make_inputs(spec)
    words = _embed(spec, size, "words")
    facts = _read_words(spec, size, "fact_words", ahead="s")(words(past))
    asked = _read_words(spec, size, "question_words")(words(question))
    beside = layers.RepeatVector(spec.inputs["past"].shape[0], name="asked")(asked)
    both = layers.Concatenate(name="both")([facts, beside, layers.Multiply(name="alike")([facts, beside])])
    states = layers.Bidirectional(layers.GRU(units, return_sequences=True), name="gru")(both, mask=mask)
    query = layers.Reshape((1, 2 * units), name="query")(layers.Dense(2 * units, name="ask")(asked))
    found = layers.Attention(name="attention")([query, states], mask=[None, mask])
    x = layers.Concatenate(name="found")([layers.Flatten(name="flat")(found), asked])
    x = layers.Dense(units, activation="relu", name="hidden")(x)
    return keras.Model([past, question, mask], layers.Dense(spec.output_shape[0], name="output")(x))


def _make_inputs(spec: TaskSpec) -> list[Any]:
    import keras

    names = ("past", "question", "mask")
    return [keras.Input(spec.inputs[name].shape, dtype=spec.inputs[name].dtype, name=name) for name in names]


def _embed(spec: TaskSpec, size: int, name: str) -> Any:
    """Return a table of words; the vector of padding is taken out again where sentences are read."""
    import keras

    normal = keras.initializers.RandomNormal(stddev=0.1)
    return keras.layers.Embedding(spec.inputs["past"].vocabulary, size, embeddings_initializer=normal, name=name)


def _read_words(spec: TaskSpec, size: int, name: str, ahead: str = "") -> Any:
    """Return a layer that sums the vectors of words (..., words, size), each times weights of its place."""
    import keras

    shape = (*[spec.inputs["past"].shape[0]] * bool(ahead), size)
    return keras.layers.EinsumDense(f"b{ahead}we,we->b{ahead}e", shape, kernel_initializer="ones", name=name)


def _read_facts(spec: TaskSpec, size: int, name: str) -> Any:
    """Return such a layer for all facts, which adds a vector to each that tells how many facts ago it was."""
    import keras

    facts = spec.inputs["past"].shape[0]
    return keras.layers.EinsumDense(
        "bswe,we->bse",
        (facts, size),
        bias_axes="se",
        kernel_initializer="ones",
        bias_initializer=keras.initializers.RandomNormal(stddev=0.1),
        name=name,
    )
