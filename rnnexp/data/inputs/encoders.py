"""From what was read of one input to what a network takes: learned from the training part, kept beside the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rnnexp import strict
from rnnexp.data import padding, sequence_pipeline
from rnnexp.data.dataset import Arrays
from rnnexp.data.inputs.source import Input, make_mask
from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.data.spec import InputSpec
from rnnexp.data.texts import vocabulary
from rnnexp.data.texts.encoder import Encoder
from rnnexp.data.texts.prepare import tokenizer
from rnnexp.errors import DataError

Place = Callable[[int], str]
READS = "reads"  # in the JSON of an input: what it is
MAX_LEVELS = 200  # of a column of categories


@dataclass(frozen=True)
class TextInput:
    """Texts as tokens; `columns` are those that they stand in, joined by a blank."""

    encoder: Encoder
    columns: tuple[str, ...]

    def describe(self, name: str) -> dict[str, InputSpec]:
        """Return what a network takes, by name."""
        return {name: InputSpec((None,), "int32", len(self.encoder.vocabulary))} | make_mask(name)

    def lay_out(self, texts: Sequence[str], place: Place) -> dict[str, np.ndarray]:
        """Return flat arrays as of `data.padding`; "" has no tokens."""
        given = [index for index, text in enumerate(texts) if text.strip()]
        encoded = self.encoder.encode([texts[index] for index in given], lambda at: place(given[at]))
        lengths = np.zeros(len(texts), np.int64)
        lengths[given] = np.diff(encoded.offsets)
        return lay_steps(encoded.ids, lengths)

    def clean(self, texts: Sequence[str]) -> list[Any]:
        """Return what baselines read: the texts."""
        return list(texts)

    def to_json(self) -> dict[str, Any]:
        return {READS: "text", "columns": list(self.columns), **self.encoder.to_json()}


@dataclass(frozen=True)
class SequenceInput:
    """Sequences of numbers, (steps, channels)."""

    pipeline: SequencePipeline

    @property
    def columns(self) -> tuple[str, ...]:
        return self.pipeline.channels

    def describe(self, name: str) -> dict[str, InputSpec]:
        """Return what a network takes, by name."""
        return {name: InputSpec((None, len(self.columns)))} | make_mask(name)

    def lay_out(self, sequences: Sequence[np.ndarray], place: Place) -> dict[str, np.ndarray]:
        """Return flat arrays as of `data.padding`; DataError names the example whose channels are others."""
        for index, one in enumerate(sequences):
            if len(one) and (one.ndim != 2 or one.shape[1] != len(self.columns)):
                wanted = f"(steps, {len(self.columns)}), of {', '.join(self.columns)}"
                raise DataError(f"{place(index)}: the sequence has the shape {one.shape}; the model takes {wanted}")
            if not np.isfinite(one).all():
                raise DataError(f"{place(index)}: the sequence has a value that is not a finite number")
        values = self.clean(sequences)
        return lay_steps(np.concatenate(values), np.array([len(one) for one in values]))

    def clean(self, sequences: Sequence[np.ndarray]) -> list[Any]:
        """Return what baselines read: scaled sequences."""
        return [self.pipeline.scaled(np.reshape(one, (-1, len(self.columns)))) for one in sequences]

    def to_json(self) -> dict[str, Any]:
        return {**self.pipeline.to_json(), READS: "sequence"}


@dataclass(frozen=True)
class TableInput:
    """Rows of a table as numbers: scaled ones, whether one is missing, and a 1 for the category that a cell holds.

    columns:         in the order of the cells
    mean, deviation: of each column of numbers over the training part
    gaps:            columns of numbers with missing cells there, which are filled with the mean
    categories:      those that the training part has, by column; a cell with another one, or none, is all zeros
    """

    columns: tuple[str, ...]
    mean: dict[str, float]
    deviation: dict[str, float]
    gaps: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]

    @property
    def features(self) -> list[str]:
        """Name the numbers that are made of a row."""
        named = [*self.mean, *(f"{name} is missing" for name in self.gaps)]
        return named + [f"{name}={level}" for name, levels in self.categories.items() for level in levels]

    def describe(self, name: str) -> dict[str, InputSpec]:
        """Return what a network takes, by name."""
        return {name: InputSpec((len(self.features),))}

    def lay_out(self, rows: Sequence[tuple[str, ...]], place: Place) -> dict[str, np.ndarray]:
        """Return `values` (n, features); DataError names the example whose cell is not a number."""
        cells = {name: [row[at] for row in rows] for at, name in enumerate(self.columns)}
        numbers = {name: read_numbers(cells[name], name, place) for name in self.mean}
        scaled = [np.nan_to_num((values - self.mean[name]) / self.deviation[name]) for name, values in numbers.items()]
        missing = [np.isnan(numbers[name]) for name in self.gaps]
        found = [np.array(cells[name]) == level for name, levels in self.categories.items() for level in levels]
        return {"values": np.stack([*scaled, *missing, *found], axis=1).astype(np.float32)}

    def clean(self, rows: Sequence[tuple[str, ...]]) -> list[Any]:
        """Return what baselines read: the numbers that are made of each row."""
        return list(self.lay_out(rows, lambda index: f"example {index}")["values"])

    def to_json(self) -> dict[str, Any]:
        return {READS: "table", **asdict(self)}


Encoded = TextInput | SequenceInput | TableInput


def lay_steps(values: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of examples that lie end to end; there is a step, even if no example has one."""
    values = values if len(values) else np.zeros((1, *values.shape[1:]), values.dtype)
    begin = np.minimum(np.cumsum(lengths) - lengths, len(values) - 1)  # one without steps may stand behind all others
    arrays = padding.lay_windows(values, begin, lengths)
    return arrays | {"steps": np.arange(max(1, int(lengths.max(initial=0))), dtype=np.int32)}


