"""A dataset: arrays held once, examples as indices into them, and a pure function from indices to a batch."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rnnexp.config.renamed import under_first_names
from rnnexp.config.settings import UNDIGESTED
from rnnexp.data.large import list_pieces, order_near
from rnnexp.data.ridge import fit_ridge
from rnnexp.data.series import Series
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import count

if TYPE_CHECKING:
    from pandas import DataFrame

USUAL = 90  # percent: the level of prediction intervals that are shown
COUNTED_AT_ONCE = 4096  # examples
LATER = (
    *("groups", "test_groups", "test_weight", "weight"),
    *("sequence_length", "stride", "labels_per_class", "unlabeled"),
)  # where these are null, digests are as they were before
WHOLE = "all"  # the part that holds all of the data that are not a run's own
LEARNED_FROM = ("train", "val")  # the parts that decide what the weights are

Arrays = Mapping[str, np.ndarray]
Batch = Callable[[Arrays, Any], tuple[Any, Any, Any]]


@dataclass(frozen=True)
class Part:
    """Training, validation or test: `indices` (n,) name its examples, in time order where there is one.

    bounds: lengths that batches of sequences are padded to, ascending; empty where all batches have one shape.
            Their arrays are those of `data.padding`
    near:   examples that follow each other share rows, of which there are many: each batch is of few places
    """

    arrays: Arrays
    indices: np.ndarray
    bounds: tuple[int, ...] = ()
    near: bool = field(default=False, kw_only=True)

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def samples(self) -> int:
        """How many samples one epoch goes through: examples, or the tokens of a text."""
        return len(self)

    def side_by_side(self, size: int) -> Part:
        """Return the part as batches of `size` go through it: the same, unless they are lanes of one text."""
        return self

    def order(self, seed: int, epoch: int, size: int) -> np.ndarray:
        """Return the examples of one epoch, shuffled: pure arithmetic of (seed, epoch), the same on every backend.

        With `bounds`, batches of `size` hold sequences of similar length, and come in random order; the smaller
        last one holds any.
        """
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch])))
        if self.near:
            return order_near(self.indices, generator)
        shuffled = self.indices[generator.permutation(len(self.indices))]
        whole = len(shuffled) // size
        if len(self.bounds) < 2 or whole < 2:
            return shuffled
        rest, batched = np.split(shuffled, [len(shuffled) % size])
        alike = batched[np.argsort(self.bucket(batched), kind="stable")].reshape(whole, size)
        return np.concatenate([alike[generator.permutation(whole)].reshape(-1), rest])

    def bucket(self, indices: np.ndarray) -> np.ndarray:
        """Return which of `bounds` each sequence needs."""
        return np.searchsorted(self.bounds, self.arrays["length"][indices])

    def alike(self, size: int) -> Iterator[np.ndarray]:
        """Yield places in `indices`, up to `size` at a time: sequences of like length, the shortest first."""
        order = np.argsort(self.arrays["length"][self.indices], kind="stable")
        for first in range(0, len(order), size):
            yield order[first : first + size]

    def arrays_for(self, indices: np.ndarray) -> Arrays:
        """Return arrays that pad a batch of these examples no further than it needs."""
        if len(self.bounds) < 2:
            return self.arrays
        longest = self.bounds[int(self.bucket(indices).max())]
        return {**self.arrays, "steps": self.arrays["steps"][:longest]}


@dataclass(frozen=True)
class Summary:
    """What a dataset says of itself; all of it is logged with a run."""

    source: str
    rows: int
    series: int
    sizes: Mapping[str, int]
    digest: str
    first: str | None = None
    last: str | None = None
    frequency: str | None = None
    season: int | None = None
    unit: str = ""
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, repr=False)
class Predictions:
    """Predicted and actual values of one part, example by example; `weight` (n,) is how often each counts, None: once.

    Forecasting: `predicted` and `actual` (n, horizon, targets) in original units, `scaled` the same pair as the
    network sees it, `origins` (n,) the row of the last observed value, `bounds` the ends of prediction intervals of the
    usual level, each like `predicted`, `quantiles` (n, horizon, targets, quantiles) those of the spec, of which
    `predicted` is the median. Regression: (n, 1, outputs) likewise, without origins.
    Classification: `predicted` (n, classes) probabilities, `actual` (n,) integer labels;
    tagging: the same for tokens. Language modeling: `predicted` (n,) the log probabilities of the tokens `actual`
    (n,), in nats.

    rows: lays them out as a table; None for those of a baseline
    """

    predicted: np.ndarray
    actual: np.ndarray
    scaled: tuple[np.ndarray, np.ndarray] | None = None
    origins: np.ndarray | None = None
    bounds: tuple[np.ndarray, np.ndarray] | None = None
    quantiles: np.ndarray | None = None
    weight: np.ndarray | None = None
    rows: Callable[[], DataFrame] | None = None

    def to_frame(self) -> DataFrame:
        """Return all that was predicted beside the truth, one value a row, as `rnnexp evaluate -o` writes it.

        Of forecasts: series and date in the user's own columns, step, target, actual, predicted, error and bounds.
        """
        if self.rows is None:
            raise TypeError("only the predictions of a run or of an evaluation have their rows")
        return self.rows()

    def __repr__(self) -> str:
        return f"Predictions({count(len(self.actual), 'example')}; to_frame() lays them out)"

    def _repr_html_(self) -> str | None:
        return self.to_frame().to_html(max_rows=10, notebook=True) if self.rows else None


@dataclass(frozen=True)
class Dataset(ABC):
    """What training and evaluation work on.

    spec:     what a model must take and give
    parts:    "train", and "val" and "test" where they exist
    batch:    pure: (arrays, indices (b,)) -> (x, y, weight); x is an array or a dict by `spec.inputs`;
              weight is None or (b,) / (b, time). Works on NumPy and on traced arrays alike
    scored:   the part that the reported metrics are of: "test", or "train" with `split: none`
    history:  the target columns in original units, for baselines and pictures (None for independent sequences)
    season:   rows per season, None if unknown
    scaling:  how to get back to original units, as plain JSON values
    reference: for data without a training part, those of the run itself: baselines are fitted to their training part
    vectors:  pretrained vectors (vocabulary, size) for the embedding of tokens, or None
    """

    spec: TaskSpec
    parts: Mapping[str, Part]
    batch: Batch
    summary: Summary
    history: Series | None = None
    scored: str = "test"
    season: int | None = None
    scaling: Mapping[str, Any] = field(default_factory=dict)
    vectors: np.ndarray | None = None
    reference: Self | None = None

    def for_model(self, spec: TaskSpec) -> Self:
        """Return the same data for a loaded model of this spec: of quantiles, or one that ends in a softmax, as none of
        today does.
        """
        return replace(self, spec=replace(self.spec.with_quantiles(spec.quantiles), outputs=spec.outputs))

    def list_examples(self, part: str) -> np.ndarray:
        """Return which examples a part scores, ascending: (n,) places among all."""
        return self.parts[part].indices

    @property
    def trained_on(self) -> Self | None:
        """The data that training has seen, these or those they are held against; None where they are not known."""
        return self if "train" in self.parts else self.reference

    def count_labels(self, part: str, weighed: bool = False) -> np.ndarray:
        """Return how often each class occurs in a part, (classes,); steps that only pad a sequence do not count.

        weighed: examples count as often as their weights say, over the mean weight
        """
        arrays, indices = self.parts[part].arrays, self.parts[part].indices
        counts: np.ndarray = np.zeros(len(self.spec.classes), np.float64 if weighed else np.int64)
        for start in range(0, len(indices), COUNTED_AT_ONCE):
            _, y, weight = self.batch(arrays, indices[start : start + COUNTED_AT_ONCE])
            labels = self.spec.labels(np.asarray(y))
            there = slice(None) if weight is None else weight > 0
            often = None if weight is None or not weighed else weight[there].ravel()
            counts += np.bincount(labels[there].ravel(), often, minlength=len(counts))
        return counts

    def roll(self, predict: Callable[[Any], Any], arrays: Arrays, indices: np.ndarray) -> np.ndarray:
        """Return the outputs for examples; `predict` maps x to the outputs of a network."""
        return np.asarray(predict(self.batch(arrays, indices)[0]))

    @cached_property
    def ridge(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights and intercepts of a ridge regression of the training examples, see `fit_ridge`."""
        return fit_ridge(self.batch, self.parts["train"], self.parts.get("val"))

    @abstractmethod
    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Turn a model's outputs for all examples of `part`, in order, into original units beside the truth."""

    @abstractmethod
    def example(self) -> Any:
        """Return raw input such as a served model takes, enough for one prediction."""


def digest(source: Any, *contents: np.ndarray | Sequence[str]) -> str:
    """Hash numbers, texts and the settings of their source; 32 characters, of the 36 that MLflow keeps."""
    sha = hashlib.sha256()
    for content in contents:
        if isinstance(content, np.ndarray):
            rows = np.atleast_1d(content)
            for piece in list_pieces(len(rows)):
                sha.update(rows[piece].tobytes())
        else:
            sha.update("\0".join(content).encode("utf-8", "surrogatepass"))
    settings = under_first_names(type(source), asdict(source))
    settings = {key: value for key, value in settings.items() if value is not None or key not in LATER}
    for key, item in getattr(type(source), "__pydantic_fields__", {}).items():
        marks = item.json_schema_extra
        if isinstance(marks, Mapping) and UNDIGESTED in marks and getattr(source, key) == item.default:
            del settings[key]
    sha.update(json.dumps(settings, sort_keys=True, default=str).encode())
    return sha.hexdigest()[:32]
