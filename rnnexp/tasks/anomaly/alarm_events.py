"""Alarms as events, and what they are worth where it is known which rows are faulty.

Scores are of rows as they are. Point adjustment, which takes all rows of an event for found once one of them is, is not
done: with it a random score does as well as published detectors (Kim, Choi, Choi, Lee, Yoon, AAAI 2022, arXiv
2109.05257).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

APART = 3  # rows without an alarm between two alarms of one event, at most


@dataclass(frozen=True)
class Event:
    """Rows that belong together, given by their places `first` up to and without `end` among all that are scored.

    peak: the place of the greatest score
    """

    first: int
    end: int
    peak: int


def find_events(rows: np.ndarray, alarms: np.ndarray, score: np.ndarray, apart: int = APART) -> list[Event]:
    """Gather alarms (n,) of rows (n,) into events; between those of one event lie at most `apart` rows without any."""
    places = np.flatnonzero(alarms)
    if not len(places):
        return []
    cuts = np.flatnonzero(np.diff(rows[places]) > apart + 1) + 1
    return [
        Event(int(own[0]), int(own[-1]) + 1, int(own[0]) + int(score[own[0] : own[-1] + 1].argmax()))
        for own in np.split(places, cuts)
    ]


def measure(rows: np.ndarray, score: np.ndarray, threshold: float, labels: np.ndarray | None) -> dict[str, float]:
    """Return the metrics of scores (n,); without faulty rows among `labels` (n,) only the share of alarms is known."""
    alarms = score > threshold
    found = {"alarm_rate": float(alarms.mean())}
    if labels is None:
        return found
    clean = ~labels
    events = find_events(rows, alarms, score)
    false = sum(not labels[event.first : event.end].any() for event in events)
    if clean.any():
        found |= {"false_positive_rate": float(alarms[clean].mean()), "false_alarms": 1000 * false / len(rows)}
    return found | (_measure_detection(rows, score, alarms, labels) if labels.any() and clean.any() else {})


def _measure_detection(rows: np.ndarray, score: np.ndarray, alarms: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    right = int((alarms & labels).sum())
    precision = right / max(1, int(alarms.sum()))
    recall = right / int(labels.sum())
    faulty = find_events(rows, labels, score, apart=0)
    return {
        "average_precision": float(average_precision_score(labels, score)),
        "roc_auc": float(roc_auc_score(labels, score)),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if right else 0.0,
        "event_recall": share_found(faulty, alarms),
    }


def share_found(events: Sequence[Event], alarms: np.ndarray) -> float:
    """Return the share of events with an alarm in one of their rows at least."""
    return float(np.mean([alarms[event.first : event.end].any() for event in events]))


def list_places(rows: np.ndarray, spans: Iterable[tuple[int, int]]) -> list[Event]:
    """Return where spans of rows lie among those that are scored; spans that are not scored at all are left out."""
    found = [(int(np.searchsorted(rows, first)), int(np.searchsorted(rows, end))) for first, end in spans]
    return [Event(first, end, first) for first, end in found if end > first]