def gather(arrays: Arrays, name: str, indices: Any) -> dict[str, Any]:
    """Return one input of a batch, with its mask if it has steps."""
    if f"{name}/steps" not in arrays:
        return {name: arrays[f"{name}/values"][indices]}
    own = {key: arrays[f"{name}/{key}"] for key in ("values", "begin", "length", "steps")}
    x = padding.masked_inputs(own, indices)
    return {name: x["past"], **{key: x["mask"] for key in make_mask(name)}}


def read_numbers(cells: Sequence[str] | np.ndarray, name: str, place: Place) -> np.ndarray:
    """Return cells as numbers, NaN where one is empty; DataError names the place of one that is something else."""
    values = np.full(len(cells), np.nan)
    for index, cell in enumerate(cells):
        if not cell:
            continue
        try:
            values[index] = float(cell)
        except ValueError:
            raise DataError(f"{place(index)}: `{name}` is `{cell[:40]}`, not a number") from None
    if np.isinf(values).any():
        raise DataError(f"{place(int(np.flatnonzero(np.isinf(values))[0]))}: `{name}` is not a finite number")
    return values


def fit_text(
    given: Input, columns: tuple[str, ...], texts: Sequence[str], train: np.ndarray
) -> tuple[TextInput, list[str]]:
    """Learn a vocabulary from the training texts."""
    rules, own = given.rules(), [texts[int(i)] for i in train if texts[int(i)].strip()]
    if not own:
        raise DataError(f"no training example has a text in {', '.join(columns)}")
    cutter = tokenizer(own, rules)
    learned = vocabulary.learn(cutter.split_all(own), rules.max_tokens, rules.min_count)
    encoder = Encoder(cutter, learned.vocabulary, rules.max_length, rules.keep)
    return TextInput(encoder, columns), [learned.note]


