"""A table with a row for each example, which has several inputs: texts, numbers, categories, rows of other tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.data.inputs.source import Input, MultiInputSource
from rnnexp.data.located import TableFiles
from rnnexp.data.source import COUNTS, STAY_TOGETHER, Column
from rnnexp.errors import DataError
from rnnexp.registry import register

if TYPE_CHECKING:
    import numpy as np

    from rnnexp.data.inputs.examples import Examples
    from rnnexp.data.inputs.read_tables import MainTable
    from rnnexp.data.tables.layout import Asked


@register("data")
class multi_input_table(TableFiles, MultiInputSource):
    """Read a table (CSV, TSV, gzip, Parquet) of examples, and a longer one for each input that is a sequence."""

    name: Literal["multi_input_table"] = "multi_input_table"
    path: str = Field(description="File of the main table, a row for each example; looked up here, then in root.")
    inputs: dict[str, Input] = Field(
        description="Inputs by name: {notes: {kind: text}, pulse: {kind: sequence, path: pulse.csv}, "
        "person: {kind: table, columns: [age, sex]}}."
    )
    on_missing: Literal["fail", "mask"] = Field(
        "fail",
        description="Examples without a text, or without rows of a sequence: fail; or mask: the network is told that "
        "there is none, and they are counted.",
    )
    id: Column = Field(
        "id", description="Column with the id of each example, by which rows of other tables are joined."
    )
    label: Column = Field("label", description="Column with the label of an example, or the number to predict.")
    part: Column | None = Field(
        None, description="Column that says train, val or test; empty cells and null leave it to split."
    )
    groups: Column | None = Field(None, description=f"Column with the group of each example {STAY_TOGETHER}")
    weight: Column | None = Field(None, description=f"Column with the weight of each example {COUNTS}")

    def list_inputs(self) -> dict[str, Input]:
        return self.inputs

    def masks_missing(self) -> bool:
        return self.on_missing == "mask"

    def name_id(self) -> str:
        return str(self.id)

    def label_key(self) -> str:
        return "data.label"

    def gives(self) -> set[str]:
        return {"test"} if self.part is not None else set()

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        return [*super().check(), *self.table_mistakes()]

    def read(self, labeled: bool = True) -> Examples:
        from rnnexp.data.inputs import read_tables
        from rnnexp.data.inputs.examples import Examples
        from rnnexp.data.tables.columns import find_positions

        layout = self.table_layout()
        main = read_tables.read_main(self._locate_main(), layout)
        find_positions(main.names, self._list_asked(labeled), str(main.file))
        said = self._find_roles(main, labeled)
        ids = main.cells[said["id"]]
        if empty := [row for row, one in enumerate(ids) if not one]:
            raise DataError(f"{main.place(empty[0])}: the id is empty (data.id, {len(empty)} such rows)")
        apart = self._list_taken(main, said)
        inputs, columns, notes = {}, {}, [*main.table.notes]
        for key, given in self.inputs.items():
            if given.is_sequence:
                file = self._locate_steps(main.file, str(given.path))
                whole = (said["id"], ids)
                inputs[key], columns[key], told = read_tables.read_steps(
                    file, f"data.inputs.{key}", given, whole, layout
                )
                notes += told
                continue
            columns[key] = read_tables.list_columns(main, key, given, apart)
            if labeled and self.is_labeled and not given.is_text:
                read_tables.refuse_telltale(main, columns[key], said["label"])
            inputs[key] = read_tables.read_cells(main, given, columns[key], layout)
        return Examples(
            inputs,
            columns,
            ids=ids,
            source=main.file.name,
            place=main.place,
            notes=tuple(notes),
            **self._say(main, said),
        )

    def find_absent(self) -> list[str]:
        """Say so of the main table, or of those that lie beside it."""
        if problems := super().find_absent():
            return problems
        try:
            main = self._locate_main()
            for given in self.inputs.values():
                if given.is_sequence:
                    self._locate_steps(main, str(given.path))
        except DataError as error:
            return [str(error)]
        return []

    def find_absent_columns(self) -> Iterator[str]:
        """Say of each column that the settings name and that its table has not: the main one, or one of steps."""
        from rnnexp.data.inputs.read_tables import list_asked_steps
        from rnnexp.data.tables.table import column_names, find_absent_columns

        main, layout = self._locate_main(), self.table_layout()
        problems = find_absent_columns(main, layout, self._list_asked(), is_explained=False)
        yield from problems
        if problems:  # steps are joined by the name of the column of ids
            return
        names = column_names(main, layout)
        own = names[self.id] if isinstance(self.id, int) else self.id
        for key, given in self.inputs.items():
            if given.is_sequence:
                file = self._locate_steps(main, str(given.path))
                asked = list_asked_steps(f"data.inputs.{key}", given, own)
                yield from find_absent_columns(file, layout, asked, is_explained=False)

    def _list_asked(self, labeled: bool = True) -> Asked:
        """Return the columns of the main table, each with the setting that names it."""
        asked = [(column, f"data.{role}") for role, column in self._list_roles(labeled).items()]
        for key, given in self.inputs.items():
            own = [] if given.is_sequence else given.columns or ([key] if given.is_text else [])
            asked += [(column, f"data.inputs.{key}.columns") for column in own]
        return asked

    def _list_roles(self, labeled: bool) -> dict[str, Column]:
        """Return the columns that are no inputs; of labels and parts only where these are asked for."""
        given = {"id": self.id, "label": self.label, "part": self.part, "groups": self.groups, "weight": self.weight}
        asked = given if labeled else {"id": self.id}
        return {role: column for role, column in asked.items() if column is not None}

    def _locate_main(self) -> Path:
        files = self.locate(self.path)
        if len(files) > 1:
            raise DataError(f"data.path: {len(files)} files are called so, such as {files[0]}; give one main table")
        return files[0]

    def _locate_steps(self, main: Path, path: str) -> Path:
        beside = main.parent / path
        files = [beside] if beside.is_file() else self.locate(path)
        if len(files) > 1:
            raise DataError(f"data.inputs: {len(files)} files are called {path}; give one")
        return files[0]

    def _find_roles(self, main: MainTable, labeled: bool) -> dict[str, str]:
        """Return the names of the columns that are no inputs."""
        return {role: main.find(column, f"data.{role}") for role, column in self._list_roles(labeled).items()}

    def _list_taken(self, main: MainTable, said: dict[str, str]) -> list[str]:
        """Return the columns of the main table that a table without `columns` does not take."""
        texts = [
            main.find(column, f"data.inputs.{key}.columns")
            for key, given in self.inputs.items()
            for column in (given.columns or ([key] if given.is_text else []))
            if not given.is_sequence
        ]
        other = [column for column in (self.label, self.part, self.groups, self.weight) if isinstance(column, str)]
        return [*said.values(), *texts, *other]

    def _say(self, main: MainTable, said: dict[str, str]) -> dict[str, np.ndarray]:
        """Return what is said of each example beside its inputs."""
        import numpy as np

        from rnnexp.data.example_weights import read_weight
        from rnnexp.data.inputs.encoders import read_numbers
        from rnnexp.data.sources.sequence_folder import check_part

        cells = {role: main.cells[name] for role, name in said.items()}
        found: dict[str, np.ndarray] = {"targets": np.zeros(len(main.cells[said["id"]]))}
        if "label" in cells:
            if empty := [row for row, cell in enumerate(cells["label"]) if not cell]:
                raise DataError(f"{main.place(empty[0])}: the label is empty (data.label, {len(empty)} such rows)")
            found["targets"] = (
                read_numbers(cells["label"], said["label"], main.place)
                if not self.is_labeled
                else cells["label"].astype(str)
            )
        if "part" in cells:
            found["parts"] = np.array([check_part(cell, main.place(row)) for row, cell in enumerate(cells["part"])])
        if "groups" in cells:
            found["groups"] = cells["groups"].astype(str)
        if "weight" in cells:
            found["weights"] = np.array(
                [read_weight(cell, main.place(row)) for row, cell in enumerate(cells["weight"])]
            )
        return found
