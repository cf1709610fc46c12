"""What is said of alarms beside the score that heads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnnexp.errors import count
from rnnexp.evaluation.report import Scores
from rnnexp.tasks.anomaly.report import EVENTS, FAULTS

SHOWN = 5  # events


def summary(scores: Scores) -> Iterator[str]:
    """Yield further lines of the summary: the threshold, the faults found by kind, the greatest events."""
    detector, tables = scores.report.intervals, scores.report.tables
    measured = (
        f", on {detector.held_out:,} later ones {detector.measured:.2%} raise an alarm" if detector.held_out else ""
    )
    yield (
        f"  threshold {detector.threshold:.4g}, from {detector.examples:,} clean rows for a false-alarm rate of "
        f"{detector.false_alarm_rate:.2%}{measured}"
    )
    if FAULTS in tables:
        by = tables[FAULTS].groupby("kind", sort=True)["found"]
        yield f"  faults found: {', '.join(f'{kind} {int(own.sum())} of {len(own)}' for kind, own in by)}"
        seen = tables[FAULTS].query("found")
        right = int((seen["sensor"] == seen["named"]).sum())
        yield f"  the sensor is named rightly in {right} of {len(seen)} faults that are found"
    events = tables[EVENTS]
    rate = scores.metrics[f"{scores.part}/alarm_rate"]
    yield f"  {count(len(events), 'event')}, {rate:.2%} of the rows" + (", the greatest:" if len(events) else "")
    for _, event in events.nlargest(SHOWN, "peak").iterrows():
        yield f"    {describe_event(event)}"


def describe_event(event: Any) -> str:
    """Say when an event was, and which sensor it was of; `event` is a row of the table of events."""
    rows, what = count(int(event["rows"]), "row"), f"{event['sensor']}, {event['statistic']} {event['peak']:.3g}"
    return f"{event['start']} to {event['end']}, {rows}: {what} at {event['peak_at']}"
