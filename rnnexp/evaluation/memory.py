"""What a network remembers: how strongly its outputs depend on what it has read so many steps before.

The outputs' derivatives by the input of each step, their Jacobian, is what vanishes or explodes with the lag: Bengio,
Simard, Frasconi, Learning long-term dependencies with gradient descent is difficult, 1994; Pascanu, Mikolov, Bengio, On
the difficulty of training recurrent neural networks, 2013, section 2. How far it reaches is counted as the effective
receptive field of convolutions is: by the share of all of it that lies within (Luo et al., Understanding the effective
receptive field in deep convolutional neural networks, 2016).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Dataset, Part
from rnnexp.evaluation.figures import BLUE, GRAY, VERMILION, count_on, new_figure
from rnnexp.evaluation.report import Undefined
from rnnexp.models.input_gradients import PAST, Gradient, make_input_gradient
from rnnexp.models.logits import convention

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from rnnexp.data.spec import TaskSpec

TABLE, METRIC = "memory", "model/effective_memory"
SHARE = 0.95
FEWEST = 4  # steps of an example, for the words to say something
MAX_EXAMPLES, MAX_NUMBERS = 32, 2**24  # numbers that are said of all their steps
MAX_OUTPUTS = 8  # up to which the norm is exact; of more it is estimated, in so many directions


def measure_memory(model: Any, dataset: Dataset, start: Callable[[], bool]) -> DataFrame:
    """Return the norm of d output(t) / d input(t - lag) by lag, the mean of up to 32 examples: columns lag, norm, and
    initial, that of the weights before training, empty where these are not known.

    The norm is Frobenius's, of all outputs at the last step that an example has, by all inputs of a step as the network
    gets them: scaled numbers, or the vectors of tokens. It is exact for up to 8 outputs; for more it is estimated from
    products with 8 vectors of random signs (Hutchinson, 1990). What moves the scores of all classes does not count.

    start: sets the first weights; false if it cannot. The network has its own again afterwards
    Raises Undefined for what no lag is defined of.
    """
    import pandas

    if dataset.spec.writes:
        raise Undefined("input and output have no steps in common, so there are no lags")
    if dataset.spec.several:
        raise Undefined("of several inputs each has steps of its own")
    x = _choose_examples(dataset)
    past = x[PAST]
    lengths = x["mask"].sum(axis=1) if "mask" in x else np.full(len(past), past.shape[1])
    gradient = make_input_gradient(model, x)
    if gradient is None:
        raise Undefined("the network does not have exactly one embedding, which the gradient is taken of")

    def compute() -> np.ndarray:
        return _compute_norms(gradient, _yield_directions(dataset.spec, lengths, past.shape[1]), lengths)

    norms = compute()
    if not np.isfinite(norms).all():
        raise Undefined("the gradient by the inputs is not finite")
    trained = model.get_weights()
    try:
        first = compute() if start() else np.full(len(norms), np.nan)
    finally:
        model.set_weights(trained)
    return pandas.DataFrame({"lag": np.arange(len(norms)), "norm": norms, "initial": first})


def count_memory(norms: np.ndarray) -> int:
    """Return the least number of last steps that 95 % of the sum of all norms lie in, 0 where all norms are 0."""
    total = np.cumsum(norms)
    return int(np.searchsorted(total, SHARE * total[-1]) + 1) if total[-1] > 0 else 0


def describe_memory(tables: Mapping[str, DataFrame]) -> Iterator[str]:
    """Yield how far back the network of a report depends on what it reads, if that is known and there was a choice."""
    if TABLE in tables and len(tables[TABLE]) >= FEWEST:
        norms = tables[TABLE]["norm"].to_numpy()
        yield f"effective memory: {count_memory(norms)} of {len(norms)} steps"


def draw_memory(table: DataFrame) -> Figure:
    """Draw the norms by lag, after training and before."""
    figure, (ax,) = new_figure()
    memory = count_memory(table["norm"].to_numpy())
    draw_norms(ax, table, BLUE, "after training")
    if table["initial"].notna().any():
        draw_norms(ax, table, GRAY, "before training", "initial", "--")
    ax.axvline(
        max(0, memory - 1), color=VERMILION, linewidth=1, label=f"effective memory: {memory} of {len(table)} steps"
    )
    ax.set(title="Effective memory of the network")
    ax.legend(frameon=False)
    return figure


def draw_norms(ax: Axes, table: DataFrame, color: str, label: str, column: str = "norm", style: Any = "-") -> None:
    """Draw one column of a table by lag, on a logarithmic axis."""
    ax.plot(table["lag"], table[column], color=color, linestyle=style, label=label)
    count_on(ax.xaxis)
    ax.set(xlabel="lag (steps before the answer)", ylabel="norm of d output / d input", yscale="log")


def _choose_examples(dataset: Dataset) -> dict[str, Any]:
    """Return the inputs of up to 32 examples of the scored part, evenly spaced, or of one that has windows: a text that
    is only scored is read one token at a time. They are fewer where a network says a great deal of each step.
    """
    parts = [dataset.parts[name] for name in (dataset.scored, "val", "train") if name in dataset.parts]
    for part in parts:
        x = _take_inputs(dataset, part)
        if (steps := x[PAST].shape[1]) > 1:
            most = max(1, MAX_NUMBERS // (steps ** len(dataset.spec.steps) * math.prod(dataset.spec.output_shape)))
            return {name: values[:most] for name, values in x.items()}
    raise Undefined("an example has one step")


def _take_inputs(dataset: Dataset, part: Part) -> dict[str, Any]:
    places = np.linspace(0, len(part.indices) - 1, min(MAX_EXAMPLES, len(part.indices))).round().astype(np.int64)
    indices = part.indices[places]
    x = dataset.batch(part.arrays_for(indices), indices)[0]
    return dict(x) if isinstance(x, Mapping) else {PAST: x}


def _yield_directions(spec: TaskSpec, lengths: np.ndarray, steps: int) -> Iterator[np.ndarray]:
    """Yield directions (b, *outputs) at the last step of each example; the squares of their products with the Jacobian
    add up to that of its norm, at least in the mean.
    """
    size = math.prod(spec.output_shape)
    rows = np.eye(size)
    if size > MAX_OUTPUTS:
        rows = np.random.default_rng(0).choice([-1.0, 1.0], (MAX_OUTPUTS, size)) / math.sqrt(MAX_OUTPUTS)
    rows = convention(spec).compare(rows)
    stepwise = len(spec.steps)  # axes of time that outputs have: 0 or 1
    last = (np.arange(steps) == lengths[:, None] - 1) if stepwise else np.ones((len(lengths), 1), bool)
    shape = (len(lengths), *[steps] * stepwise, *spec.output_shape)
    for row in rows.astype(np.float32):
        yield (last[..., None] * row).reshape(shape)


def _compute_norms(gradient: Gradient, directions: Iterable[np.ndarray], lengths: np.ndarray) -> np.ndarray:
    """Return the mean norm by lag, (longest,), over the examples that are so long."""
    squares = sum(np.square(gradient(direction), dtype=np.float64).sum(axis=-1) for direction in directions)
    norms, longest = np.sqrt(squares), int(lengths.max())
    lags = np.arange(longest)
    places = lengths[:, None].astype(np.int64) - 1 - lags
    there = places >= 0
    found = np.where(there, np.take_along_axis(norms, np.maximum(places, 0), axis=1), 0)
    return found.sum(axis=0) / there.sum(axis=0)
