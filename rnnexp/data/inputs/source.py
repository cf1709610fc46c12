"""What a source of several inputs is: settings that say what each input of an example is."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, ClassVar, Final, Literal, TypeVar

from pydantic import Field, StrictBool, StrictInt, StrictStr
from pydantic.dataclasses import dataclass

from rnnexp.data.source import ExampleSource
from rnnexp.data.spec import UNKNOWN_SIZE, InputSpec, TaskSpec
from rnnexp.data.splits import NESTED
from rnnexp.data.target_scaling import ScaledTargets
from rnnexp.data.texts.tokens import FEWEST_SUBWORDS, Kind
from rnnexp.registry import lookup, settings

if TYPE_CHECKING:
    from rnnexp.data.inputs.examples import Examples
    from rnnexp.data.texts.prepare import Rules

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
MASK: Final = "_mask"  # behind the name of an input that has steps: which of them there are
TAKEN = ("past", "future", "mask", "previous")  # names of the inputs of other data
FEWEST_INPUTS = 2
T = TypeVar("T")
Columns = list[StrictStr | StrictInt]
OF_KIND = {
    "text": ("columns", "tokens", "lowercase", "max_tokens", "min_count", "max_length", "keep"),
    "sequence": ("columns", "path", "id", "time", "missing", "scaler"),
    "table": ("columns", "categories"),
}


@dataclass(frozen=True, kw_only=True, config=NESTED)
class Input:
    """One input of each example, and where it stands."""

    kind: Literal["text", "sequence", "table"] = Field(
        description="text: a cell of text; sequence: rows of another table, by time; table: numbers and categories."
    )
    columns: Columns = Field(
        default_factory=list,
        description="Columns to read. text: several are joined by a blank, empty: the column of the input's name; "
        "sequence: numbers, empty: all that have no other part; table: empty: all of the main table that have none.",
    )
    path: StrictStr | None = Field(
        None, description="sequence: file of its rows; looked up beside the main table, then here, then in root."
    )
    id: StrictStr | StrictInt | None = Field(
        None, description="sequence: column of that file with the id of the example; null: the name in data.id."
    )
    time: StrictStr | StrictInt | None = Field(
        None, description="sequence: column of numbers or dates that orders its rows; null: as they come."
    )
    missing: Literal["fail", "drop", "ffill", "interpolate"] = Field(
        "fail", description="sequence: missing values: drop their rows, repeat the last one, or draw a line."
    )
    scaler: Literal["none", "standard"] = Field(
        "standard", description="sequence: scaler of its columns, fitted on the training set only."
    )
    categories: Columns = Field(default_factory=list, description="table: columns of numbers that are categories.")
    tokens: Kind = Field("word", description="text: tokenize into words, at blanks only, into characters, or subwords.")
    lowercase: StrictBool = Field(True, description="text: convert to lower case.")
    max_tokens: StrictInt | None = Field(None, ge=4, description="text: size of the vocabulary; null for no limit.")
    min_count: StrictInt = Field(2, ge=1, description="text: rarer tokens of the training set are unknown.")
    max_length: StrictInt | None = Field(
        None, ge=1, description="text: tokens to which it is truncated; null: no limit."
    )
    keep: Literal["first", "last"] = Field("first", description="text: which end of a truncated text is kept.")

    @property
    def is_text(self) -> bool:
        return self.kind == "text"

    @property
    def is_sequence(self) -> bool:
        return self.kind == "sequence"

    def choose(self, by_kind: Mapping[str, T]) -> T:
        """Return what belongs to its kind."""
        return by_kind[self.kind]

    def describe(self, name: str) -> dict[str, InputSpec]:
        """Return what a network takes of it, as far as the settings tell."""
        if self.kind == "table":
            return {name: InputSpec((UNKNOWN_SIZE,))}
        read = InputSpec((None,), "int32", UNKNOWN_SIZE)
        return {name: read if self.kind == "text" else InputSpec((None, UNKNOWN_SIZE))} | make_mask(name)

    def rules(self) -> Rules:
        """Return how a text is cut and numbered."""
        from rnnexp.data.texts.prepare import Rules

        given = {key: getattr(self, key) for key in OF_KIND["text"] if key != "columns"}
        return Rules(**given)

    def find_mistakes(self, key: str, own_file: bool) -> list[str]:
        """List what is wrong with it, as `key: message`; `own_file` says that a sequence has one."""
        plain = make_input(self.kind)
        usual = {item.name: getattr(plain, item.name) for item in fields(Input)}
        own = OF_KIND[self.kind]
        other = {name: value for name, value in usual.items() if name not in ("kind", *own)}
        strange = [name for name, value in other.items() if getattr(self, name) != value]
        problems = [f"{key}.{name}: is no setting of a {self.kind}; it has {', '.join(own)}" for name in strange]
        if self.kind == "sequence" and own_file and not self.path:
            problems.append(f"{key}.path: a sequence needs the file of its rows")
        if self.tokens == "subword" and (self.max_tokens or 0) <= FEWEST_SUBWORDS:
            problems.append(f"{key}.max_tokens: subwords need a size above {FEWEST_SUBWORDS}, for example 4000")
        absent = [one for one in self.categories if self.columns and one not in self.columns]
        return problems + [f"{key}.categories: `{one}` is not one of its columns" for one in absent]


def make_input(kind: Literal["text", "sequence", "table"]) -> Input:
    """Return an input with its usual settings."""
    return Input(kind=kind)  # type: ignore[call-arg]  # mypy's pydantic plugin takes these defaults for missing


@settings
class MultiInputSource(ScaledTargets, ExampleSource):
    """Examples with several inputs each, and one label or number: the base of their sources.

    A source adds `read`, which returns what is there, raw.
    """

    own_files: ClassVar[bool] = True  # whether each sequence is in a file of its own
    repeats: ClassVar[tuple[str, ...]] = ()  # another training part has another vocabulary, hence another network

    task: Literal["classification", "regression"] = Field(
        "classification", description="Labels to choose from, or numbers to predict."
    )

    @abstractmethod
    def list_inputs(self) -> dict[str, Input]:
        """Return the inputs of an example, by name."""

    def name_id(self) -> str:
        """Return how answers call the column that tells the examples."""
        return "example"

    def masks_missing(self) -> bool:
        """Say whether an example may lack an input."""
        return False

    @abstractmethod
    def read(self, labeled: bool = True) -> Examples:
        """Read all examples as they are; without labels where nothing is to be learned or scored."""

    def outline(self) -> TaskSpec:
        """Return what the data will ask of a model, as far as the settings tell."""
        inputs = {key: spec for name, one in self.list_inputs().items() for key, spec in one.describe(name).items()}
        outline: TaskSpec = lookup("task", self.task)().outline(self.task, InputSpec((None,)))
        return replace(outline, inputs=inputs)

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        problems = super().check()
        if self.buckets != 1:
            problems.append("data.buckets: several inputs are padded to the longest of each; leave it out")
        inputs = self.list_inputs()
        if len(inputs) < FEWEST_INPUTS:
            problems.append(
                f"data.inputs: {len(inputs)} given; for one input take data=text_table, data=sequence_table or "
                "data=sequence_folder"
            )
        for name, one in inputs.items():
            if not NAME.fullmatch(name) or name in TAKEN or name.endswith(MASK):
                problems.append(f"data.inputs.{name}: take another name of letters, digits and _, as `text` or `pulse`")
            problems += one.find_mistakes(f"data.inputs.{name}", self.own_files)
        return problems


def make_mask(name: str) -> dict[str, InputSpec]:
    """Return the input that says which steps of another there are."""
    return {name + MASK: InputSpec((None,), "bool")}
