"""Texts in pictures, in any script: with a font that has their signs if one is installed, else as boxes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Asked first: they have all signs of a language in one weight; what else is installed comes after them.
USUAL = ("Noto Sans CJK", "Source Han Sans", "WenQuanYi", "PingFang", "Hiragino", "Microsoft YaHei", "Arial Unicode MS")
BOXES = "Last Resort"  # comes with Matplotlib: a box for each script


def make_figure(**options: Any) -> Figure:
    """Make a figure that looks for fonts when it is written to a file."""
    from matplotlib.figure import Figure

    class LegibleFigure(Figure):
        def savefig(self, *args: Any, **kwargs: Any) -> None:
            make_legible(self)
            with _quiet_fonts():
                super().savefig(*args, **kwargs)

    return LegibleFigure(**options)


@contextmanager
def _quiet_fonts() -> Iterator[None]:
    """Have Matplotlib keep to itself that a font has another weight than the one before it in a list."""
    log = logging.getLogger("matplotlib.font_manager")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def make_legible(figure: Figure) -> None:
    """Give each text the fonts that have its signs. A `$` begins no formula."""
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.text import Text

    marks = {mark for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for mark in axis.get_ticklabels(which="both")}
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text not in marks]
    for text in texts:  # marks of a logarithmic axis are formulas
        text.set_parse_math(False)
    shown = {sign for text in [*texts, *marks] for sign in text.get_text() if sign.isprintable() and not sign.isspace()}
    missing = {sign for sign in shown if not _has(findfont(FontProperties()), sign)}
    families = _find_families(missing) if missing else []
    for text in [*texts, *marks] if families else []:
        text.set_fontfamily([*text.get_fontfamily(), *families])


def _find_families(signs: set[str]) -> list[str]:
    """Return installed fonts that have these signs between them, as far as any has."""
    families, left = [], set(signs)
    for family, path in _list_fonts():
        found = {sign for sign in left if _has(path, sign)}
        if found:
            families.append(family)
            left -= found
        if not left:
            break
    return families


def _list_fonts() -> Iterator[tuple[str, str]]:
    """Yield the upright fonts of usual weight, each by its family and its file."""
    from matplotlib.font_manager import fontManager

    fonts = {(one.name, one.fname) for one in fontManager.ttflist if one.style == "normal" and one.weight in (400, 500)}
    yield from sorted(fonts, key=lambda font: (font[0].startswith(BOXES), not font[0].startswith(USUAL), font))


def _has(path: str, sign: str) -> bool:
    from matplotlib.font_manager import get_font

    return get_font(path).get_char_index(ord(sign)) != 0