def fit_sequence(
    given: Input, columns: tuple[str, ...], sequences: Sequence[np.ndarray], train: np.ndarray
) -> tuple[SequenceInput, list[str]]:
    """Fit a scaler to the steps of the training examples."""
    steps = np.concatenate([np.asarray(sequences[int(i)], np.float64).reshape(-1, len(columns)) for i in train])
    if not len(steps):
        raise DataError(f"no training example has a sequence of {', '.join(columns)}")
    if given.scaler == "none":
        return SequenceInput(SequencePipeline(columns)), []
    pipeline, notes = sequence_pipeline.fitted(steps, columns, None)
    return SequenceInput(pipeline), notes


def fit_table(
    given: Input, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], train: np.ndarray
) -> tuple[TableInput, list[str]]:
    """Tell numbers from categories by all cells; scale numbers and list categories by the training rows."""
    mean, deviation, gaps, categories, notes = {}, {}, [], dict[str, tuple[str, ...]](), []
    chosen = {columns[one] if isinstance(one, int) else one for one in given.categories}
    for at, name in enumerate(columns):
        cells = np.array([row[at] for row in rows], dtype=object)
        if name in chosen or not _are_numbers(cells):
            categories[name] = _list_levels(cells, name, train)
            continue
        values = read_numbers(cells[train], name, str)
        if np.isnan(values).all():
            raise DataError(f"column `{name}` has no number in the training set; leave it out of the columns")
        spread = float(np.nanstd(values))
        mean[name], deviation[name] = float(np.nanmean(values)), spread or 1.0
        if empty := int(np.isnan(values).sum()):
            gaps.append(name)
            notes.append(
                f"{empty} of {len(values)} training cells of `{name}` are empty: filled with the mean, and marked"
            )
        if not spread:
            notes.append(f"column `{name}` is constant in the training set: divided by 1")
    if categories:
        counts = ", ".join(f"{name} ({len(levels)})" for name, levels in categories.items())
        notes.append(f"columns of categories: {counts}")
    return TableInput(columns, mean, deviation, tuple(gaps), categories), notes


def _are_numbers(cells: np.ndarray) -> bool:
    try:
        found = [float(cell) for cell in cells if cell]
    except ValueError:
        return False
    return bool(found)


def _list_levels(cells: np.ndarray, name: str, train: np.ndarray) -> tuple[str, ...]:
    levels = tuple(sorted({str(cell) for cell in cells[train] if cell}))
    if not levels:
        raise DataError(f"column `{name}` is empty in the training set; leave it out of the columns")
    if len(levels) > MAX_LEVELS or (len(levels) > 10 and len(levels) > len(train) / 2):
        shown = ", ".join(f"`{level[:20]}`" for level in levels[:3])
        raise DataError(
            f"column `{name}` has {len(levels):,} categories in {len(train):,} training rows, such as {shown}: is it "
            "an id or a text? Name the columns of the table, or give a text an input of its own, {kind: text}"
        )
    return levels


FIT: Mapping[str, Callable[..., tuple[Any, list[str]]]] = {
    "text": fit_text,
    "sequence": fit_sequence,
    "table": fit_table,
}


def restore_input(saved: Mapping[str, Any], name: str) -> Encoded:
    """Rebuild one from what `to_json` wrote."""
    where = f"the preprocessing of `{name}`"
    if saved.get(READS) == "text":
        columns = saved.get("columns")
        if not isinstance(columns, list) or not all(isinstance(one, str) for one in columns):
            raise DataError(f"{where}: the columns are damaged")
        return TextInput(Encoder.from_json(saved), tuple(columns))
    if saved.get(READS) == "sequence":
        return SequenceInput(SequencePipeline.from_json(saved))
    found: TableInput = strict.checked(TableInput, {key: value for key, value in saved.items() if key != READS}, where)
    fits = found.mean.keys() == found.deviation.keys() and all(found.deviation.values())
    if not fits or {*found.mean, *found.categories} != {*found.columns} or not found.features:
        raise DataError(f"{where}: the numbers do not fit the columns: it is damaged")
    return found
