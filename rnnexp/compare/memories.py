"""What the networks of a sweep remember, side by side in one picture."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnexp.compare.groups import Comparison, Group
from rnnexp.compare.pictures import COLORS, DASHES
from rnnexp.compare.shown import called
from rnnexp.evaluation.figures import count_on, new_figure
from rnnexp.evaluation.memory import TABLE, count_memory, draw_norms
from rnnexp.tracking.query import artifact, histories

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

GRAD_NORM = "opt/grad_norm"
CAPTION = (
    "Norm of d output / d input by lag, of one run of each setting, and the norm of the gradient that it was trained "
    "by, where trainer.log_grad_norm logs it. What falls by a power of ten in few steps vanishes; what rises explodes."
)


@dataclass(frozen=True)
class Memory:
    """Norms by lag of one run, see `measure_memory`, and its (epoch, gradient norm), empty if not logged."""

    table: DataFrame
    gradient: Sequence[tuple[int, float]]


def draw_memories(uri: str | None, compared: Comparison) -> Figure | None:
    """Draw a line for each of the best settings: norms by lag before training and after it, and the gradient's norm by
    epoch; None if no run has a table of its memory.
    """
    found = _read_memories(uri, compared)
    if not found:
        return None
    gradients = any(one.gradient for one in found.values())
    figure, axes = new_figure(1, 2 + gradients, (4.2 * (2 + gradients), 4.2), searched=True)
    before, after, *rest = axes
    for (name, one), color, style in zip(found.items(), COLORS, DASHES):
        norms = one.table["norm"].to_numpy()
        draw_norms(before, one.table, color, name, "initial", style)
        draw_norms(after, one.table, color, f"{name}: memory {count_memory(norms)} of {len(norms)}", style=style)
        for ax in rest if one.gradient else []:
            ax.plot(*zip(*one.gradient), color=color, linestyle=style, label=name)
    before.set_title("before training")
    after.set_title("after training")
    for ax in rest:
        _finish_gradients(ax)
    for ax in axes:
        ax.legend(frameon=False, fontsize=8)
    return figure


def _finish_gradients(ax: Axes) -> None:
    count_on(ax.xaxis)
    ax.set(title="while it is trained", xlabel="epoch", ylabel="norm of the gradient of the loss", yscale="log")


def _read_memories(uri: str | None, compared: Comparison) -> Mapping[str, Memory]:
    found = {}
    for group in compared.groups[: len(COLORS)]:
        for run_id, table in _read_tables(uri, group):
            curve = histories(uri, [run_id], GRAD_NORM).get(run_id, [])
            curve = [(step, value) for step, value in curve if step > 0 and math.isfinite(value)]
            found[called(group, compared.columns)] = Memory(table, curve)
            break
    return found


def _read_tables(uri: str | None, group: Group) -> Iterator[tuple[str, DataFrame]]:
    """Yield the runs of a setting that have a table: of many that were trained together only the best have."""
    import pandas

    for run in group.runs:
        if text := artifact(uri, run, f"tables/{TABLE}.csv"):
            yield run.run_id, pandas.read_csv(io.StringIO(text))
