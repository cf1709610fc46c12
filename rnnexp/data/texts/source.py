"""What a source of texts is: settings that find files with texts and labels, and say how texts are cut."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.config.settings import SINCE, UNDIGESTED
from rnnexp.data.few_labels import UNLABELED, FewLabels
from rnnexp.data.located import TextFiles
from rnnexp.data.source import ExampleSource
from rnnexp.data.spec import UNKNOWN_SIZE, InputSpec, TaskSpec
from rnnexp.data.target_scaling import ScaledTargets
from rnnexp.data.texts.tokens import TokenSettings
from rnnexp.registry import lookup, settings

if TYPE_CHECKING:
    from rnnexp.data.texts.corpus import Row, Texts
    from rnnexp.data.texts.prepare import Rules


@settings
class LabeledTexts(TokenSettings, ExampleSource):
    """Texts with a label or a number each, from files or drawn: the base of what classification and regression read."""

    @abstractmethod
    def read(self) -> Texts:
        """Read or draw all texts; mistakes in files raise DataError."""

    def read_unlabeled(self, label: str) -> Texts | None:
        """Read texts of which no label is known, and give them one that nobody asks for; None if there are none."""
        return None

    def text_columns(self) -> tuple[str, ...]:
        """Return the names of the columns that hold a text, where it stands in a table that names them."""
        return ()

    def outline(self) -> TaskSpec:
        """Return what the data will ask of a model, as far as the settings tell."""
        task: str = self.task  # type: ignore[attr-defined]  # of each source
        outline: TaskSpec = lookup("task", task)().outline(task, InputSpec((None,), "int32", UNKNOWN_SIZE))
        return outline

    def rules(self) -> Rules:
        """Return how texts are cut and numbered."""
        from rnnexp.data.texts.prepare import Rules

        return Rules(**{field: getattr(self, field) for field in Rules.__dataclass_fields__})


@settings
class TextSource(TextFiles, ScaledTargets, FewLabels, LabeledTexts):
    """Texts with a label or a number each in files: the base of the sources that read them.

    A source adds the fields that name its files, and `read_rows`.
    """

    repeats: ClassVar[tuple[str, ...]] = ()  # another training part has another vocabulary, hence another network

    task: Literal["classification", "regression"] = Field(
        "classification",
        description="Labels to choose from, or a number for each text.",
        json_schema_extra={SINCE: "0.1", UNDIGESTED: True},
    )
    labels: str | list[str] | dict[str | int, str] | None = Field(
        None, description="Names of the labels: {1: World}, in order, or a file with one on each line."
    )
    on_empty: Literal["fail", "drop"] = Field("fail", description="Rows without a text or label: leave them out.")
    test_every: int | None = Field(
        None, ge=2, description="Rows 0, k, 2k, ... are the test set; null leaves it to the split."
    )
    min_count: int = Field(2, ge=1, description="Rarer tokens of the training set are unknown.")
    max_length: int | None = Field(None, ge=1, description="Tokens to which a text is truncated; null: no limit.")
    on_long: Literal["cut", "fail"] = Field(
        "cut", description="Texts of more than max_length tokens: cut: truncate them; or fail."
    )
    keep: Literal["first", "last"] = Field("first", description="Which end of a truncated text is kept.")
    vectors: str | None = Field(
        None, description="File of pretrained vectors of tokens, as of GloVe or word2vec, to start the embedding from."
    )

    @abstractmethod
    def read_rows(self, path: Any, done: Counter[str]) -> list[list[Row]]:
        """Read the rows of one of the paths; `test_every` counts each of the lists by itself."""

    def gives(self) -> set[str]:
        return super().gives() | ({"test"} if self.test_every is not None else set())

    def read(self) -> Texts:
        """Read all files; mistakes in them raise DataError.

        Texts of `path` belong to the training part if the other parts are given, else a split decides.
        """
        from rnnexp.data.texts.corpus import gather, renamed
        from rnnexp.data.texts.read import label_names

        done: Counter[str] = Counter()
        lists = [(part, rows) for part, path in self.marked_paths().items() for rows in self.read_rows(path, done)]
        texts = gather(lists, self.on_empty, self.test_every)
        notes = [f"{what} ({times} times)" if times > 1 else what for what, times in done.items()]
        texts = replace(texts, notes=(*texts.notes, *notes))
        if self.labels is None:
            return texts
        return renamed(texts, label_names(self._label_names(), texts.labels or ()))

    def read_unlabeled(self, label: str) -> Texts | None:
        """Read the texts of `unlabeled`, one on each line, and give them a label that nobody asks for."""
        from rnnexp.data.texts.corpus import gather
        from rnnexp.data.texts.read import text_per_line

        if self.unlabeled is None:
            return None
        rows = text_per_line(self.locate(self.unlabeled), label, self.encoding)
        return gather([(UNLABELED, [row for row in rows if row.text.strip()])])

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        own = [*self._path_mistakes(), *self.encoding_mistakes(), *self.token_mistakes()]
        if not self.is_labeled and self.labels is not None:
            own.append("data.labels: names of labels are given, and data.task=regression has numbers; leave them out")
        return [*super().check(), *own]

    def _label_names(self) -> list[str] | Mapping[str | int, str]:
        from rnnexp.data.texts.read import names_in

        if not isinstance(self.labels, str):
            return self.labels or {}
        return names_in(self.locate(self.labels)[0], self.encoding)

    def _path_mistakes(self) -> list[str]:
        paths = {key: getattr(self, key) for key in ("path", "val_path", "test_path")}
        blank = [key for key, path in paths.items() if path in ({}, "") or (isinstance(path, str) and not path.strip())]
        problems = [f"data.{key}: is empty; give the file to read" for key in blank]
        if self.test_every is not None and paths["test_path"] is not None:
            problems.append("data.test_every: the test set is in data.test_path; give one of the two")
        return problems

    def token_mistakes(self) -> list[str]:
        problems = super().token_mistakes()
        if self.max_length is None and (self.on_long, self.keep) != ("cut", "first"):
            key = "on_long" if self.on_long != "cut" else "keep"
            problems.append(f"data.{key}: {getattr(self, key)} is given without data.max_length")
        return problems
