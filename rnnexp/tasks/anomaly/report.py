"""Score rows beside detectors that need no network, and lay out alarms and events."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.evaluation.metrics import prefixed
from rnnexp.evaluation.numbers import ROUNDING, UNFITTED
from rnnexp.evaluation.outputs import outputs, require_finite
from rnnexp.evaluation.report import Report, Scoring, once
from rnnexp.tasks.anomaly import detector as detectors
from rnnexp.tasks.anomaly.alarm_events import find_events, list_places, measure
from rnnexp.tasks.anomaly.baselines import DETECTORS, take_rows
from rnnexp.tasks.anomaly.detector import STATISTICS, Detector, RowScores
from rnnexp.tasks.anomaly.load import SensorDataset, split_clean
from rnnexp.tasks.forecasting.pipeline import Pipeline

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_ROWS = 20_000  # in the table that a run logs
SCORES, EVENTS, FAULTS = "scores", "events", "faults"


def headline(dataset: SensorDataset) -> str:
    """Return what will head the report: how well faulty rows are told from others, where they are known."""
    labels = _label(dataset, dataset.scored_rows(dataset.scored))
    return "alarm_rate" if labels is None or labels.all() or not labels.any() else "average_precision"


def report(model: Any, dataset: SensorDataset, scoring: Scoring) -> Report:
    """Score the rows of the scored part, by a threshold that is there already or is made on the validation part."""
    fitted = [] if isinstance(scoring.intervals, Detector) else ["train", "val"]
    found = outputs(model, dataset, list(dict.fromkeys([dataset.scored, *fitted])), scoring.batch_size)
    predictions = dataset.restore(dataset.scored, found[dataset.scored])
    require_finite(predictions)
    detector = detectors.fit(dataset, found) if fitted else scoring.intervals
    scored = detector.judge(dataset, dataset.scored, found[dataset.scored])
    labels = _label(dataset, scored.rows)
    measured = {dataset.scored: measure(scored.rows, scored.score, detector.threshold, labels)}
    measured[dataset.scored] |= scoring.extra(predictions.actual, predictions.predicted)
    others = once(dataset, partial(_try_baselines, dataset), "detectors")
    measured |= {f"baseline/{name}": values for name, values in others.items()}
    metrics = {key: value for prefix, values in measured.items() for key, value in prefixed(prefix, values).items()}
    best, beats, skill = _compare(measured[dataset.scored], others)
    clean = {"val/false_positive_rate": detector.measured} if detector.held_out else {}
    return Report(
        {**metrics, **clean, **skill},
        predictions,
        lay_tables(dataset, scored, detector),
        notes=[] if labels is not None else ["the data have no labels, so that no detector can be called better"],
        skipped={} if others else {f"baseline/{name}": UNFITTED for name in DETECTORS},
        best_baseline=best,
        beats_baseline=beats,
        intervals=detector,
    )


def _label(dataset: SensorDataset, rows: np.ndarray) -> np.ndarray | None:
    return None if dataset.labels is None else dataset.labels[rows]


def _try_baselines(dataset: SensorDataset) -> dict[str, dict[str, float]]:
    """Return the metrics of each baseline, fitted to the training rows of the data that the network was trained on."""
    own = dataset.trained_on
    if own is None:
        return {}
    season, rows = own.season, dataset.scored_rows(dataset.scored)
    train, clean, tested = (
        take_rows(*one, season) for one in ((own, "train"), (own, "val"), (dataset, dataset.scored))
    )
    found = {}
    for name, fit in DETECTORS.items():
        score = fit(train)
        threshold, _ = detectors.calibrate(score(clean), split_clean(own), own.false_alarm_rate)
        found[name] = measure(rows, score(tested), threshold, _label(dataset, rows))
    return found


def _compare(
    own: Mapping[str, float], others: Mapping[str, Mapping[str, float]]
) -> tuple[str | None, bool | None, dict[str, float]]:
    """Return the best baseline, whether it is beaten, and the skill: the share of what it lacks that is gained."""
    name = "average_precision"
    if name not in own or not others:
        return None, None, {}
    best = max(others, key=lambda one: others[one][name])
    lacking = 1 - others[best][name]
    skill = {f"skill/{name}": 1 - (1 - own[name]) / lacking} if lacking > ROUNDING else {}
    return best, own[name] > others[best][name], skill


def lay_tables(dataset: SensorDataset, scored: RowScores, detector: Detector) -> dict[str, DataFrame]:
    """Return the tables of scores and of events, and that of the faults that were put in."""
    found = {
        SCORES: lay_scores(dataset, scored, detector).head(MOST_ROWS),
        EVENTS: lay_events(dataset, scored, detector),
    }
    return found | ({FAULTS: _lay_faults(dataset, scored, detector)} if dataset.faults else {})


def rows(dataset: SensorDataset, report: Report) -> DataFrame:
    """Return the score of every row."""
    return report.tables[SCORES]


def lay_scores(dataset: SensorDataset, scored: RowScores, detector: Detector) -> DataFrame:
    """Lay out one row each: series and date, score, alarm, of which sensor and statistic, the score of each sensor."""
    import pandas

    each = np.arange(len(scored.rows))
    statistic = np.array(STATISTICS, dtype=object)[scored.statistic[each, scored.sensor]]
    columns: dict[str, Any] = {
        **_name_rows(dataset, scored.rows),
        "score": scored.score,
        "alarm": (scored.score > detector.threshold).astype(int),
        "sensor": np.array(dataset.pipeline.targets, dtype=object)[scored.sensor],
        "statistic": statistic,
    }
    if (labels := _label(dataset, scored.rows)) is not None:
        columns["label"] = labels.astype(int)
    columns |= {f"score_{name}": scored.each[:, place] for place, name in enumerate(dataset.pipeline.targets)}
    return pandas.DataFrame(columns)


def _name_rows(dataset: SensorDataset, places: np.ndarray) -> dict[str, Any]:
    """Return the columns that say which row it is, called as in the user's table."""
    history, pipeline = dataset.history, dataset.pipeline
    series = history.series_of(places)
    several = len(history.ids) > 1 or pipeline.series != Pipeline.series
    named = {pipeline.series: np.array(history.ids, dtype=object)[series]} if several else {}
    if history.time is not None:
        return named | {pipeline.time or "time": history.time[places]}
    return named | {"row": places - history.offsets[series]}


