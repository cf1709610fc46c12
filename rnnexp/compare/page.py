"""Pieces of a self-contained HTML page; every text that goes in is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root { --ink: #1b1b1b; --soft: #5c6066; --line: #d9dce1; --wash: #f5f6f8; --blue: #0072b2; --red: #b34700; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 76rem; color: var(--ink); background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .6rem; font-size: 1.2rem; }
p { margin: .4rem 0; }
.over { color: var(--soft); font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; }
.soft, figcaption, .note { color: var(--soft); font-size: .9rem; }
.verdict { margin: 1.2rem 0 .8rem; padding: .9rem 1.1rem; background: var(--wash); border-left: 4px solid var(--blue);
  font-size: 1.1rem; overflow-wrap: anywhere; }
.verdict.loses { border-color: var(--red); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .82rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem .3rem 0; text-align: left; white-space: nowrap; vertical-align: middle;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; border-bottom-width: 2px; }
td.text { white-space: normal; min-width: 14rem; overflow-wrap: anywhere; }
tr.best td { font-weight: 650; }
tr.worse td, tr.none td { color: var(--soft); }
tr.baseline td { background: var(--wash); font-style: italic; }
svg.whisker { display: block; }
figure { margin: 0 0 1rem; break-inside: avoid; }
figure > svg, figure > img { display: block; width: 100%; height: auto; min-width: 34rem; max-width: 52rem; }
pre { margin: .4rem 0; padding: .8rem 1rem; overflow-x: auto; background: var(--wash); font-size: .85rem;
  line-height: 1.45; font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
summary { cursor: pointer; color: var(--blue); padding: .5rem 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: .4rem 0; font-size: .9rem; }
dt { font-weight: 600; } dd { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
@media (max-width: 40rem) { body { font-size: 15px; } dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; } pre { white-space: pre-wrap; } table { font-size: 7.5pt; }
  h2 { break-after: avoid; } tr, .verdict { break-inside: avoid; } .wide { overflow: visible; }
  figure > svg, figure > img { min-width: 0; } details::details-content { content-visibility: visible; display: block; }
}
"""


def page(title: str, parts: Iterable[str]) -> str:
    """Return a whole document; nothing in it is loaded from elsewhere, and it runs no script."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        'img-src data:">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
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
