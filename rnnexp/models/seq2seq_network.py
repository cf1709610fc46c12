"""How an encoder reads and a decoder writes: as one network while they are trained, step by step when they write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnexp.models.layers import attend
from rnnexp.models.transformer import apply_blocks, find_position

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Seq2SeqNetwork:
    """The layers of an encoder and a decoder, by name, and how many recurrent ones lie upon each other."""

    layers: Mapping[str, Any]
    depth: int
    attention: str | None = None
    bidirectional: bool = False

    @classmethod
    def from_model(cls, model: keras.Model) -> Seq2SeqNetwork:
        """Find the layers of a model that has been built of them."""
        import keras

        layers = {layer.name: layer for layer in model.layers}
        depth = sum(name.startswith("decoder_") and name.split("_")[1].isdigit() for name in layers)
        kind = "additive" if "attention_score" in layers else "dot" if "attention_keys" in layers else None
        return cls(layers, depth, kind, isinstance(layers["encoder_1"], keras.layers.Bidirectional))

    def encode(self, past: Any, mask: Any) -> tuple[Any, list[Any]]:
        """Return the outputs of the encoder (b, time, size) and the states that the decoder starts from."""
        x, states, blocks = self._vectors("source", past), list[Any](), find_position(self.layers)
        if blocks == "before":
            x, _ = apply_blocks(self.layers, x, mask)
        for i in range(1, self.depth + 1):
            x, *ends = self.layers[f"encoder_{i}"](x, mask=mask)
            states += self._bridged(i, ends)
            x = self._dropped(f"dropout_encoder_{i}", x)
        if blocks == "after":
            x, _ = apply_blocks(self.layers, x, mask)
        return x, states

    def decode(self, previous: Any, memory: Any, mask: Any, states: Sequence[Any]) -> tuple[Any, list[Any], Any]:
        """Return scores (b, steps, vocabulary), the states after the last step, and the weights of the attention.

        previous: tokens (b, steps) before each one that is to be written, or numbers (b, steps, size)
        """
        import keras

        x, each, after = self._vectors("target", previous), len(states) // self.depth, list[Any]()
        for i in range(self.depth):
            x, *ends = self.layers[f"decoder_{i + 1}"](x, initial_state=list(states[i * each : (i + 1) * each]))
            after += ends
            x = self._dropped(f"dropout_decoder_{i + 1}", x)
        weights = None
        if self.attention:
            context, weights = attend(self.layers, x, memory, mask)
            x = self.layers["attended"](keras.ops.concatenate([context, x], axis=-1))
        return self._scores(x), after, weights

    @property
    def tied(self) -> bool:
        """Whether the vectors of the target's tokens are the output's weights too."""
        return "output" not in self.layers

    def _scores(self, x: Any) -> Any:
        return self.layers["target_embedding"](x, reverse=True) if self.tied else self.layers["output"](x)

    def _vectors(self, side: str, tokens: Any) -> Any:
        """Give each token its vector; numbers stay as they are."""
        layer = self.layers.get(f"{side}_embedding")
        if layer is None:
            return tokens
        x = layer(tokens)
        if self.tied and side == "target":
            # Vectors that are read as scores too are short (Vaswani et al., Attention is all you need, 2017, 3.4).
            x = x * layer.output_dim**0.5
        return self._dropped(f"dropout_{side}", x)

    def _dropped(self, name: str, x: Any) -> Any:
        # Without attention nothing comes of the encoder's outputs, and Keras leaves their dropout out of the model.
        return self.layers[name](x) if name in self.layers else x

    def _bridged(self, i: int, ends: Sequence[Any]) -> list[Any]:
        """Make of the ends of one direction or both the states of one layer (Bahdanau et al., 2015, appendix A.2.2).

        Where some states have a bridge, those that have none start anew, from zeros.
        """
        import keras

        if self.bidirectional:
            half = len(ends) // 2
            ends = [keras.ops.concatenate(both, axis=-1) for both in zip(ends[:half], ends[half:])]
        bridges = [self.layers[name] for state in "hc" if (name := f"bridge_{i}_{state}") in self.layers]
        if not bridges:
            return list(ends)
        bridged = [bridge(end) for bridge, end in zip(bridges, ends)]
        return bridged + [keras.ops.zeros_like(bridged[0])] * (len(ends) - len(bridged))
