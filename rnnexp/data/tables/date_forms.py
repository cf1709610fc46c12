"""Forms of dates, as `%d.%m.%Y`: which ones a cell may have, and what cells say in a form.

Besides the directives of strptime there are %q (quarter), %b in the languages of `MONTHS`, and %G %V without a weekday.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np

PIVOT_YEAR = 1969  # two-digit years are 1969 to 2068, as strptime reads them
MONTHS = (
    "january januar janvier enero gennaio januari janeiro ianuarie styczen stycznia ocak январь января",
    "february februar fevrier febrero febbraio februari fevereiro februarie luty lutego subat февраль февраля",
    "march marz mars marzo maart mrt marco mrz maerz marts maret martie marzec marca mart marcius март марта",
    "april avril abril aprile aprilis aprilie kwiecien kwietnia nisan апрель апреля",
    "may mai mayo maggio mei maj maio maja majus mayis май мая",
    "june juni juin junio giugno junho iunie junius czerwiec czerwca haziran июнь июня",
    "july juli juillet julio luglio julho iulie julius lipiec lipca temmuz июль июля",
    "august aout agosto augustus augusti augusztus agustus sierpien sierpnia agustos август августа",
    "september septembre septiembre settembre setembro septembrie szeptember wrzesien wrzesnia eylul сентябрь сентября",
    "october oktober octobre octubre ottobre outubro octombrie pazdziernik pazdziernika ekim октябрь октября",
    "november novembre noviembre novembro noiembrie listopad listopada kasim ноябрь ноября",
    "december dezember decembre diciembre dicembre dezembro desember decembrie grudzien grudnia aralik декабрь декабря",
)
# Of other languages, where only what no name above begins with counts: Czech, Finnish, Greek, Ukrainian, Bulgarian,
# Serbian, Catalan, Estonian, Latvian, Lithuanian, Malay, Slovene, Arabic and Hebrew.
OTHER_LANGUAGES = (
    "leden unor brezen duben kveten cerven cervenec srpen zari rijen listopad prosinec",
    "ledna unora brezna dubna kvetna cervna cervence srpna zari rijna listopadu prosince",
    "tammikuu helmikuu maaliskuu huhtikuu toukokuu kesakuu heinakuu elokuu syyskuu lokakuu marraskuu joulukuu",
    "ιανουαριος φεβρουαριος μαρτιος απριλιος μαιος ιουνιος ιουλιος αυγουστος σεπτεμβριος οκτωβριος νοεμβριος "
    "δεκεμβριος",
    "ιανουαριου φεβρουαριου μαρτιου απριλιου μαιου ιουνιου ιουλιου αυγουστου σεπτεμβριου οκτωβριου νοεμβριου "
    "δεκεμβριου",
    "січень лютий березень квітень травень червень липень серпень вересень жовтень листопад грудень",
    "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
    "януари февруари март април май юни юли август септември октомври ноември декември",
    "јануар фебруар март април мај јун јул август септембар октобар новембар децембар",
    "januar februar mart april maj jun jul avgust septembar oktobar novembar decembar",
    "gener febrer marc abril maig juny juliol agost setembre octubre novembre desembre",
    "jaanuar veebruar marts aprill mai juuni juuli august september oktoober november detsember",
    "janvaris februaris marts aprilis maijs junijs julijs augusts septembris oktobris novembris decembris",
    "sausis vasaris kovas balandis geguze birzelis liepa rugpjutis rugsejis spalis lapkritis gruodis",
    "sausio vasario kovo balandzio geguzes birzelio liepos rugpjucio rugsejo spalio lapkricio gruodzio",
    "januari februari mac april mei jun julai ogos september oktober november disember",
    "januar februar marec april maj junij julij avgust september oktober november december",
    "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
    "ינואר פברואר מרץ אפריל מאי יוני יולי אוגוסט ספטמבר אוקטובר נובמבר דצמבר",
)
WORD = r"[^\W\d_]+"
PATTERNS = {
    "Y": r"\d{4}",
    "G": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{1,2}",
    "d": r"\d{1,2}",
    "b": WORD,
    "B": WORD,
    "q": r"[1-4]",
    "V": r"\d{1,2}",
    "u": r"[1-7]",
    "j": r"\d{1,3}",
    "H": r"\d{1,2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
}
FIXED = {"m": r"\d{2}", "d": r"\d{2}", "V": r"\d{2}", "j": r"\d{3}", "H": r"\d{2}"}  # where no mark stands between
MARKS = {"q": "QTK", "m": "M"}  # 2018Q1, 2018T1 (French, Spanish), 2018K1 (Danish), 2018M01
WEEK = re.compile(r"(w|kw|cw|wk|week|uge|v)$", re.IGNORECASE)
SWAPPED = ("dmY", "dmy", "mdY", "mdy")  # orders that are taken for each other
ORDERS = {
    *SWAPPED,
    *("Y", "Ymd", "ymd", "Ym", "mY", "Yj", "jY"),
    *("Yb", "bY", "yb", "by", "dbY", "bdY", "Ybd", "dby", "bdy", "ybd"),
    *("Yq", "qY", "yq", "qy", "GV", "VG", "GVu"),
}
UNACCENTED = str.maketrans("łı", "li")
TOKEN = re.compile(rf"\d+|{WORD}|[\W_]+")


def strip_accents(word: str) -> str:
    """Write a word in small letters without accents, and without the bar of a Polish l."""
    plain = unicodedata.normalize("NFKD", word.lower()).translate(UNACCENTED)
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _month_numbers(months: Iterable[str]) -> dict[str, int]:
    """Map whole names, and every beginning of three letters or more that one month alone has, to its number."""
    numbers: dict[str, set[int]] = {}
    whole: dict[str, int] = {}
    for number, names in enumerate(months, start=1):
        for name in names.split():
            plain = strip_accents(name)
            whole[plain] = number
            for length in range(3, len(plain) + 1):
                numbers.setdefault(plain[:length], set()).add(number)
    return {word: found.pop() for word, found in numbers.items() if len(found) == 1} | whole


OTHERS = map(" ".join, zip(*map(str.split, OTHER_LANGUAGES)))
MONTH_NUMBERS = _month_numbers(OTHERS) | _month_numbers(MONTHS)


def get_order(form: str) -> str:
    """Return the directives of a form that say the date: "dmY"."""
    return "".join(letter for letter in re.findall("%(.)", form) if letter not in "aAHMS%").replace("B", "b")


def get_width(form: str) -> int:
    """Return how many digits a form of digits alone has, 0 for other forms."""
    letters = re.findall("%(.)", form)
    alone = form == "".join(f"%{letter}" for letter in letters)
    return sum({"Y": 4, "G": 4, "j": 3, "q": 1}.get(letter, 2) for letter in letters) if alone else 0


def restore_zero(text: Any, form: str) -> Any:
    """Give back the first zero that a spreadsheet has left out of digits."""
    width = get_width(form)
    lost = width and form[1] not in "YG" and (text.str.len() == width - 1).any()
    return text.str.zfill(width) if lost else text


def list_forms(text: Any, quarters: bool = False) -> list[str]:
    """List the forms that cells of the commonest shape may have; `quarters` may be 2018-1."""
    shapes = text.str.replace(r"\d", "0", regex=True)
    tokens = TOKEN.findall(text[shapes == shapes.mode()[0]].iloc[0])
    marks = {token.upper() for token in tokens if token.isalpha()}
    if sum(token.isdigit() for token in tokens) > 3:
        return []
    found = product(*(_readings(token, marks) for token in tokens))
    forms = [form for form in map("".join, found) if get_order(form) in ORDERS and _is_whole(form, marks)]
    starts = {"%V": "%G", "%q": "%Y" if quarters else "none"}  # of forms without a letter that says what it is
    return [form for form in forms if marks or all(form.startswith(starts[mark]) for mark in starts if mark in form)]


def _is_whole(form: str, marks: set[str]) -> bool:
    """Doubt two words that would be weekdays (an id), one beside no day, and numbers called weeks by no word."""
    day = form.count("%a") == 0 or (form.count("%a") == 1 and "d" in get_order(form))
    return day and ("%V" not in form or not marks or any(map(WEEK.match, marks)))


def _readings(token: str, marks: set[str]) -> list[str]:
    """List what a number or a word may be."""
    if not token.isdigit():
        if token.isalpha() and find_month(token):
            return ["%b"]
        return ["%a"] if token.isalpha() and len(token) > 1 and not WEEK.match(token) else [token.replace("%", "%%")]
    if any(WEEK.match(mark) for mark in marks):
        return {4: ["%G"], 3: ["%V%u"], 2: ["%V"], 1: ["%V", "%u"]}.get(len(token), [])
    for directive, letters in MARKS.items():
        if marks & set(letters):
            number = [f"%{directive}"] if directive == "m" or len(token) == 1 else ["%y"]
            return {4: ["%Y"], 2: number, 1: number}.get(len(token), [])
    return {4: ["%Y", "%G"], 3: ["%j"], 2: ["%d", "%m", "%y", "%V"], 1: ["%d", "%m", "%q"]}.get(len(token), [])


def find_month(word: str) -> int:
    """Return 1 to 12, or 0 if this is no name of a month."""
    return MONTH_NUMBERS.get(strip_accents(word), 0)


def write_pattern(form: str) -> str:
    """Return the regular expression of a form; ValueError for a directive that is not known here."""
    pieces = re.split(r"%(.)", form)
    whole = re.escape(pieces[0])
    for place in range(1, len(pieces), 2):
        letter, after = pieces[place], pieces[place + 1]
        close = (not after and place + 2 < len(pieces)) or (place > 1 and not pieces[place - 1])
        if letter in "aA":
            whole += f"(?P<a>{WORD})"
        elif letter == "%":
            whole += "%"
        elif letter not in PATTERNS:
            raise ValueError(f"unknown directive %{letter}")
        else:
            neighbor = "".join(pieces[place - 2 : place - 1]) + "".join(pieces[place + 2 : place + 3])
            digits = FIXED if close and not set(neighbor) <= set("bB") else PATTERNS
            whole += f"(?P<{letter}>{digits.get(letter, PATTERNS[letter])})"
        whole += re.escape(after)
    return f"^{whole}$"


def read_form(text: Any, form: str, pivot_year: int | None = None) -> np.ndarray:
    """Return what cells say in a form: (rows,) datetime64[s], NaT where a cell has another form or names no day."""
    import pandas as pd

    if set(re.findall("%(.)", form)) <= set("YmdHMSj") and "d" in form + "j":  # fast
        whole = pd.to_datetime(text, format=form, errors="coerce")
        return np.asarray(whole).astype("datetime64[s]")
    fields = text.str.extract(write_pattern(form))
    parts = {}
    for key in fields.columns.drop("a", errors="ignore"):
        words = fields[key].map(find_month, na_action="ignore") if key in "bB" else fields[key]
        parts[key] = pd.to_numeric(words).to_numpy(dtype=np.float64, na_value=np.nan)
    there = np.all([~np.isnan(part) for part in parts.values()], axis=0)
    whole = {key: np.where(there, part, 1).astype(np.int64) for key, part in parts.items()}
    if "y" in whole:
        pivot = pivot_year or PIVOT_YEAR
        whole["Y"] = pivot + (whole["y"] - pivot) % 100
    days, exist = _days({"m" if key in "bB" else key: part for key, part in whole.items()})
    if "a" in fields:  # a word is a weekday, in any language, if it stands for one only
        weekday = pd.Series((days.astype("datetime64[D]").astype(np.int64) + 3) % 7)
        exist &= (weekday.groupby(fields["a"]).transform("nunique") == 1).to_numpy()
    clock, runs = make_clock(whole.get("H", 0), whole.get("M", 0), whole.get("S", 0))
    return np.where(there & exist & runs, days.astype("datetime64[s]") + clock, np.datetime64("NaT"))


def make_clock(hour: Any, minute: Any, second: Any) -> tuple[Any, Any]:
    """Return the time of day as timedelta64[s], and whether there is such a time; 24:00 ends the day."""
    total = np.asarray(hour * 3600 + minute * 60 + second)
    runs = (total <= 86400) & np.less(minute, 60) & np.less(second, 60)
    return total.astype("timedelta64[s]"), runs


def _days(parts: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return datetime64[D], and whether the calendar has such a day."""
    year = (parts["G" if "G" in parts else "Y"] - 1970).astype("datetime64[Y]")
    if "V" in parts:
        fourth = year.astype("datetime64[D]") + 3  # always in the first week
        monday = fourth - (fourth.astype(np.int64) + 3) % 7 + 7 * (parts["V"] - 1)
        return monday + parts.get("u", 1) - 1, (parts["V"] > 0) & ((monday + 3).astype("datetime64[Y]") == year)
    if "j" in parts:
        day = year.astype("datetime64[D]") + parts["j"] - 1
        return day, day.astype("datetime64[Y]") == year
    number = parts.get("m", 3 * parts["q"] - 2 if "q" in parts else np.ones(len(year), dtype=np.int64))
    month = year.astype("datetime64[M]") + number - 1
    day = month.astype("datetime64[D]") + (parts["d"] - 1 if "d" in parts else 0)
    return day, (month.astype("datetime64[Y]") == year) & (day.astype("datetime64[M]") == month)
