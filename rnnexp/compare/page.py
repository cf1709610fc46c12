"""Pieces of a self-contained HTML page; every text that goes in is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files


def page(title: str, parts: Iterable[str]) -> str:
    """Return a whole document; nothing in it is loaded from elsewhere, and it runs no script."""
    style = files("rnnexp.compare").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body>\n</html>\n"
    )


def paragraph(text: str, kind: str = "") -> str:
    return f"<p{_class(kind)}>{escape(text)}</p>" if text else ""


def section(title: str, *parts: str) -> str:
    """Return a titled section, or nothing if it would be empty."""
    inside = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{inside}\n</section>" if inside else ""


def preformatted(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs) + "</dl>"


def figure(picture: str, caption: str) -> str:
    """Put a picture (SVG or an img element, made by `pictures`) above its caption."""
    return f'<figure class="wide">{picture}<figcaption>{escape(caption)}</figcaption></figure>' if picture else ""


def cell(text: str, kind: str = "") -> str:
    return f"<td{_class(kind)}>{escape(text)}</td>"


def table(head: Sequence[str], rows: Sequence[str]) -> str:
    """Return a table of rows made by `row`, which may scroll sideways by itself."""
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    return (
        f'<div class="wide"><table>\n<thead><tr>{names}</tr></thead>\n<tbody>\n'
        + "\n".join(rows)
        + "\n</tbody></table></div>"
    )


def row(cells: Iterable[str], kind: str = "") -> str:
    return f"<tr{_class(kind)}>{''.join(cells)}</tr>"


def long_table(head: Sequence[str], rows: Sequence[str], first: int) -> str:
    """Show the first rows, and the rest after a click."""
    if len(rows) <= first:
        return table(head, rows)
    rest = f"<details><summary>{len(rows) - first} more</summary>{table(head, rows[first:])}</details>"
    return table(head, rows[:first]) + rest


def whisker(low: float, mean: float, high: float, reference: float) -> str:
    """Draw an interval with its mean; places are shares of the width, `reference` is a thin line."""
    x0, x, x1, ref = (f"{4 + 112 * min(max(place, 0.0), 1.0):.1f}" for place in (low, mean, high, reference))
    return (
        '<td><svg class="whisker" width="120" height="14" viewBox="0 0 120 14" aria-hidden="true">'
        f'<path d="M{ref} 0V14" stroke="#999" stroke-dasharray="2 2"/>'
        f'<path d="M{x0} 7H{x1}M{x0} 4V10M{x1} 4V10" stroke="#0072b2" stroke-width="1.5"/>'
        f'<circle cx="{x}" cy="7" r="3.2" fill="#0072b2"/></svg></td>'
    )


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
