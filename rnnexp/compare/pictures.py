"""The pictures of a report: legible to the color-blind, drawn without a display, embedded in the page."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnexp.compare.table import order, shown
from rnnexp.evaluation.figures import BLUE, GREEN, ORANGE, PURPLE, VERMILION, count_on, new_figure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = (BLUE, ORANGE, GREEN, PURPLE, VERMILION)
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
BEST, DOT = VERMILION, BLUE
LOG_LOSS, LOG_PARAMETER = 5, 50  # values that span more than this factor are drawn on a logarithmic axis
MOST_POINTS = 300  # of one curve
MOST_TICKS = 8
MANY_MARKS = 5000  # of 80 bytes each in SVG
Curve = Sequence[tuple[int, float]]


@dataclass(frozen=True)
class Axis:
    """A parameter as places from 0 to 1: of each run, and of the marks beside the axis."""

    places: Sequence[float]
    marks: Mapping[str, float]


def import_drawing() -> None:
    """Import what the first picture would wait for."""
    import matplotlib.backends.backend_agg
    import matplotlib.figure  # noqa: F401


def curves(groups: Mapping[str, Sequence[Curve]], metric: str) -> str:
    """Draw a metric by epoch: each run thin, the mean of a group over the epochs that all its runs have bold."""
    with _drawing():
        figure, (ax,) = new_figure(size=(7.5, 4.0), searched=True)
        for (name, runs), color, dash in zip(groups.items(), COLORS, DASHES):
            for run in runs if len(runs) > 1 else []:
                ax.plot(*zip(*_thinned(run)), color=color, alpha=0.3, linewidth=0.8)
            ax.plot(*zip(*_thinned(_mean(runs))), color=color, linestyle=dash, linewidth=2, label=name)
        values = [value for runs in groups.values() for run in runs for _, value in run]
        _scale(ax, values)
        count_on(ax.xaxis)
        ax.set(xlabel="epoch", ylabel=metric)
        ax.legend(edgecolor="none", framealpha=0.8, fontsize=8, loc="upper right")
        return _embedded(figure)


def embed(draw: Callable[[], Figure | None]) -> str:
    """Return a picture that is drawn elsewhere, nothing if it is not."""
    with _drawing():
        figure = draw()
        return _embedded(figure) if figure else ""


def _mean(runs: Sequence[Curve]) -> Curve:
    found: dict[int, list[float]] = {}
    for run in runs:
        for epoch, value in run:
            found.setdefault(epoch, []).append(value)
    return [(epoch, sum(them) / len(them)) for epoch, them in sorted(found.items()) if len(them) == len(runs)]


def _thinned(curve: Curve) -> Curve:
    step = math.ceil(len(curve) / MOST_POINTS)
    return [*curve[:-1:step], *curve[-1:]] or [(1, math.nan)]


def parallel(points: Sequence[Mapping[str, Any]], values: Sequence[float], names: Mapping[str, str], goal: str) -> str:
    """Draw each point as a line through its parameters to the objective; the first point, the best, stands out."""
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection

    with _drawing():
        figure, (ax,) = new_figure(size=(max(7.0, 1.3 * (len(names) + 1)), 4.0), searched=True)
        axes = [axis([point.get(key) for point in points]) for key in names] + [_measured(values)]
        lines = [list(enumerate(found.places[i] for found in axes)) for i in range(len(points))]
        shades = colormaps["viridis"]([0.9 * i / max(1, len(points) - 1) for i in range(len(points))])
        alpha = max(0.25, min(0.9, 30 / len(points)))
        ax.add_collection(LineCollection(lines[::-1], colors=shades[::-1], linewidths=1.3, alpha=alpha))
        ax.plot(*zip(*lines[0]), color=BEST, linewidth=3, solid_capstyle="round")
        for x, found in enumerate(axes):
            _vertical(ax, x, found, last=x == len(axes) - 1)
        ax.set_xticks(range(len(axes)), [*names.values(), goal], fontsize=9)
        ax.set(xlim=(-0.35, len(axes) - 0.65), ylim=(-0.06, 1.06), yticks=[])
        ax.grid(False)
        ax.spines[:].set_visible(False)
        ax.tick_params(axis="x", length=0)
        return _embedded(figure, marks=len(points) * len(axes))


def _vertical(ax: Axes, x: int, found: Axis, last: bool) -> None:
    ax.axvline(x, color="#444444", linewidth=1)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
    for text, place in found.marks.items():
        ax.annotate(text, (x, place), (4 if not last else -4, 0), textcoords="offset points", fontsize=8, bbox=box,
                    va="center", ha="right" if last else "left")  # fmt: skip


def axis(values: Sequence[Any]) -> Axis:
    """Spread few values or words evenly; put many numbers where they are, on a logarithm if they span decades."""
    distinct = sorted({shown(value): value for value in values}.values(), key=order)
    if _few(values):
        place = {shown(value): i / max(1, len(distinct) - 1) for i, value in enumerate(distinct)}
        step = math.ceil(len(distinct) / MOST_TICKS)
        marks = {(shown(value) or "unset")[:24]: place[shown(value)] for value in distinct[::step]}
        return Axis([place[shown(value)] for value in values], marks)
    return _measured([float(value) for value in values])


def _measured(values: Sequence[float]) -> Axis:
    """Put numbers where they are, on a logarithm if they span decades."""
    low, high = min(values), max(values)
    if low == high:
        return Axis([0.5] * len(values), {f"{low:.4g}": 0.5})
    log = _spans(values, LOG_PARAMETER)
    steps = [low * (high / low) ** (i / 4) if log else low + (high - low) * i / 4 for i in range(5)]
    over, whole = (math.log(low), math.log(high / low)) if log else (low, high - low)
    places = [((math.log(value) if log else value) - over) / whole for value in [*values, *steps]]
    return Axis(places[:-5], {f"{mark:.3g}": place for mark, place in zip(steps, places[-5:])})


def _few(values: Sequence[Any]) -> bool:
    """Tell choices, which get a mark each, from numbers on a scale."""
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return not numbers or len({shown(value) for value in values}) <= MOST_TICKS


def _spans(values: Sequence[float], factor: float) -> bool:
    return min(values) > 0 and max(values) / min(values) >= factor


def slices(points: Sequence[Mapping[str, Any]], values: Sequence[float], names: Mapping[str, str], goal: str) -> str:
    """Draw the objective against each parameter by itself, a dot for each run."""
    with _drawing():
        columns = min(3, len(names))
        rows = math.ceil(len(names) / columns)
        figure, axes = new_figure(rows, columns, (max(3.6, 2.9 * columns), 2.5 * rows), searched=True)
        for ax, (key, name) in zip(axes, names.items()):
            _slice(ax, [point.get(key) for point in points], values)
            _scale(ax, values)
            ax.set_xlabel(name, fontsize=9)
            ax.tick_params(labelsize=8)
        for ax in axes[::columns]:
            ax.set_ylabel(goal, fontsize=9)
        for ax in axes[len(names) :]:
            ax.set_visible(False)
        return _embedded(figure, marks=len(values) * len(names))


def _slice(ax: Axes, given: Sequence[Any], values: Sequence[float]) -> None:
    style: Any = {"s": 14, "color": DOT, "alpha": max(0.25, min(0.8, 60 / len(values))), "linewidths": 0}
    if not _few(given):
        ax.scatter(given, values, **style)
        if _spans(given, LOG_PARAMETER):
            ax.set_xscale("log")
            _plain_marks(ax.xaxis, given)
        return
    found = axis(given)
    width = 0.25 / max(1, len(set(found.places)) - 1)
    # The golden ratio spreads dots that would hide each other evenly, and the same in every report.
    ax.scatter([place + width * (i * 0.618 % 1 - 0.5) for i, place in enumerate(found.places)], values, **style)
    means = {place: [v for p, v in zip(found.places, values) if p == place] for place in sorted(set(found.places))}
    middle = [sum(them) / len(them) for them in means.values()]
    ax.plot(list(means), middle, color=BEST, linewidth=1.5, marker="_", markersize=12, markeredgewidth=2)
    slant: Any = {"rotation": 30, "ha": "right"} if sum(map(len, found.marks)) > 28 else {}
    ax.set_xticks(list(found.marks.values()), list(found.marks), **slant)
    ax.set_xlim(-0.2, 1.2)


def bars(shares: Mapping[str, float]) -> str:
    """Draw shares as bars, the largest at the top."""
    with _drawing():
        figure, (ax,) = new_figure(size=(6.5, 0.5 + 0.38 * len(shares)), searched=True)
        names = list(shares)[::-1]
        drawn = ax.barh(names, [100 * shares[name] for name in names], color=DOT, height=0.62)
        ax.bar_label(drawn, [f"{100 * shares[name]:.0f} %" for name in names], padding=4, fontsize=9)
        ax.set(xlim=(0, 112), xticks=[])
        ax.grid(False)
        ax.spines["bottom"].set_visible(False)
        return _embedded(figure)


def _scale(ax: Axes, values: Sequence[float]) -> None:
    if _spans(values, LOG_LOSS):
        ax.set_yscale("log")
        _plain_marks(ax.yaxis, values)


def _plain_marks(scale: Any, values: Sequence[float]) -> None:
    """Mark a logarithmic axis with plain numbers; powers of ten alone would leave a short one without any."""
    from matplotlib.ticker import LogLocator, NullFormatter

    if not _spans(values, 1000):
        scale.set_major_locator(LogLocator(subs=(1, 3) if _spans(values, 50) else (1, 2, 5)))
    scale.set_major_formatter("{x:g}")
    scale.set_minor_formatter(NullFormatter())


@contextmanager
def _drawing() -> Iterator[None]:
    import matplotlib

    # A `$` in a name is no formula; text stays text, so that it can be searched, copied and read aloud.
    settings: Any = {"svg.fonttype": "none", "text.parse_math": False, "font.size": 9, "svg.hashsalt": "rnnexp"}
    with matplotlib.rc_context(settings):
        yield


def _embedded(figure: Figure, marks: int = 0) -> str:
    """Return the picture as SVG in the page, or as PNG where that is smaller, as it is with very many `marks`."""
    svg, png = io.StringIO(), io.BytesIO()
    drawn = ""
    if marks < MANY_MARKS:
        figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        drawn = _inline(svg.getvalue())
        if len(drawn) < 40_000:
            return drawn
    figure.savefig(png, format="png", dpi=170, metadata={"Software": None})
    coded = base64.b64encode(png.getvalue()).decode()
    image = f'<img alt="" src="data:image/png;base64,{coded}">'
    return drawn if drawn and len(drawn) <= len(image) else image


def _inline(svg: str) -> str:
    """Drop what only a file of its own needs, and make ids unlike those of the page's other pictures."""
    import hashlib

    body = svg[svg.index("<svg") :]
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    mark = hashlib.sha256(body.encode()).hexdigest()[:6]
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{mark}-", body)
    body = re.sub(r'<svg ([^>]*?)height="[^"]*"', r"<svg \1", body, count=1)
    body = re.sub(r'(<svg [^>]*?)width="[^"]*"', r"\1", body, count=1)
    return body.replace("<svg ", '<svg role="img" ', 1).strip()
