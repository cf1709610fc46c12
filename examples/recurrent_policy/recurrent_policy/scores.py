"""Play the episodes of the scored part, by the likeliest actions and by drawn ones, beside two fixed policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recurrent_policy.episodes import EPISODE, EpisodeDataset
from recurrent_policy.maze import ACTIONS, FEATURES, FORWARD, LEFT, RIGHT_TURN, begin_episodes, move, observe
from rnnexp.data.dataset import Predictions
from rnnexp.errors import ConfigError, DataError
from rnnexp.evaluation.outputs import require_finite
from rnnexp.evaluation.report import Report, Scoring
from rnnexp.models.logits import softmax
from rnnexp.tasks.requests import PredictRequest, PredictResponse, TrainedModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

Choose = Callable[[np.ndarray, int], np.ndarray]  # observations so far (n, steps, features), step -> actions (n,)


def report(model: Any, dataset: EpisodeDataset, scoring: Scoring) -> Report:
    """Score a policy on the scored part. Raises DivergedError for scores of actions that are not finite."""
    import pandas

    generator, part = np.random.default_rng(0), dataset.scored

    def score_actions(past: np.ndarray, step: int) -> np.ndarray:
        scores = np.asarray(model.predict_on_batch(past))[:, step, :-1]
        require_finite(Predictions(scores, scores))
        return scores

    def draw(past: np.ndarray, step: int) -> np.ndarray:
        return _draw_actions(generator, softmax(score_actions(past, step)))

    ways: dict[str, Choose] = {
        part: lambda past, step: score_actions(past, step).argmax(axis=-1),
        "baseline/random": lambda past, _: _draw_actions(
            generator, np.full((len(past), len(ACTIONS)), 1 / len(ACTIONS))
        ),
        "baseline/always_left": lambda past, step: np.where(past[:, step, 1] > 0, LEFT, FORWARD),
    }
    played = {name: play(choose, dataset, part) for name, choose in ways.items()}
    metrics = {f"{name}/episode_return": float(own.mean()) for name, own in played.items()}
    metrics |= {f"{name}/success": float((own > 0).mean()) for name, own in played.items()}
    metrics[f"{part}/sampled_return"] = float(play(draw, dataset, part).mean())
    best = max(("random", "always_left"), key=lambda name: metrics[f"baseline/{name}/episode_return"])
    own, other = (metrics[f"{name}/episode_return"] for name in (part, f"baseline/{best}"))
    metrics["skill/episode_return"] = (own - other) / (RIGHT_TURN - other)
    predictions = dataset.restore(part, played[part])
    cues = np.where(dataset.list_cues(part) > 0, "right", "left")
    table = pandas.DataFrame({"example": dataset.list_examples(part), "sign": cues, "return": played[part]})
    baselines = {name: dataset.restore(part, played[f"baseline/{name}"]) for name in ("random", "always_left")}
    return Report(
        metrics, predictions, {"predictions": table}, [], baselines, best_baseline=best, beats_baseline=own > other
    )


def play(choose: Choose, dataset: EpisodeDataset, part: str) -> np.ndarray:
    """Return the returns (n,) of the episodes of a part."""
    cue, steps = dataset.list_cues(part), dataset.spec.inputs["past"].shape[0] or 0
    state, past, total = (
        begin_episodes(np, cue),
        np.zeros((len(cue), steps, len(FEATURES)), np.float32),
        np.zeros(len(cue)),
    )
    for step in range(steps):
        past[:, step] = observe(np, state, step, dataset.length)
        state, reward = move(np, state, choose(past, step), dataset.length, is_last=step == steps - 1)
        total += reward
        if not state.live.any():
            break
    return total


def draw_figures(dataset: EpisodeDataset, report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield the mean return by sign: a policy that forgets does well at one of them only."""
    from rnnexp.evaluation.figures import BLUE, new_figure

    figure, (ax,) = new_figure(size=(5, 4))
    means = report.tables["predictions"].groupby("sign")["return"].mean()
    ax.bar([*means.index], [*means], color=BLUE)
    ax.set(xlabel="sign at the start", ylabel="mean return", ylim=(-2, 1.1))
    yield "returns", figure


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Answer each row of a table, or of a CSV file, with the columns episode, cue and junction, by an action."""
    import pandas

    if request.changes or request.levels:
        raise ConfigError("observations are read without further settings; leave them out")
    table, path = request.rows, str(request.path)
    if table is None:
        if not Path(path).is_file():
            raise DataError(f"{path}: there is no such file; give a CSV with {EPISODE}, cue and junction of each step")
        table = pandas.read_csv(path)
    trained.preprocessor.inputs(table)
    return PredictResponse(answer(trained.load(), table, {}))


def answer(bundle: Any, rows: DataFrame, params: Mapping[str, Any]) -> DataFrame:
    """Return the likeliest action after each row, and the probability of each action."""
    import pandas

    past, lengths = bundle.preprocessor.inputs(rows)
    found = np.concatenate([one[:length, :-1] for one, length in zip(np.asarray(bundle.predict(past)), lengths)])
    shares = softmax(found)
    names = np.repeat(np.array(rows[EPISODE].drop_duplicates(), dtype=object), lengths)
    step = np.concatenate([np.arange(1, length + 1) for length in lengths])
    columns = {f"p({name})": shares[:, place] for place, name in enumerate(ACTIONS)}
    action = np.array(ACTIONS, dtype=object)[shares.argmax(axis=-1)]
    return pandas.DataFrame({EPISODE: names, "step": step, "action": action, **columns})


def _draw_actions(generator: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    """Draw an action (n,) by its probability (n, actions)."""
    return (shares.cumsum(axis=-1) < generator.random((len(shares), 1))).sum(axis=-1).clip(0, shares.shape[-1] - 1)
