"""How much each input of a network counts that weighs them: a table, a picture and a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rnnexp.data.dataset import Dataset
from rnnexp.evaluation.figures import BLUE, new_figure
from rnnexp.evaluation.outputs import BatchSize, outputs
from rnnexp.models.layers import find_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

TABLE = "input_weights"


def measure_weights(model: Any, dataset: Dataset, batch_size: BatchSize) -> dict[str, DataFrame]:
    """Return the mean weight of each input over the scored part, with its deviation; nothing without such weights."""
    import pandas

    network = find_weights(model) if dataset.spec.several else None
    if network is None:
        return {}
    found = outputs(network, dataset, [dataset.scored], batch_size)[dataset.scored]
    columns = {"input": list(dataset.spec.list_inputs()), "weight": found.mean(axis=0), "deviation": found.std(axis=0)}
    return {TABLE: pandas.DataFrame(columns)}


def say_weights(tables: Mapping[str, DataFrame]) -> Iterator[str]:
    """Yield the mean weights in words."""
    if TABLE in tables:
        table = tables[TABLE]
        told = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(table["input"], table["weight"]))
        yield f"  attention over the inputs, mean weights: {told}"


def draw_weights(tables: Mapping[str, DataFrame]) -> Iterator[tuple[str, Figure]]:
    """Yield a picture of the mean weights, with their deviations over the examples."""
    if TABLE not in tables:
        return
    table = tables[TABLE]
    figure, (ax,) = new_figure(size=(max(5.0, 1.2 * len(table) + 2), 4))
    ax.bar(list(table["input"]), table["weight"], yerr=table["deviation"], color=BLUE, capsize=4)
    ax.set(ylim=(0, 1), ylabel="mean weight, with its deviation", title="Attention over the inputs")
    yield TABLE, figure
