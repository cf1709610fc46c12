"""First weights that another trained network has: taken by path and shape, the vectors of tokens by their tokens.

Yosinski et al., How transferable are features in deep neural networks?, NeurIPS 2014; of language models: Dai and Le,
Semi-supervised sequence learning, NeurIPS 2015.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.spec import TaskSpec
from rnnexp.data.texts.vocabulary import RESERVED
from rnnexp.errors import ConfigError, count
from rnnexp.models.averaging import list_members
from rnnexp.models.bundle import preview
from rnnexp.models.weights import name_weights, read_weights
from rnnexp.models.word_path import TABLES

if TYPE_CHECKING:
    import keras

EMBEDDING, OUTPUT = "embedding/", "output/"  # how the paths of their weights begin
TOKENS = ("tokens", "lowercase", "subwords")  # how a text is cut, as preprocessing keeps it
MAX_SHOWN = 6  # weights that a line names


@dataclass(frozen=True)
class TrainedWeights:
    """A trained network to start from.

    called: what messages call it;  digest: SHA-256 of its file of weights, "" for one that is in none
    arrays: its weights by path;  spec, scaling: what it takes and gives, and its preprocessing as plain JSON
    """

    called: str
    digest: str
    arrays: Mapping[str, np.ndarray]
    spec: TaskSpec
    scaling: Mapping[str, Any]

    def tokens(self) -> list[str] | None:
        return _list_tokens(self.scaling)


@dataclass(frozen=True)
class Transfer:
    """What a network takes from another one.

    values: by path of its weights;  partly: of vectors of tokens, how many of how many have been there
    left:   why other weights of it are drawn;  unused: paths of weights that only the other network has
    """

    source: TrainedWeights
    values: Mapping[str, np.ndarray]
    partly: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    left: Mapping[str, str] = field(default_factory=dict)
    unused: Sequence[str] = ()

    def held(self) -> frozenset[str]:
        """Return the weights that can be held for some epochs: neither outputs, nor vectors that are partly new."""
        return frozenset(path for path in self.values if not path.startswith(OUTPUT) and path not in self.partly)

    def fill(self, model: keras.Model) -> None:
        """Put the values into a network, of several that are averaged into each."""
        for network in list_members(model) or [model]:
            for weight in network.weights:
                if weight.path in self.values:
                    weight.assign(self._complete(weight))

    def _complete(self, weight: Any) -> np.ndarray:
        """Return the values of a weight; rows that are not a number stay as they have been drawn."""
        from keras import ops

        value = self.values[weight.path]
        if weight.path not in self.partly:
            return value
        return np.where(np.isnan(value), np.asarray(ops.convert_to_numpy(weight)), value)

    def lines(self) -> list[str]:
        """Say what was taken and what was not, a line for each kind."""
        total = len(self.values) + len(self.left)
        said = [f"start: {len(self.values)} of {count(total, 'weight')} from {self.source.called}"]
        said[0] += f" ({self.source.digest[:12]})" if self.source.digest else ""
        said += [f"start: loaded: {_shorten(self.values)}"]
        said += [
            f"start: {path}: {there:,} of {all_:,} tokens, the others are new"
            for path, (there, all_) in self.partly.items()
        ]
        reasons: dict[str, list[str]] = {}
        for path, reason in self.left.items():
            reasons.setdefault(reason, []).append(path)
        said += [f"start: randomly initialized: {_shorten(paths)}: {reason}" for reason, paths in reasons.items()]
        return said + ([f"start: not used: {_shorten(self.unused)}"] if self.unused else [])

    def table(self) -> str:
        """Lay out every weight of both networks, one a line."""
        rows = [f"loaded  {path}  {list(value.shape)}" for path, value in self.values.items()]
        rows += [f"randomly initialized  {path}  {reason}" for path, reason in self.left.items()]
        rows += [f"unused  {path}" for path in self.unused]
        return "\n".join([*self.lines(), "", *rows]) + "\n"


def read_trained(folder: Path, called: str, digest: str) -> TrainedWeights:
    """Read what a trained model has left in its folder, without building it: JSON and arrays, nothing is unpickled.

    Raises ConfigError or DataError for what is damaged, ConfigError for networks that are averaged.
    """
    arrays, known = read_weights(folder), preview(folder)
    if any(path.startswith("member_0/") for path in arrays):
        raise ConfigError(f"model.start: {called} is an ensemble: start from a run of one network")
    return TrainedWeights(called, digest, arrays, known.spec, known.scaling)


def match_weights(source: TrainedWeights, model: keras.Model, spec: TaskSpec, scaling: Mapping[str, Any]) -> Transfer:
    """Choose what a network (built, of this spec and preprocessing) takes.

    Raises ConfigError where nothing fits, or where texts are cut into other tokens.
    """
    if problem := _find_difference(source, spec, scaling):
        raise ConfigError(f"model.start: {source.called} {problem}")
    network = (list_members(model) or [model])[0]
    shapes = {path: tuple(weight.shape) for path, weight in name_weights(network).items() if not _is_own(path)}
    values: dict[str, np.ndarray] = {}
    partly: dict[str, tuple[int, int]] = {}
    left: dict[str, str] = {}
    alike = _give_alike(source, spec, scaling)
    for path, shape in shapes.items():
        held = source.arrays.get(path)
        if held is None:
            left[path] = "it has none of this name"
        elif path.startswith(OUTPUT) and not alike:
            left[path] = "its outputs are others"
        elif path.startswith(EMBEDDING) and source.tokens() != _list_tokens(scaling):
            _take_rows(path, shape, source, scaling, (values, partly, left))
        elif held.shape != shape:
            left[path] = f"shape {list(held.shape)}, needed is {list(shape)}"
        else:
            values[path] = held
    unused = [path for path in source.arrays if path not in values and not _is_own(path)]
    if all(path.startswith(OUTPUT) for path in values):  # a bias alone means nothing
        told = "; ".join(f"{path}: {reason}" for path, reason in [*left.items()][:MAX_SHOWN])
        raise ConfigError(f"model.start: no weight of {source.called} fits this network: {told}")
    return Transfer(source, values, partly, left, unused)


def _take_rows(
    path: str, shape: tuple[int, ...], source: TrainedWeights, scaling: Mapping[str, Any], found: Any
) -> None:
    """Take the vectors of the tokens that both know; rows of others are not a number."""
    values, partly, left = found
    held, there, wanted = source.arrays[path], source.tokens(), _list_tokens(scaling)
    if there is None or wanted is None or len(there) != len(held) or len(wanted) != shape[0]:
        left[path] = "its tokens are not known"
    elif held.shape[1:] != shape[1:]:
        left[path] = f"vectors of {held.shape[-1]}, needed are {shape[-1]}"
    else:
        places = {token: place for place, token in enumerate(there)}
        rows = np.full(shape, np.nan, np.float32)
        common = [(row, places[token]) for row, token in enumerate(wanted) if token in places]
        rows[[row for row, _ in common]] = held[[place for _, place in common]]
        values[path] = rows
        if len(common) < len(wanted):
            partly[path] = (len(common), len(wanted))


def _find_difference(source: TrainedWeights, spec: TaskSpec, scaling: Mapping[str, Any]) -> str:
    """Say why nothing of a network means the same here; "" if something may."""
    there, here = _list_tokens(source.scaling), _list_tokens(scaling)
    if (there is None) != (here is None):
        kinds = {True: "numbers", False: "tokens of texts"}
        return f"reads {kinds[there is None]}, and these data are {kinds[here is None]}"
    cut = [{key: one.get(key) for key in TOKENS} for one in (source.scaling, scaling)]
    if there is not None and cut[0] != cut[1]:
        different = ", ".join(
            f"data.{key} {_show(cut[0][key])}, here {_show(cut[1][key])}"
            for key in TOKENS
            if cut[0][key] != cut[1][key]
        )
        return f"tokenizes texts differently ({different})"
    return ""


def _give_alike(source: TrainedWeights, spec: TaskSpec, scaling: Mapping[str, Any]) -> bool:
    """Say whether both networks answer the same question, so that outputs of a place mean the same."""
    if (source.scaling.get("targets") is None) != (scaling.get("targets") is None):
        return False
    facts = [(one.task, one.output_shape, one.outputs, one.classes, one.quantiles) for one in (source.spec, spec)]
    words = _list_tokens(scaling)
    is_per_token = words is not None and spec.output_shape == (len(words),)
    return facts[0] == facts[1] and (not is_per_token or source.tokens() == words)


def _list_tokens(scaling: Mapping[str, Any]) -> list[str] | None:
    """Return the tokens of a preprocessing in the order of their numbers; None for data that are none."""
    words = scaling.get("vocabulary")
    return [*RESERVED, *words] if isinstance(words, list | tuple) else None


def _is_own(path: str) -> bool:
    """Say whether a weight is of one run alone: its seeds, and the function of words that is fitted at its end."""
    return path.endswith("seed_generator_state") or path.partition("/")[0] in TABLES


def _show(value: Any) -> str:
    return "of its own" if isinstance(value, str) and len(value) > 20 else str(value)


def _shorten(paths: Any) -> str:
    listed = list(paths)
    return ", ".join(listed[:MAX_SHOWN]) + (f" and {len(listed) - MAX_SHOWN} more" if len(listed) > MAX_SHOWN else "")
