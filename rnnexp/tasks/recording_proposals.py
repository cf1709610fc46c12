"""The experiment that is proposed for a long table of labeled recordings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rnnexp.cells import is_number
from rnnexp.data.inspect.finding import Finding, Head, resolve_columns
from rnnexp.data.inspect.flaws import settle_flaws
from rnnexp.data.inspect.head import read_head
from rnnexp.data.inspect.roles import INDEX
from rnnexp.data.inspect.text_kinds import find_test
from rnnexp.data.inspect.unread_dates import TIME
from rnnexp.data.sources.sequence_table import PANDAS_INDEX, sequence_table
from rnnexp.data.tables.columns import listed
from rnnexp.data.tables.locate import locate
from rnnexp.errors import RnnexpError, count

END = r"([_ -]?(id|ids|nr|no|num|number|idx|index|name|key))?"
LABEL = re.compile(
    rf"(.*[_ ])?(labels?|class(es)?|activit(y|ies)|gestures?|target|y|behaviou?r|movement|motion|exercise|condition"
    rf"|fault|diagnosis|emotion|stage|posture|surface|klasse|etikett?){END}",
    re.I,
)
RECORDING = re.compile(
    rf"(recordings?|record|rec|series|sequence|seq|segment|sample|trial|session|episode|run|file(name)?|unique|case|clip"
    rf"|measurement|experiment|exp|repetition|rep|take|window|aufnahme|messung|versuch){END}|id",
    re.I,
)
OWNER = re.compile(
    rf"(subject|subj|user|person|patient|participant|volunteer|speaker|athlete|driver|machine|unit|device|engine|animal"
    rf"|horse|cow|proband(in)?){END}",
    re.I,
)
KEYS = (INDEX, OWNER, RECORDING)
CLOCK = re.compile(r"(.*[_ -])?(t|sec|secs|seconds?|ms|ns|elapsed|step|steps|frame|tick|cycle|epoch)", re.I)
LONG, WINDOW = 500, 256  # steps above which windows are proposed, and theirs
FEWEST = 10  # rows of one label on end, on average, where nothing else tells recordings
OWNERS = 5  # persons or machines from which on their recordings are kept together
PANEL = 0.5  # share of dates that several series have, from which on they are no recordings


def propose_windows(longest: int) -> tuple[dict[str, int], dict[str, str]]:
    """Return settings of windows for long recordings, and why."""
    if longest <= LONG:
        return {}, {}
    why = f"a guess: windows of recordings of up to {longest:,} steps, whose predictions are averaged"
    return {"sequence_length": WINDOW, "stride": WINDOW // 2}, {"sequence_length": why}


def _span(lengths: np.ndarray) -> str:
    return " to ".join(dict.fromkeys(f"{steps:,}" for steps in (lengths.min(), lengths.max())))


@dataclass(frozen=True)
class RecordingTable:
    """Settings of `data=sequence_table` that were found, why, and whether numbers are to be predicted."""

    settings: dict[str, Any]
    reasons: dict[str, str]
    numbers: bool
    seen: str
    label: str


def find_recordings(path: str, given: Mapping[str, Any]) -> RecordingTable | None:
    """Look at a table; None if its rows are no steps of labeled recordings."""
    if set(given) - set(sequence_table.__pydantic_fields__):  # type: ignore[attr-defined]
        return None  # such as a target: the user means a table of another kind
    try:
        file = locate(path)[0]
        finding = Finding(settings={"path": path})
        head = read_head(file, finding)
    except (RnnexpError, OSError):  # whoever reads it says why
        return None
    asked = {key: resolve_columns(key, value, head.names, str(file)) for key, value in given.items()}
    if (found := _Columns(head, asked, str(file)).propose(finding.settings)) is None:
        return None
    settled = Finding(given=asked, settings=found.settings, reasons=found.reasons, kind="sequence_table")
    settled.update()
    settle_flaws(settled)
    return found


@dataclass(frozen=True)
class _Columns:
    """The columns of a table, as codes (rows,), and what the user has said of them."""

    head: Head
    asked: Mapping[str, Any]
    file: str

    def codes(self, *columns: int) -> np.ndarray:
        import pandas as pd

        cells = [np.array(self.head.cells[column], dtype=object) for column in columns]
        return np.asarray(
            pd.MultiIndex.from_arrays(cells).factorize()[0] if len(cells) > 1 else pd.factorize(cells[0])[0]
        )

    def named(self, key: str, pattern: re.Pattern[str]) -> list[int]:
        """Return the columns that the user has named, or those whose names say what they are."""
        if key in self.asked:
            value = self.asked[key]
            columns = value if isinstance(value, list) else [] if value is None else [value]
            return [
                one % len(self.head.names) if isinstance(one, int) else self.head.names.index(one) for one in columns
            ]
        return [index for index, name in enumerate(self.head.names) if pattern.fullmatch(name.strip())]

    @cached_property
    def clock(self) -> list[int]:
        said = [i for i, name in enumerate(self.head.names) if TIME.search(name) or CLOCK.fullmatch(name.strip())]
        return self.named("time", CLOCK) if "time" in self.asked else said

    def propose(self, settings: Mapping[str, Any]) -> RecordingTable | None:
        for label in self.named("label", LABEL):
            for names, cut in self._keys(label):
                if found := self._describe(label, names, cut):
                    own, reasons, seen = found
                    return RecordingTable(
                        {**settings, **own}, reasons, own.get("task") == "regression", seen, self.head.names[label]
                    )
        return None

    def _keys(self, label: int) -> Iterator[tuple[tuple[int, ...], bool]]:
        """Yield columns that may name a recording together, and whether it ends where the label changes."""
        owners = [one for one in self.named("groups", OWNER) if one != label]
        if "recording" in self.asked:
            yield tuple(self.named("recording", RECORDING)), False
            yield tuple(self.named("recording", RECORDING)), True
            return
        records = [one for one in self.named("recording", RECORDING) if one not in (label, *owners)]
        yield from (((one,), False) for one in records)
        yield from (((owner, one), False) for owner in owners for one in records)
        yield from (((owner, label, one), False) for owner in owners for one in records)
        yield from (((one,), False) for one in owners)
        yield from (((one,), True) for one in (*records, *owners))
        if "label" in self.asked:
            yield (), True

    def _describe(
        self, label: int, names: tuple[int, ...], cut: bool
    ) -> tuple[dict[str, Any], dict[str, str], str] | None:
        """Return the settings by which these columns name recordings; None if they do not."""
        of = self.codes(*names) if names else np.zeros(len(self.head.cells[0]), np.int64)
        labels = self.codes(label)
        starts = np.flatnonzero(np.diff(of, prepend=-1))
        changes = np.flatnonzero((np.diff(of, prepend=-1) != 0) | (np.diff(labels, prepend=-1) != 0))
        recordings = int(of.max()) + 1
        many = len(changes) if cut else recordings
        apart = len(starts) == recordings
        if not apart or len(set(labels)) < 2 or (len(changes) > len(starts)) != cut:
            return None
        if many < len(set(labels)) or (many == len(set(labels)) and not all(map(is_number, self.head.cells[label]))):
            return None
        if len(of) < (FEWEST if cut else 3) * many or (names and self._is_panel(of)):
            return None
        return self._settle(label, names, changes if cut else starts)

    def _is_panel(self, of: np.ndarray) -> bool:
        """Tell series over the same dates, which are forecast, from recordings."""
        dates = [one for one in self.clock if not self.head.numeric[one]]
        if not dates or "label" in self.asked:
            return False
        time = self.codes(*dates)
        pairs = np.unique(time * (of.max() + 1) + of)
        shared = np.bincount(pairs // (of.max() + 1)) > 1
        return bool(shared.mean() > PANEL)

    def _settle(
        self, label: int, names: tuple[int, ...], starts: np.ndarray
    ) -> tuple[dict[str, Any], dict[str, str], str]:
        head, cells = self.head, self.head.cells
        lengths = np.diff(np.append(starts, len(cells[0])))
        firsts = [cells[label][row] for row in starts]
        numbers = len({*firsts}) > max(2, len(firsts) // 2) and all(map(is_number, firsts))
        columns = [head.names[one] for one in names]
        settings: dict[str, Any] = {"recording": columns[0] if len(columns) == 1 else columns or None}
        reasons: dict[str, str] = {}
        settings["label"] = head.names[label]
        owners = [one for one in self.named("groups", OWNER) if one not in (label, *names[1:])]
        inside = np.repeat(np.arange(len(starts)), lengths)
        owners = [one for one in owners if len(np.unique(self.codes(one) * len(starts) + inside)) == len(starts)]
        owners = [one for one in owners if OWNERS <= len(set(cells[one])) < len(starts) or "groups" in self.asked]
        if owners:
            settings["groups"] = head.names[owners[0]]
            reasons["groups"] = "all recordings of one are in one set"
        if len(starts) > (int(self.codes(*names).max()) + 1 if names else 1):
            settings["on_change"] = "cut"
            reasons["on_change"] = "the label changes within them"
        clock = [one for one in self.clock if one not in (label, *names) and self._orders(one, inside)]
        if clock:
            settings["time"] = head.names[clock[0]]
        settings |= self._channels(label, {label, *names, *owners[:1], *clock[:1]}, reasons)
        settings |= {"task": "regression"} if numbers else {}
        windows, why = propose_windows(int(lengths.max()))
        reasons |= why
        settings |= windows | {
            key: value for key, value in self.asked.items() if key not in ("recording", "label", "time")
        }
        if test := find_test(self.file):
            settings["test_path"] = test
        usual = {"recording": "recording", "label": "label"}
        settings = {key: value for key, value in settings.items() if usual.get(key, "") != value}
        by = listed([*columns, head.names[label]] if "on_change" in settings else columns)
        many = f"{len(cells[0]):,} rows of {count(len(starts), 'recording')} of {_span(lengths)} steps"
        what = f"{count(len({*firsts}), 'number' if numbers else 'label')} in {listed([head.names[label]])}"
        seen = f"{self.file}: {many}, identified by {by}; {what}"
        return settings, reasons, seen

    def _orders(self, column: int, inside: np.ndarray) -> bool:
        """Tell whether a column has another value in each row of a recording."""
        codes = self.codes(column)
        return len(np.unique(codes * (inside.max() + 1) + inside)) == len(codes)

    def _channels(self, label: int, taken: set[int], reasons: dict[str, str]) -> dict[str, Any]:
        """Name the columns of numbers, unless they are all that have no other part."""
        if "channels" in self.asked:
            return {}
        free = [i for i, name in enumerate(self.head.names) if i not in taken and not name.startswith(PANDAS_INDEX)]
        left = {i: why for i in free if (why := self._unfit(i, label))}
        kept = [self.head.names[i] for i in free if i not in left]
        if left:
            reasons["channels"] = "left out: " + ", ".join(f"{self.head.names[i]} ({why})" for i, why in left.items())
        return {"channels": kept} if left else {}

    def _unfit(self, index: int, label: int) -> str:
        """Say why a column is no channel; nothing if it may be one."""
        name = self.head.names[index].strip()
        if index in self.clock:
            return "tells the time"
        if not self.head.numeric[index]:
            return "no numbers"
        own, pairs = (len(np.unique(self.codes(*columns))) for columns in ((index,), (index, label)))
        if own == pairs == len(np.unique(self.codes(label))):
            return "says the label"
        return "names what a row is of" if any(one.fullmatch(name) for one in KEYS) else ""
