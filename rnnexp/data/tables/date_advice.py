"""What to do about cells that are no dates, or dates of another form than the others."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from rnnexp.data.tables.date_forms import get_order
from rnnexp.data.tables.date_recognition import try_forms

STRPTIME = re.compile(r"(?:%[YymdbBj]|[^%])+")
EXPONENT = r"\d+(?:[.,]\d+)?[eE]\+?\d+"  # in which a spreadsheet has lost the last digits


def explain_unreadable(text: Any) -> str:
    """Say what can be done about cells that are no dates in any form."""
    if text.str.fullmatch("#+").all():
        return "Spreadsheets show so what does not fit: widen the column, and save the table again"
    if text.str.fullmatch(EXPONENT).all():
        return "Exponents have lost the last digits: write the dates again, as text"
    worded = text.str.contains(r"[^\W\d_]{3}").any()
    months = "names of months are read in many languages; others" if worded else "months"
    return f'Say how: data.time_format: "%d.%m.%Y"; {months} must be numbers, and each date needs its year'


def explain_form(form: str, given: bool) -> str:
    """Say in which form the others were read; an example of one where none was given."""
    example = "" if given else ', for example data.time_format: "%d.%m.%Y %H:%M"'
    spoken = "year-month-day (ISO 8601)" if form == "ISO8601" else f"`{form}`"
    return f"Read as {spoken}; say how dates are written with data.time_format{example}"


def explain_forms(rest: Any, form: str, name: str) -> str:
    """Say how dates of two forms are written alike; nothing if the `rest` are not all dates of one other form."""
    tried = try_forms(rest.reset_index(drop=True)) if len(rest) > 1 else {}
    others = [other for other, time in tried.items() if not np.isnat(time).any()]
    others = [other for other in others if get_order(other) == get_order(form)] or others
    if not others:
        return ""
    said = f"The others are written otherwise ({form}): write all alike"
    pandas_knows = all(STRPTIME.fullmatch(one) for one in (form, others[0])) and not rest.str.contains(":").any()
    if len(others) > 1 or not pandas_knows:
        return said
    read = [f'pandas.to_datetime(frame[{name!r}], format="{one}", errors="coerce")' for one in (form, others[0])]
    return f"{said}, with pandas: frame[{name!r}] = {read[0]}.fillna({read[1]})"
