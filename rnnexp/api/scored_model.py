"""What has been scored, as programs and notebooks look at it: a run's result, or an evaluation of its model."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from rnnexp import runner, tasks
from rnnexp.cli.summary import headline, summary, verdict
from rnnexp.data.dataset import Predictions
from rnnexp.deploy.score import Scored
from rnnexp.deploy.trained import Trained
from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.evaluation.report import Scores
from rnnexp.runner import record
from rnnexp.task import rises

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


class ScoredModel(ABC):
    """Scores of a network beside its baselines, in original units; `print` says what `rnnexp` says of them."""

    @property
    @abstractmethod
    def scores(self) -> Scores:
        """What the command line prints: metrics, the scored part, the unit and the baselines."""

    @property
    def best_baseline(self) -> str | None:
        """The name of the strongest baseline; None if none is defined."""
        return self.scores.report.best_baseline

    @property
    def skill(self) -> float | None:
        """1 - error / error of the best baseline; None where that is not defined."""
        return self.scores.metrics.get(f"skill/{self.scores.metric}")

    def to_frame(self) -> DataFrame:
        """Return the scores of the network and of each baseline, one row each, the best first."""
        import pandas

        scores = self.scores
        rows: dict[str, dict[str, float]] = {scores.name: {}}
        for key, value in scores.metrics.items():
            *place, metric = key.split("/")
            name = scores.name if place == [scores.part] else place[1] if place[:1] == ["baseline"] else ""
            if name and len(place) < 3:
                rows.setdefault(name, {})[metric] = value
        frame = pandas.DataFrame.from_dict(rows, orient="index").rename_axis("model")
        return frame.sort_values(scores.metric, ascending=not rises(scores.metric), kind="stable")

    def plot(self, name: str | None = None) -> Figure:
        """Return a picture of the run, by default that of its predictions; a notebook shows it.

        Raises ConfigError for a name that none has, with those that there are.
        """
        named = []
        for found, figure in self._draw(name):
            if name in (None, found):
                return _shown_inline(figure)
            named.append(found)
        raise ConfigError(f"there is no figure `{name}`{did_you_mean(name, named)}; there are {', '.join(named)}")

    @abstractmethod
    def _draw(self, name: str | None) -> Iterator[tuple[str, Figure]]:
        """Yield the pictures, that of the predictions first unless one is asked for by name."""

    @abstractmethod
    def _lines(self) -> Iterator[str]:
        """Yield what the command line says."""

    def __str__(self) -> str:
        return "\n".join(self._lines()).strip()

    def _repr_html_(self) -> str:
        return f"{self.to_frame().to_html(max_cols=6, notebook=True)}<pre>{escape(str(self))}</pre>"


@dataclass(frozen=True, repr=False)
class RunResult(ScoredModel, runner.Result):
    """What a run leaves behind: `metrics`, `history`, `forecast`, `predictions`, `run_id`, `run_dir` and so on."""

    @property
    def scores(self) -> Scores:
        model, data = self.experiment.model, self.experiment.data
        return Scores(model.name, data.task, self.metrics, self.report, self.scored, self.unit, source=data)

    def _draw(self, name: str | None) -> Iterator[tuple[str, Figure]]:
        if name is None:
            return tasks.of(self.dataset.spec.task).figures(self.dataset, self.report)
        return record.draw_figures(self.experiment, self.dataset, self.history, self.report)

    def _lines(self) -> Iterator[str]:
        return summary(self)

    def __repr__(self) -> str:
        return f"RunResult({self.experiment.name}: {_describe(self.scores)}; {self.run_dir})"


@dataclass(frozen=True, repr=False)
class Evaluation(ScoredModel):
    """What a trained run is worth on other data, or on a set of its own.

    trained: the run;  scored: its scores;  of: what they are of, in words;  notes: what to mind
    """

    trained: Trained
    scored: Scored
    of: str
    notes: list[str]

    @property
    def scores(self) -> Scores:
        known, dataset, report = self.trained, self.scored.dataset, self.scored.report
        facts = (known.name, known.spec.task, report.metrics, report, dataset.scored, dataset.summary.unit)
        return Scores(*facts, source=known.source)

    @property
    def metrics(self) -> Mapping[str, float]:
        """The scores by their names, such as test/rmse, baseline/linear/rmse, skill/rmse; of other data all/rmse."""
        return self.scored.report.metrics

    @property
    def predictions(self) -> Predictions:
        """What was predicted beside the truth; `predictions.to_frame()` is a table of pandas."""
        return self.scored.report.predictions

    def _draw(self, name: str | None) -> Iterator[tuple[str, Figure]]:
        return self.trained.task.figures(self.scored.dataset, self.scored.report)

    def _lines(self) -> Iterator[str]:
        yield f"{self.trained.called}: {headline(self.scores, self.of)}"
        yield from verdict(self.scores)
        yield from (f"  note: {note}" for note in self.notes)

    def __repr__(self) -> str:
        return f"Evaluation({self.trained.called} on {self.of}: {_describe(self.scores)})"


def _describe(scores: Scores) -> str:
    """Say the score in a few words."""
    value = scores.metrics[f"{scores.part}/{scores.metric}"]
    skill = scores.metrics.get(f"skill/{scores.metric}")
    beside = f", skill {skill:+.3f} over {scores.report.best_baseline}" if skill is not None else ""
    return f"{scores.metric} {value:.5g}{beside}"


def _shown_inline(figure: Figure) -> Figure:
    """Have a notebook draw a figure that it is handed, whether or not pyplot has been set up there."""
    figure._repr_png_ = partial(_draw_png, figure)  # type: ignore[attr-defined]
    return figure


def _draw_png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()
