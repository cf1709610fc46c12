"""Dates as programs and offices spell them, rewritten so that the forms of `date_forms` read them."""

from __future__ import annotations

import re
from typing import Any

from rnnexp.data.tables.date_forms import WORD, find_month

ALONE, END = r"(?<![^\W\d_])", r"(?![^\W\d_])"  # no letter before, and none behind
HALVES = {"1": "Q1", "2": "Q3"}  # a half-year begins with its first quarter
QUARTER_WORD = (
    r"(?:quarters?|quartals?|quartil|qtr|trimestre|trimester|trim|kwartał|kwartal|kwartaal|kvartal|kvartál|čtvrtletí|"
    r"квартал|кварт|кв|季度|四半期|분기)"
)
ROMAN = {"I": 1, "II": 2, "III": 3, "IV": 4}
HALF_DAYS = "上午|下午|午前|午後|오전|오후"
# [01/Jan/2021:00:00:00 +0000] of web servers, `Fri Jan 01 00:00:00 +0000 2021` of Twitter and `date`, those of
# JavaScript with the name of their zone, Oracle's 12.00.00.000 AM, `a. m.`, and words before the date.
REWRITTEN = (
    (r"^\[(.*)\]$", r"\1"),
    (r"(GMT[+-]\d{4})\s*\([^()]*\)$", r"\1"),
    (
        r"^((?:[^\W\d_]{3},?\s+)?[^\W\d_]{3}\s+\d{1,2})\s+(\d\d:\d\d:\d\d)\s+([+-]\d{4}|[A-Z]{3,5})\s+(\d{4})$",
        r"\1 \4 \2 \3",
    ),
    (r"(?<=\s)(\d{1,2})\.(\d\d)\.(\d\d)((?:\.\d{1,9})?\s?[APap][Mm])", r"\1:\2:\3\4"),
    (r"(?<=\d)\s?([ap])\.\s?m\.?(?=$|\s)", r" \1m"),
    (r"(?i)^(?:w/?[cbe]|(?:week|month|quarter)\s(?:commencing|beginning|starting|ending|of))[.:]?\s+(?=.*\d)", ""),
    (rf"(?i){ALONE}(?:th[aá]ng|thg)\s?(?=\d)", "M"),
)


def standardize_stamps(text: Any) -> Any:
    """Write cells of dates and clocks in the order and with the marks that most people use."""
    if text.str.contains(r"[^\W\d_]|\[").any():
        for pattern, new in REWRITTEN:
            text = text.str.replace(pattern, new, regex=True)
    if text.str.contains(HALF_DAYS).any():
        text = text.str.replace(rf"({HALF_DAYS})\s*(\d{{1,2}})(:\d\d(?::\d\d)?)", _put_half_behind, regex=True)
    return text


def _put_half_behind(found: re.Match[str]) -> str:
    half = "AM" if found[1] in ("上午", "午前", "오전") else "PM"
    return f"{12 if found[2] in ('0', '00') else found[2]}{found[3]} {half}"


def standardize_words(text: Any) -> Any:
    """Write cells without what differs from month to month or says nothing: `Sept. 1st, 2020`, `5 de mayo de 2020`."""
    if not text.str.contains(WORD).any():
        return text
    text = _write_quarters(text.str.replace(rf"(?<={WORD[:-1]})\.(?=[\s,-]|$)", "", regex=True))
    text = text.str.replace(r"(?<=\d)(?:st|nd|rd|th)\b|\b(?:de|of|at|um|kl|à)\b", "", regex=True)
    text = text.str.replace(r"(?:(?<!\w)|(?<=\d{4}))([QKT])0(?=[1-4](?!\d))", r"\1", regex=True)
    text = text.str.replace(rf"{ALONE}[HS]([12])(?!\d)", lambda found: HALVES[found[1]], regex=True)
    text = text.str.replace(r"^([12])[HS](?=\W*\d{2,4}$)", lambda found: HALVES[found[1]][::-1], regex=True)
    return text.str.replace(r"\s+", " ", regex=True).str.strip(" -")


def _write_quarters(text: Any) -> Any:
    """Write `1. Quartal`, `Qtr 1`, `I кв`, `第1季度` and the months of a quarter, Jan-Mar, as Q1."""
    if text.str.contains(rf"(?i){QUARTER_WORD}").any():
        text = text.str.replace(
            rf"(?i)(?:第|(?<![^\W_]))([1-4])\s?(?:st|nd|rd|th|er|-?[йя]|-?ème|[ºª.o])?\s?{QUARTER_WORD}{END}",
            r"Q\1",
            regex=True,
        )
        text = text.str.replace(rf"(?i){ALONE}{QUARTER_WORD}\s?([1-4])(?!\d)", r"Q\1", regex=True)
        text = text.str.replace(
            rf"{ALONE}(I|II|III|IV)\s(?:{QUARTER_WORD}|kw){END}", lambda found: f"Q{ROMAN[found[1]]}", regex=True
        )
    elif text.str.contains(rf"{ALONE}(?:I|II|III|IV)\s(?i:kw){END}").all():
        text = text.str.replace(rf"{ALONE}(I|II|III|IV)\s(?i:kw){END}", lambda found: f"Q{ROMAN[found[1]]}", regex=True)
    return text.str.replace(rf"({WORD})\s?[-–/]\s?({WORD})", _name_quarter, regex=True)


def _name_quarter(found: re.Match[str]) -> str:
    first, last = find_month(found[1]), find_month(found[2])
    return f"Q{last // 3}" if first and last == first + 2 and last % 3 == 0 else found[0]
