"""Texts in pictures, in any script: with a font that has their signs if one is installed, else by their codes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from rnnexp.output import hide_warnings

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

# Asked first: they have all signs of a language in one weight; what else is installed comes after them.
USUAL = ("Noto Sans CJK", "Source Han Sans", "WenQuanYi", "PingFang", "Hiragino", "Microsoft YaHei", "Arial Unicode MS")
BOXES = "Last Resort"  # comes with Matplotlib: the same box for all signs of a script
MAX_CODES = 8  # of one text
MAX_POINTS = 4096  # of a line that are drawn at once: of 65,536 the renderer takes 100 MB, in pieces of these 13
NOTE = "U+: letters that no installed font has, by their codes"


def make_figure(**options: Any) -> Figure:
    """Make a figure that looks for fonts when it is written to a file."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    class LegibleFigure(Figure):
        def savefig(self, *args: Any, **kwargs: Any) -> None:
            make_legible(self)
            # It would tell that a font has another weight than the one before it in a list.
            with hide_warnings("matplotlib.font_manager"), rc_context({"agg.path.chunksize": MAX_POINTS}):
                super().savefig(*args, **kwargs)

    return LegibleFigure(**options)


def make_legible(figure: Figure) -> None:
    """Give each text the fonts that have its signs. A `$` begins no formula."""
    from matplotlib import text as matplotlib_text
    from matplotlib.font_manager import FontProperties, findfont

    marks = {mark for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for mark in axis.get_ticklabels(which="both")}
    found = figure.findobj(matplotlib_text.Text)
    texts = [text for text in found if isinstance(text, matplotlib_text.Text) and text not in marks]
    for text in texts:  # marks of a logarithmic axis are formulas
        text.set_parse_math(False)
    shown = {sign for text in [*texts, *marks] for sign in text.get_text() if sign.isprintable() and not sign.isspace()}
    missing = {sign for sign in shown if not _has(findfont(FontProperties()), sign)}
    families, unknown = _find_families(missing) if missing else ([], set())
    if unknown:
        _write_codes(figure, texts, unknown)
    for text in [*texts, *marks] if families else []:
        text.set_fontfamily([*text.get_fontfamily(), *families])


def _write_codes(figure: Figure, texts: Iterable[Text], unknown: set[str]) -> None:
    """Put codes in the place of signs that cannot be drawn, and say so at the foot of the picture."""
    from matplotlib.ticker import FuncFormatter

    for text in texts:
        text.set_text(write_codes(text.get_text(), unknown))
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        if any(unknown.intersection(mark.get_text()) for mark in axis.get_ticklabels()):
            axis.set_major_formatter(FuncFormatter(partial(_write_mark, axis.get_major_formatter(), unknown)))
    figure.text(0.005, 0.005, NOTE, fontsize=6, color="0.4")


def _write_mark(write: Callable[..., str], unknown: set[str], place: float, number: int | None = None) -> str:
    return write_codes(write(place, number), unknown)


def write_codes(text: str, unknown: set[str]) -> str:
    """Write each sign of a text that is unknown as U+ and its number, the first eight of them."""
    pieces, codes = [""], 0
    for sign in text:
        if sign not in unknown:
            pieces[-1] += sign
            continue
        codes += 1
        if codes <= MAX_CODES:
            pieces += [f"U+{ord(sign):04X}", ""]
        elif codes == MAX_CODES + 1:
            pieces += ["…", ""]
    return " ".join(piece.strip() for piece in pieces if piece.strip())


def _find_families(signs: set[str]) -> tuple[list[str], set[str]]:
    """Return installed fonts that have these signs between them, and the signs that none has."""
    families, left = [], set(signs)
    for family, path in _list_fonts():
        found = {sign for sign in left if _has(path, sign)}
        if found:
            families.append(family)
            left -= found
        if not left:
            break
    return families, left


def _list_fonts() -> Iterator[tuple[str, str]]:
    """Yield the upright fonts of usual weight, each by its family and its file."""
    from matplotlib.font_manager import fontManager

    fonts = {(one.name, one.fname) for one in fontManager.ttflist if one.style == "normal" and one.weight in (400, 500)}
    real = (font for font in fonts if not font[0].startswith(BOXES))
    yield from sorted(real, key=lambda font: (not font[0].startswith(USUAL), font))


def _has(path: str, sign: str) -> bool:
    from matplotlib.font_manager import get_font

    return get_font(path).get_char_index(ord(sign)) != 0
