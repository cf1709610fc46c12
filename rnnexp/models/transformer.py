"""Transformer blocks before or after recurrent layers: each step looks at the steps that it may see.

Recurrent layers say where a step stands, so that no positions are encoded (Wang et al., R-Transformer, 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, StrictFloat, StrictInt
from pydantic.dataclasses import dataclass

from rnnexp.component import NESTED

if TYPE_CHECKING:
    import keras

DEFAULT_MEMORY = 64
EXPANSION = 4  # inner units of a feed-forward layer for each of a block (Vaswani et al., 2017, section 3.3)
ONLY_CARRIED = (
    "model.transformer.memory: {} given, but these data have no text that continues from batch to batch: a step sees "
    "its whole sequence; use null"
)


@dataclass(frozen=True, kw_only=True, config=NESTED)
class Transformer:
    """Blocks of self-attention and a feed-forward layer, each normalized first (Xiong et al., On layer normalization
    in the transformer architecture, 2020).
    """

    blocks: StrictInt = Field(1, ge=1, le=100, description="number of blocks, stacked")
    heads: StrictInt = Field(
        4, ge=1, description="heads of the attention, each as wide as the block is divided by them, rounded down"
    )
    feed_forward: StrictInt | None = Field(
        None, ge=1, description="inner units of the feed-forward layer; null: 4 times the width of the block"
    )
    dropout: StrictFloat = Field(
        0.0, ge=0, lt=1, description="share of what attention and feed-forward layer add that is dropped in training"
    )
    position: Literal["after", "before"] = Field("after", description="after or before the recurrent layers")
    memory: StrictInt | None = Field(
        None,
        ge=1,
        description="steps before it that a step sees of a text that continues from batch to batch (Dai et al., "
        f"Transformer-XL, 2019); null: {DEFAULT_MEMORY} there, elsewhere the whole sequence",
    )

    def problems(self, carried: bool) -> list[str]:
        """Return what does not go with data whose sequences go on from batch to batch, or do not."""
        return [ONLY_CARRIED.format(self.memory)] if self.memory is not None and not carried else []

    def state_sizes(self, width: int) -> dict[str, int]:
        """Return the sizes of what blocks of this width remember of a text, by name: the steps that a next one sees,
        one after the other, and for each of them 1 if there was one.
        """
        steps = self.memory or DEFAULT_MEMORY
        sizes = {"memory": steps * width, "seen": steps}
        return {f"{self._name(i)}_{part}": size for i in range(1, self.blocks + 1) for part, size in sizes.items()}

    def make_layers(self, width: int, projected: bool = False) -> dict[str, keras.layers.Layer]:
        """Make the layers of all blocks, by name.

        projected: what is read is first brought to this width by a dense layer
        """
        import keras

        layers = [keras.layers.Dense(width, name=self._name("input"))] if projected else []
        for i in range(1, self.blocks + 1):
            layers += self._make_block(self._name(i), width)
        layers.append(keras.layers.LayerNormalization(name=self._name("norm")))
        return {layer.name: layer for layer in layers}

    def _make_block(self, name: str, width: int) -> list[keras.layers.Layer]:
        from keras import layers
        from keras.initializers import RandomUniform

        size = max(1, width // self.heads)
        # Glorot and Bengio (2010) for all heads as one matrix: by the three axes of the kernels Keras counts more
        # inputs than there are, and draws too small weights.
        spread = (6 / (width + self.heads * size)) ** 0.5
        attention = layers.MultiHeadAttention(
            self.heads, size, kernel_initializer=RandomUniform(-spread, spread), name=f"{name}_attention"
        )
        made = [layers.LayerNormalization(name=f"{name}_attention_norm"), attention]
        made += [layers.LayerNormalization(name=f"{name}_feed_forward_norm")]
        made += [layers.Dense(self.feed_forward or EXPANSION * width, "relu", name=f"{name}_inner")]
        made += [layers.Dense(width, name=f"{name}_outer")]
        if self.dropout:
            made += [layers.Dropout(self.dropout, name=f"{name}_{part}_dropout") for part in ("attention", "outer")]
        return made

    def _name(self, part: int | str) -> str:
        return f"transformer_{self.position}_{part}"


def apply_blocks(
    layers: Mapping[str, Any],
    x: Any,
    mask: Any,
    *,
    causal: bool = False,
    last: bool = False,
    first: Mapping[str, Any] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """Return what the blocks among layers make of x (b, time, width), and what they remember, by name.

    mask:   (b, time), false after the end of a sequence; None where all are of one length
    causal: a step sees none that follow it;  last: give that of the last step alone, (b, width)
    first:  what is remembered from before; a step then sees as many before it as that holds
    """
    name, kept = f"transformer_{find_position(layers)}", dict[str, Any]()
    if f"{name}_input" in layers:
        x = layers[f"{name}_input"](x)
    blocks = sum(f"{name}_{i}_attention" in layers for i in range(1, len(layers)))
    allowed = None if mask is None else _allow_keys(mask)
    for i in range(1, blocks + 1):
        part = f"{name}_{i}"
        keys = queries = layers[f"{part}_attention_norm"](x)
        if first:
            keys, allowed, remembered = _remember(keys, first[f"{part}_memory"], first[f"{part}_seen"])
            kept |= {f"{part}_{key}": value for key, value in remembered.items()}
        elif last and i == blocks:  # of the others nothing is read
            queries, x, causal = _take_last(queries, mask), _take_last(x, mask), False
        x = _add(
            layers,
            f"{part}_attention",
            x,
            layers[f"{part}_attention"](queries, keys, attention_mask=allowed, use_causal_mask=causal and not first),
        )
        inner = layers[f"{part}_inner"](layers[f"{part}_feed_forward_norm"](x))
        x = _add(layers, f"{part}_outer", x, layers[f"{part}_outer"](inner))
    x = layers[f"{name}_norm"](x)
    return (x[:, 0] if last else x), kept


def find_position(layers: Mapping[str, Any]) -> str | None:
    """Return where the blocks of a network lie that has been built, None if it has none."""
    return next((place for place in ("after", "before") if f"transformer_{place}_norm" in layers), None)


def _add(layers: Mapping[str, Any], name: str, x: Any, change: Any) -> Any:
    dropout = layers.get(f"{name}_dropout")
    return x + (change if dropout is None else dropout(change))


def _allow_keys(mask: Any) -> Any:
    """Return which steps are seen by all, (b, 1, time): real ones, and the first, so that there always is one."""
    from keras import ops

    first = ops.cumsum(ops.ones_like(mask, "int32"), axis=1) == 1
    return ops.expand_dims(ops.logical_or(mask, first), 1)


def _take_last(x: Any, mask: Any) -> Any:
    """Return the last step of each sequence, (b, 1, width)."""
    from keras import ops

    if mask is None:
        return x[:, -1:]
    real = ops.cast(mask, x.dtype)
    following = ops.pad(real[:, 1:], [[0, 0], [0, 1]])
    return ops.sum(ops.expand_dims(real - following, -1) * x, axis=1, keepdims=True)


def _remember(x: Any, memory: Any, seen: Any) -> tuple[Any, Any, dict[str, Any]]:
    """Return the steps remembered and those of x (b, time, width) as one sequence, which of them each step sees
    (b, time, steps), and what is to be remembered now.

    Each step sees itself and as many before it as are remembered, however a text is cut into batches.
    """
    from keras import ops

    width, steps = x.shape[-1], seen.shape[-1]
    keys = ops.concatenate([ops.reshape(ops.cast(memory, x.dtype), (-1, steps, width)), x], axis=1)
    there = ops.concatenate([seen, ops.ones_like(x[..., 0], dtype=seen.dtype)], axis=1)
    place = ops.cumsum(ops.ones_like(there, "int32"), axis=1)
    behind = ops.expand_dims(place[:, steps:], 2) - ops.expand_dims(place, 1)
    allowed = ops.logical_and(ops.logical_and(behind >= 0, behind <= steps), ops.expand_dims(there, 1) > 0)
    kept = {"memory": (keys, steps * width), "seen": (there, steps)}
    return keys, allowed, {key: ops.reshape(of[:, -steps:], (-1, size)) for key, (of, size) in kept.items()}