def lay_events(dataset: SensorDataset, scored: RowScores, detector: Detector) -> DataFrame:
    """Lay out one event each: when it begins and ends, its rows, its peak, and the sensor and statistic of that."""
    import pandas

    score, alarms = scored.score, scored.score > detector.threshold
    events = find_events(scored.rows, alarms, score)
    first, last, peak = np.array([(one.first, one.end - 1, one.peak) for one in events], int).reshape(-1, 3).T
    named = {place: _name_rows(dataset, scored.rows[where]) for place, where in (("start", first), ("end", last))}
    *series, when = named["start"]
    columns: dict[str, Any] = {name: named["start"][name] for name in series}
    columns |= {place: values[when] for place, values in named.items()}
    columns["rows"] = scored.rows[last] - scored.rows[first] + 1
    columns["peak"] = score[peak]
    columns["peak_at"] = _name_rows(dataset, scored.rows[peak])[when]
    columns["sensor"] = np.array(dataset.pipeline.targets, dtype=object)[scored.sensor[peak]]
    columns["statistic"] = np.array(STATISTICS, dtype=object)[scored.statistic[peak, scored.sensor[peak]]]
    if (labels := _label(dataset, scored.rows)) is not None:
        columns["labeled"] = [bool(labels[event.first : event.end].any()) for event in events]
    return pandas.DataFrame(columns)


def _lay_faults(dataset: SensorDataset, scored: RowScores, detector: Detector) -> DataFrame:
    """Lay out one fault each: its kind, sensor and rows, whether an alarm was raised, and which sensor it named."""
    import pandas

    known = [fault for fault in dataset.faults if fault.first >= scored.rows[0] and fault.end <= scored.rows[-1] + 1]
    places = list_places(scored.rows, [(fault.first, fault.end) for fault in known])
    alarms, names = scored.score > detector.threshold, np.array(dataset.pipeline.targets, dtype=object)
    spans = [slice(place.first, place.end) for place in places]
    after = [int(alarms[span].argmax()) if alarms[span].any() else None for span in spans]
    peaks = [span.start + int(scored.score[span].argmax()) for span in spans]
    columns: dict[str, Any] = {
        "kind": [fault.name for fault in known],
        "sensor": [names[fault.sensor] for fault in known],
        "start": next(reversed(_name_rows(dataset, np.array([f.first for f in known], int)).values())),
        "rows": [fault.end - fault.first for fault in known],
        "found": [rows is not None for rows in after],
        "rows_until_found": after,
        "peak": [float(scored.score[peak]) for peak in peaks],
        "named": [names[scored.sensor[peak]] for peak in peaks],
    }
    return pandas.DataFrame(columns)
