"""The page "Your table" (docs/tables.md): of each kind some lines of a file, and what `rnnexp init` makes of it.

`python -m tests.tables.page` writes it anew.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from tests.tables.judge import inside, run_init

PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
# What every experiment has, whatever its table is like.
ALIKE = ("path", "sequence_length", "horizon", "scaler")
LONGEST = 14  # lines of an answer that are shown

CLOSED = (
    "A weekday that never has a row, for four weeks at least, is no gap: the season is a week of the others, and a "
    "forecast leaves it out, too. `data.frequency=D` with `data.gaps=ffill` gives each day a row."
)

INTRODUCTION = """# Your table

`rnnexp init FILE` looks at a whole table, says what it saw, and writes `experiments/FILE.yaml`. It is the same reader
as that of `rnnexp train`: what `init` writes has been read with. Where a table can be read in one way only, `init`
writes the settings that do it, and says why. Where two readings exist it asks; in a script, which cannot be asked, it
ends with exit code 3 and the flag of each reading. Nothing is invented, merged or left out in silence.

Below are kinds of tables that people have: some lines of each, and the settings that `init` writes for it under
`data:` (besides `path`, and the window, horizon and scaler, which are always there), or its question. How these and the
length of the training are chosen stands in [Your own CSV](guide/own_table.md). Lines that begin with `#` are what it
tells of the table. Each flag is a key of `data` as well: `--skip-lines 2` is `data.skip_lines=2` for
`rnnexp train data=csv`. A test makes these tables and this page anew.
"""


class Kind(NamedTuple):
    """A kind of table: a title, the lines of a file, and what it is saved as.

    last:  how many of the last lines are shown below the first ones;  words: added to `init FILE`
    note:  a sentence under the title;  frame: a table to be saved as Parquet instead of lines
    """

    title: str
    lines: tuple[str, ...]
    last: int = 0
    words: tuple[str, ...] = ()
    note: str = ""
    encoding: str = "utf-8"
    frame: pd.DataFrame | None = None
    name: str = "table.csv"

    @property
    def content(self) -> bytes:
        if self.frame is not None:
            out = io.BytesIO()
            self.frame.to_parquet(out)
            return out.getvalue()
        return ("\n".join(self.lines) + "\n").encode(self.encoding)

    @property
    def shown(self) -> str:
        lines = self.lines if self.frame is None else self.frame.head(3).to_string().splitlines()
        head = [line if len(line) <= 100 else f"{line[:97]}…" for line in lines[: 4 - self.last]]
        return "\n".join([*head, *(["…", *lines[-self.last :]] if self.last else ["…"])])


def values(rows: int, write: Callable[[float], str] = "{:.1f}".format, scale: float = 1.0) -> list[str]:
    """Return numbers that rise and fall a little."""
    return [write(scale * (20 + row % 7 + row % 5 / 2)) for row in range(rows)]


def dates(form: str, step: str = "D", rows: int = 60, start: str = "2021-01-01") -> list[str]:
    return [stamp.strftime(form) for stamp in pd.date_range(start, periods=rows, freq=step)]


def table(header: str, *columns: Iterable[str], separator: str = ",") -> tuple[str, ...]:
    """Write columns side by side, below a header."""
    return (header, *(separator.join(cells) for cells in zip(*columns)))


def hours(form: str, rows: int = 72) -> list[str]:
    return dates(form, "h", rows)


def around() -> list[Kind]:
    """Return kinds of lines around the rows."""
    days = dates("%Y-%m-%d")
    two = table("date,temp", days, values(60))
    hourly = table("time,temp,rh", hours("%Y-%m-%d %H:%M"), values(72), values(72, "{:.0f}".format, 3))
    logger = (
        '"TOA5","St7","CR1000","123","CR1000.Std.01","CPU:prog.CR1","555","Hourly"',
        *('"TIMESTAMP","AirTC"', '"TS","Deg C"', '"","Avg"'),
        *(f'"{time}",{value}' for time, value in zip(hours("%Y-%m-%d %H:%M:%S"), values(72))),
    )
    semicolons = table("date;temp", days, values(60), separator=";")
    numbered = (two[0], *(f"{number},{row}" for number, row in enumerate(two[1:])))
    return [
        Kind("Title lines", ("Hourly temperature of station 7", "", *hourly), words=("--target", "temp")),
        Kind("A block of metadata", ("Station: Bremen 7", "Latitude: 53.05", "", *two)),
        Kind("A row of units", (two[0], ",°C", *two[1:])),
        Kind("A logger's four header lines", logger),
        Kind("The separator in the first line", ("sep=;", *semicolons)),
        Kind("A row of totals", (*two, "Total,1380.0"), last=2),
        Kind("A footer of words", (*two, "", "Source: Statistical Office"), last=3),
        Kind("Rows of empty cells", (*semicolons, ";", ";"), last=3),
        Kind("A separator at the end of each line", tuple(f"{line}," for line in two)),
        Kind("Numbers of rows that the header does not name", numbered),
        Kind("A header of more names than there are columns", (f"{two[0]},note", *two[1:])),
        Kind("Comments", ("# station 7, hourly means", *two)),
        Kind("No header", two[1:]),
    ]


def encodings() -> list[Kind]:
    """Return kinds of encodings; the lines are shown as they are meant."""
    chinese = table("日期,销量", dates("%Y-%m-%d"), values(60, "{:.0f}".format))
    traditional = table("日期,銷量", dates("%Y-%m-%d"), values(60, "{:.0f}".format))
    japanese = table("日付,売上", dates("%Y-%m-%d"), values(60, "{:.0f}".format))
    german = table("Datum;Wärme", dates("%d.%m.%Y"), values(60), separator=";")
    return [
        Kind("GBK", chinese, encoding="gbk"),
        Kind("Big5", traditional, encoding="big5"),
        Kind("Shift-JIS", japanese, encoding="shift_jis"),
        Kind("Windows (cp1252)", german, encoding="cp1252"),
        Kind("UTF-8 with a byte-order mark", chinese, encoding="utf-8-sig"),
        Kind("UTF-16", chinese, encoding="utf-16"),
    ]


def marks() -> list[Kind]:
    """Return kinds of numbers."""
    days = dates("%Y-%m-%d")

    def kind(title: str, write: Callable[[float], str], scale: float = 1.0, separator: str = ";") -> Kind:
        return Kind(title, table(f"date{separator}sales", days, values(60, write, scale), separator=separator))

    def comma(value: float) -> str:
        return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))

    def grouped(mark: str) -> Callable[[float], str]:
        return lambda value: f"{value:,.1f}".replace(",", mark)

    def around_ten(write: Callable[[float], str]) -> Callable[[float], str]:
        return lambda value: write(value - 23)

    gone = [*values(9), "-", *values(50)]
    sentinel = [*values(9), "-999", *values(50)]
    return [
        kind("Decimal commas", lambda value: f"{value:.1f}".replace(".", ",")),
        kind("Dots between thousands, decimal commas", comma, 1000),
        kind("Commas between thousands, decimal points", grouped(","), 1000),
        kind("Blanks, no-break blanks or apostrophes between thousands", grouped("\u202f"), 1000),
        Kind(
            "Commas that may be either",
            table("date,sales", days, values(60, lambda value: f'"{value:,.0f}"', 100)),
            note="1,144 is 1144 or 1.144, and so are all the others.",
        ),
        kind("The minus sign U+2212", around_ten(lambda value: f"{value:.1f}".replace("-", "\u2212"))),
        kind("Brackets for what is owed", around_ten(lambda value: f"({-value:.1f})" if value < 0 else f"{value:.1f}")),
        kind("Currencies", lambda value: f"${value:,.2f}", 100),
        kind("Percent", "{:.1f}%".format),
        Kind("A mark for cells without a number", table("date,temp", days, gone)),
        Kind("A number that stands for none", table("date,temp", days, sentinel)),
    ]


def times() -> list[Kind]:
    """Return kinds of dates."""

    def kind(title: str, header: str, *columns: list[str], note: str = "") -> Kind:
        return Kind(title, table(f"{header},y", *columns, values(len(columns[0]))), note=note)

    months = dates("%d/%m/%Y", "MS")
    midnight = [stamp.removesuffix(" 00:00") for stamp in hours("%d.%m.%Y %H:%M")]
    late = [
        f"{day - pd.Timedelta(days=1):%Y/%m/%d},24:00" if day.hour == 0 else f"{day:%Y/%m/%d,%H:%M}"
        for day in pd.date_range("2021-01-01 01:00", periods=72, freq="h")
    ]
    spring = pd.date_range("2021-03-26", periods=96, freq="h", tz="Europe/Berlin")
    zoned = [f"{stamp:%Y-%m-%d %H:%M:%S%z}"[:-2] for stamp in spring]
    years = [str(2001 + quarter // 4) for quarter in range(48)]
    serial = [str(44197 + day) for day in range(60)]
    frame = pd.DataFrame({"y": [20.0 + row % 7 for row in range(60)]}, index=pd.date_range("2021-01-01", periods=60))
    return [
        kind("Day, month, year with dots", "date", dates("%d.%m.%Y")),
        kind("A day over 12 tells which it is", "date", dates("%m/%d/%Y")),
        kind("The day or the month first", "date", months, note="Both are dates for every row."),
        kind("Years of two digits", "month", dates("%b-%y", "MS", 96, "1949-01-01")),
        kind("Hours in ten digits", "date", hours("%Y%m%d%H")),
        kind("Months in six digits", "date", dates("%Y%m", "MS")),
        kind("AM and PM", "time", hours("%m/%d/%Y %I:%M %p")),
        kind("Midnight without a clock", "time", midnight),
        kind("24:00", "date,time", late),
        kind("A zone", "time", [f"{hour}+01" for hour in hours("%Y-%m-%d %H:%M:%S")]),
        kind("A zone that changes", "time", zoned),
        kind("Ranges of time", "time", [f"{hour}:00 - {hour}:59" for hour in hours("%d.%m.%Y %H")]),
        kind("ISO weeks", "week", dates("%G-W%V", "W-MON", 60, "2018-01-01")),
        kind("Quarters", "quarter", [f"{year}-Q{row % 4 + 1}" for row, year in enumerate(years)]),
        kind("Excel's serial days", "date", serial),
        kind("Days since another date", "date", [str(number - 21916) for number in range(44197, 44257)]),
        kind("A date and a clock", "Datum,Uhrzeit", hours("%d.%m.%Y"), hours("%H:%M")),
        kind("A date and an hour", "date,hour", hours("%Y-%m-%d"), hours("%-H")),
        kind("A year and a week", "year,week", dates("%G", "W-MON"), dates("%V", "W-MON")),
        kind("A year and a quarter", "year,quarter", years, [str(row % 4 + 1) for row in range(48)]),
        kind("Year, month and day", "year,month,day", dates("%Y"), dates("%-m"), dates("%-d")),
        Kind("A Parquet file whose index are the dates", (), frame=frame, name="table.parquet"),
    ]


def flaws() -> list[Kind]:
    """Return kinds of flawed rows."""
    days, temp = dates("%Y-%m-%d", rows=200), values(200)
    rows = list(zip(days, temp))

    def kind(title: str, many: Iterable[tuple[str, str]], last: int = 0, note: str = "") -> Kind:
        return Kind(title, ("date,temp", *map(",".join, many)), last, note=note)

    few = [(day, "" if row == 3 else value) for row, (day, value) in enumerate(rows)]
    holes = [(day, "" if row % 9 == 3 else value) for row, (day, value) in enumerate(rows)]
    wrong = [(day.replace("2021", "2071") if row == 3 else day, value) for row, (day, value) in enumerate(rows)]
    early = [(day, "" if row >= 190 else value) for row, (day, value) in enumerate(rows)]
    return [
        kind("A missing cell", few),
        kind("Many missing cells", holes),
        kind("An absent row", [row for row in rows if row != rows[2]]),
        kind("Closed on Sundays", [row for row in rows if pd.Timestamp(row[0]).day_name() != "Sunday"], note=CLOSED),
        kind("A long gap", [*rows[:2], *rows[62:]]),
        kind("A date twice", [*rows[:2], *rows[1:]]),
        kind("The newest first", rows[::-1]),
        kind("A wrong year", wrong),
        kind("Targets that end before the rows do", early, last=2),
    ]


def shapes() -> list[Kind]:
    """Return tables of several series, or of several columns."""
    days = dates("%Y-%m-%d")
    long = [f"{shop},{day},{value}" for shop in ("north", "south") for day, value in zip(days, values(60))]
    wide = table("date,temp,rh,wind", days, values(60), values(60, scale=3), values(60, scale=0.2))
    m4 = [f"{name},{','.join(values(40 - index))}" for index, name in enumerate(("Y1", "Y2", "Y3"))]
    return [
        Kind("A long table of several series", ("store,date,sales", *long)),
        Kind("Several columns of numbers", wide, words=("--target", "temp")),
        Kind("A series in each row", ("id," + ",".join(f"V{n}" for n in range(1, 41)), *m4)),
    ]


GROUPS: tuple[tuple[str, Callable[[], list[Kind]]], ...] = (
    ("Lines around the rows", around),
    ("Encodings", encodings),
    ("Numbers", marks),
    ("Dates", times),
    ("Rows", flaws),
    ("Several series or columns", shapes),
)


def answer(kind: Kind) -> str:
    """Run `init` on a table, and return what it writes, or what it says instead."""
    with tempfile.TemporaryDirectory() as folder, inside(Path(folder)):
        Path(kind.name).write_bytes(kind.content)
        code, said = run_init(kind.name, kind.words)
        if code:
            return f"```text\n{_first(said.removeprefix('rnnexp: '))}\n```"
        written = settings(Path("experiments/case.yaml").read_text(encoding="utf-8"))
        return "\n".join(["```yaml", *told(kind.name, said), written, "```"])


def _first(said: str) -> str:
    lines = said.strip().splitlines()
    return "\n".join(lines[:LONGEST] + ["…"] * (len(lines) > LONGEST))


def told(name: str, said: str) -> list[str]:
    """Return, as comments, what `init` says of this table beside its settings and what it says of every table."""
    above = said.partition("\nWrote ")[0].splitlines()
    alike = re.compile(rf"{name}: |target .*: [\d,]+ rows|data\.|[\d,]+ records")
    return [f"# {line}" for line in above if line and not alike.match(line)]


def settings(text: str) -> str:
    """Return the lines of `data:` that not every experiment has."""
    _, _, below = text.partition("\ndata:\n")
    lines = [line for line in below.splitlines() if line.strip()]
    return "\n".join(line.removeprefix("  ") for line in lines if line.strip().partition(":")[0] not in ALIKE)


def write() -> str:
    """Write the page."""
    parts = [INTRODUCTION]
    for group, kinds in GROUPS:
        parts.append(f"## {group}\n")
        parts += [_section(kind) for kind in kinds()]
    return "\n".join(parts)


def _section(kind: Kind) -> str:
    command = f"`init {kind.name} {' '.join(kind.words)}`:\n\n" if kind.words else ""
    note = f"{kind.note}\n\n" if kind.note else ""
    return f"### {kind.title}\n\n{note}{command}```text\n{kind.shown}\n```\n\n{answer(kind)}\n"


if __name__ == "__main__":
    PAGE.write_text(write(), encoding="utf-8")
