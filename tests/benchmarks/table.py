"""The Markdown table, made of stored results: it can be written again without measuring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean, median
from typing import Any

from .losses import verdict

HEAD = (
    "| work | contestant | median | min to max | ours / it | target | reached | loss | memory MB |",
    "|---|---|---|---|---|---|---|---|---|",
)
README_HEAD = "| {title} | time | min to max | of a processor | ours / it |", "|---|---|---|---|---|"
Entry = Mapping[str, Any]  # of the JSON file, see run.py


def markdown(works: list[Entry]) -> str:
    lines = [line for work in works for line in rows(work)]
    return "\n".join([*HEAD, *lines]) + "\n"


def put_into_readme(text: str, works: list[Entry], machine: str) -> str:
    """Return a text with new tables in the places that are marked for pieces of work; any other stays as it is."""
    for work in works:
        start, end = f"<!-- {work['name']} -->\n", "<!-- end -->"
        before, found, rest = text.partition(start)
        if found:
            lines = "\n".join([*_short_rows(work), "", machine, ""])
            text = f"{before}{start}{lines}{end}{rest.partition(end)[2]}"
    return text


def _short_rows(work: Entry) -> Iterator[str]:
    """Write what a reader wants to know of a piece of work: ratios are of medians, with those of the turns."""
    ours = work["contestants"][0]
    yield README_HEAD[0].format(title=work["title"])
    yield README_HEAD[1]
    for entry in work["contestants"]:
        if values := _values(entry):
            bold, unit = "**" if entry is ours else "", work["unit"]
            cpu = median(x.get("cpu_s", 0.0) for x in entry["measured"] if not x["error"])
            cells = [f"{bold}{_name(entry)}{bold}", f"{bold}{_number(median(values))} {unit}{bold}"]
            cells += [f"{_number(min(values))} to {_number(max(values))}", f"{_number(cpu)} s", _spread(ours, entry)]
            yield f"| {' | '.join(cells)} |"


def _spread(ours: Entry, entry: Entry) -> str:
    found = None if entry is ours else ratio(ours, entry)
    if found is None:
        return ""
    turns = zip(ours["measured"], entry["measured"])
    each = sorted(a["value"] / b["value"] for a, b in turns if not (a["error"] or b["error"]))
    return f"{found:.2f} ({each[0]:.2f} to {each[-1]:.2f})" if each else f"{found:.2f}"


def rows(work: Entry) -> Iterator[str]:
    ours = work["contestants"][0]
    for entry in work["contestants"]:
        title = work["title"] if entry is ours else ""
        yield "| " + " | ".join([title, _name(entry), *_cells(work, ours, entry)]) + " |"


def ratio(ours: Entry, theirs: Entry) -> float | None:
    """Return ours divided by theirs, of the medians."""
    a, b = _values(ours), _values(theirs)
    return median(a) / median(b) if a and b else None


def reached(unit: str, found: float | None, target: float | None) -> str:
    if target is None:
        return ""
    if found is None:
        return "**unknown**"
    return "yes" if (found <= target if unit == "s" else found >= target) else "**NO**"


def _cells(work: Entry, ours: Entry, entry: Entry) -> list[str]:
    values, unit = _values(entry), work["unit"]
    problem = entry.get("left_out") or next((x["error"] for x in entry["measured"] if x["error"]), "")
    if not values:
        unknown = reached(unit, None, entry["target"])
        return [f"**{problem.partition(', see')[0] or 'not measured'}**", "", "", _target(unit, entry), unknown, "", ""]
    found = None if entry is ours else ratio(ours, entry)
    return [
        f"{_number(median(values))} {unit}" + (" **(some failed)**" if problem else ""),
        f"{_number(min(values))} to {_number(max(values))}",
        "" if found is None else f"{found:.2f}",
        _target(unit, entry),
        reached(unit, found, entry["target"]),
        _loss(ours, entry),
        f"{max(x['peak_mb'] for x in entry['measured']):.0f}",
    ]


def _values(entry: Entry) -> list[float]:
    return [x["value"] for x in entry["measured"] if not x["error"]]


def _name(entry: Entry) -> str:
    part = "" if entry["runs"] == entry["of"] else f" ({entry['runs']} of {entry['of']} measured)"
    return entry["name"] + part


def _target(unit: str, entry: Entry) -> str:
    if entry["target"] is None:
        return ""
    return f"{'at most' if unit == 's' else 'at least'} {entry['target']:.3g}"


def _loss(ours: Entry, entry: Entry) -> str:
    """Write the mean loss, and beside the others' whether it equals ours."""
    theirs = [loss for x in entry["measured"] for loss in x["losses"]]
    if not theirs:
        return ""
    if entry is ours:
        return _number(fmean(theirs))
    own = [x["beside"].get(entry["name"]) or x["losses"] for x in ours["measured"]]
    flat = [loss for losses in own for loss in losses]
    if entry["best_of_all"]:
        return f"{_number(min(theirs))}: {_best(flat, min(theirs))}"
    return f"{_number(fmean(theirs))}: {verdict(flat, theirs)}"


def _best(per_seed: list[float], theirs: float) -> str:
    """Compare the best of all: the spread is that of our best over seeds, moved to where the best of them lies."""
    if not per_seed:
        return "not compared"
    down = fmean(per_seed) - min(per_seed)
    return verdict([loss - down for loss in per_seed], [theirs])


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
