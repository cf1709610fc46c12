"""Dates over several columns: year and week, date and hour, day, month and year in any order, joined to one text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rnnexp.data.tables.date_forms import strip_accents

PARTS = ("year", "month", "day", "hour", "minute", "second")
NAMES = {
    "year": "year yr yyyy yy jahr annee an ano anio anno aar jaar vuosi rok",
    "month": "month mon mm mo mnth monat mois mes mese maand maned kuukausi",
    "day": "day dd dy tag jour dia giorno dag dayofmonth mday",
    "hour": "hour hr hh h he hrs stunde std heure hora ora uur hourending tunti",
    "minute": "minute min mi minuto minuut",
    "second": "second sec ss sekunde seconde segundo",
    "week": "week wk kw woche kalenderwoche semaine semana settimana isoweek weekofyear weekno weeknumber uge vecka",
    "quarter": "quarter qtr q quartal trimestre trimester kwartaal kvartal",
    "yearday": "doy dayofyear yday yearday julian julianday jday",
}
ROLES = {word: role for role, words in NAMES.items() for word in words.split()}
DATES = {  # the text and the form of a date that such columns make up
    ("year",): ("", ""),
    ("year", "month"): ("-", "-%m"),
    ("year", "quarter"): ("-Q", "-Q%q"),
    ("year", "week"): ("-W", "-W%V"),
    ("year", "yearday"): ("-", "-%j"),
    ("year", "month", "day"): ("-", "-%m-%d"),
}
HALF = r"(?i)[ap]\.?m\.?"
CLOCK = r"\d{1,2}[:h.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?\s*(?:[AaPp]\.?[Mm]\.?)?"


DASHES = dict.fromkeys("年月\u2010\u2011\u2012\u2013\u2212", "-")
# A day of the week in brackets, or with its word: 2020/1/5(日), 2020年1月5日 星期日, 2020-01-05 (일).
JAPANESE, KOREAN = "[月火水木金土日]", "[월화수목금토일]"
WEEKDAY = rf"\s*(?:\((?:{JAPANESE}|{KOREAN})\)|{JAPANESE}曜日?|(?:星期|周|週)[一二三四五六日天]|{KOREAN}요일)"
# Arabic, Persian, Devanagari, Bengali and Thai digits.
OTHER_DIGITS = {zero + digit: str(digit) for zero in (0x660, 0x6F0, 0x966, 0x9E6, 0xE50) for digit in range(10)}
TENS = {"十二": "12", "十一": "11", **{sign: str(number) for number, sign in enumerate("一二三四五六七八九十", 1)}}
CHINESE = "(十二|十一|[一二三四五六七八九十])(?=月)"
SIGNS = str.maketrans({**DASHES, **dict.fromkeys("时時点分", ":"), "日": " ", "秒": ""})


def write_text(column: Any) -> Any:
    """Write dates as ISO, whole numbers without a decimal point, and signs of other scripts as usual ones."""
    if column.dtype.kind == "f" and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    text = column.astype("str").str.strip()
    if text.str.contains("[^ -~]").any():  # digits of full width, blanks that do not break, 2020年1月5日
        text = (
            text.str.replace(CHINESE, lambda found: TENS[found[1]], regex=True)
            .str.normalize("NFKC")
            .str.translate(OTHER_DIGITS)
            .str.replace(WEEKDAY, "", regex=True)
            .str.translate(SIGNS)
            .str.strip(" -:")
        )
    return text.str.replace(r"\.0+$", "", regex=True) if text.str.fullmatch(r"\d{4,}\.0+").all() else text


def find_role(name: str) -> str | None:
    """Return which part of a date a column says, by its name in one of several languages."""
    words = re.findall("[a-z]+", strip_accents(name))
    found = [ROLES[word] for word in ("".join(words), *words) if word in ROLES]
    return found[0] if found else None


def find_roles(names: Sequence[str]) -> list[str | None]:
    """Return the part of a date that each column says; MM is a month beside mm, the minute."""
    roles = [find_role(name) for name in names]
    both = {"MM", "mm"} <= {name.strip() for name in names}
    return ["minute" if both and name.strip() == "mm" else role for name, role in zip(names, roles)]


def join_columns(texts: Sequence[Any], names: Sequence[str]) -> tuple[Any, str | None] | None:
    """Return the dates as one text per row, and their form if that is known; None if the columns make up no date."""
    numeric = [bool(text.str.fullmatch(r"\d+").all()) for text in texts]
    roles = find_roles(names)
    bare = [text.str.extract(r"(\d+)$")[0].fillna(text) for text in texts]  # Q1, W01
    if _complete(roles):
        return _from_parts(dict(zip(roles, bare)))
    if all(numeric) and len(texts) <= len(PARTS) and texts[0].str.len().eq(4).all():
        return _from_parts(dict(zip(PARTS, texts)))
    if numeric[0] and len(texts) > 1 and len(texts[0].iloc[0]) <= 2 and all(numeric):
        return None
    date, *clock = sorted(texts, key=lambda text: [bool(text.str.fullmatch(form).all()) for form in (HALF, CLOCK)])
    return date.str.cat(_clock(clock), sep=" "), None


def _complete(roles: Sequence[str | None]) -> bool:
    """Tell whether columns are a year and what makes it a date, each once."""
    days = [part for part in roles if part not in PARTS[3:]]
    return len(set(roles)) == len(roles) and any(set(days) == set(key) for key in DATES)


def _from_parts(parts: dict[Any, Any]) -> tuple[Any, str]:
    """Write year, month, ..., second as a date and a clock."""
    key = next(key for key in DATES if set(key) == parts.keys() - set(PARTS[3:]))
    mark, rest = DATES[key]
    year = parts["year"]
    form = ("%y" if year.str.len().max() <= 2 else "%G" if "week" in key else "%Y") + rest
    text = year.str.zfill(2)
    for part in key[1:]:
        text = text.str.cat(parts[part], sep=mark)
    if "month" in key and not parts["month"].str.isdigit().all():
        form = form.replace("%m", "%b")
    clock = [parts[part] for part in PARTS[3:] if part in parts]
    return (text.str.cat(_clock(clock), sep=" ") if clock else text), form


def _clock(columns: list[Any]) -> list[Any]:
    """Write hours (7), hours and minutes (730) or what is a clock already as a clock, one text column."""
    first = columns[0]
    if not first.str.fullmatch(r"\d+").all():
        return columns
    longest = first.astype("int64").max()
    if len(columns) > 1 and all(column.str.fullmatch(r"\d+").all() for column in columns):
        padded = [column.str.zfill(2) for column in columns]
        return [padded[0].str.cat(padded[1:], sep=":")]
    if longest < 100 and not first.str.len().eq(4).all():
        return [first.str.zfill(2) + ":00", *columns[1:]]
    digits = first.str.zfill(4 if longest <= 2400 else 6)
    return [digits.str.replace(r"(\d\d)(?=\d)", r"\1:", regex=True), *columns[1:]]
