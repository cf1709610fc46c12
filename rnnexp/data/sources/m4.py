"""The M4 competition: many series of one frequency, the last values of each held out by the organizers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from rnnexp.data.located import InRoot
from rnnexp.data.series import Series
from rnnexp.data.source import SeriesSource
from rnnexp.data.splits import Split
from rnnexp.data.tables.locate import locate
from rnnexp.errors import DataError
from rnnexp.registry import register

if TYPE_CHECKING:
    import numpy as np

ORIGIN = "folder Dataset of https://github.com/Mcompetitions/M4-methods"


class Group(NamedTuple):
    """What the organizers say of a frequency: rows that are forecast, and rows per season, 1 for none."""

    horizon: int
    season: int


# Weeks have no season there: their number in a year is not whole.
GROUPS = {
    "Yearly": Group(6, 1),
    "Quarterly": Group(8, 4),
    "Monthly": Group(18, 12),
    "Weekly": Group(13, 1),
    "Daily": Group(14, 1),
    "Hourly": Group(48, 24),
}


@register("data", revision=2)
class m4(InRoot, SeriesSource):
    """Read the training file of a frequency, and its test file put at the end of each series.

    What the group tells is as in the competition: horizon, season, and the split, whose test part is the horizon and
    whose training part is everything before. Source: Makridakis, Spiliotis and Assimakopoulos, The M4 competition:
    100,000 time series and 61 forecasting methods, 2020.
    """

    name: Literal["m4"] = "m4"
    group: Literal["Yearly", "Quarterly", "Monthly", "Weekly", "Daily", "Hourly"] = Field(
        "Hourly", description="Frequency; its files are GROUP-train.csv and GROUP-test.csv, plain or .gz."
    )
    folder: str = Field(
        "m4", description="Folder of the files, or of their folders Train and Test; looked up here, then in root."
    )
    horizon: int | None = Field(  # type: ignore[assignment]  # the group's stands in for null before anyone asks
        None, ge=1, description="Rows to forecast from one input; null takes the group's."
    )
    season: int | None = Field(None, ge=1, description="Rows per season, 1 for none; null takes the group's.")
    split: Literal["none"] | Split | None = Field(  # type: ignore[assignment]
        None,
        description="Training, validation and test set in time order, or none; what is null or left out is the "
        "competition's: no validation set, and a horizon as the test set.",
    )
    rows: Literal["all", "train"] = Field(
        "all", description="Training and test file, or the training file alone, to choose by scores of its last rows."
    )

    @model_validator(mode="before")
    @classmethod
    def _as_in_the_group(cls, given: Any) -> Any:
        """Put what the group tells in the place of what is not given."""
        values = dict(given.kwargs or {})
        group = GROUPS.get(values.get("group", "Hourly"))
        if group is None:  # is refused as a value of its key
            return values
        chosen = {key: value for key, value in values.items() if value is not None}
        values = values | {"horizon": group.horizon, "season": group.season} | chosen
        split = values.get("split")
        if split is None or isinstance(split, Mapping):
            values["split"] = {"train": None, "val": 0, "test": values["horizon"], **(split or {})}
        return values

    def read(self) -> Series:
        """Read all series, in the order of the training file."""
        import numpy as np

        from rnnexp.data.tables.wide import read_wide

        file = self._file("train")
        series = read_wide(file)
        if self.rows == "all":
            series = self._joined(series, self._file("test"))
        return Series(
            values=np.concatenate(list(series.values()))[:, None],
            columns=("value",),
            offsets=np.cumsum([0, *(len(values) for values in series.values())]),
            ids=tuple(series),
            source=str(file),
        )

    def _joined(self, series: dict[str, np.ndarray], file: Path) -> dict[str, np.ndarray]:
        """Put the test values of each series after its training values."""
        import numpy as np

        from rnnexp.data.tables.wide import read_wide

        after = read_wide(file)
        alone = sorted(set(series) ^ set(after))
        if alone:
            raise DataError(f"{file}: {len(alone)} series are in only one of the two files, such as `{alone[0]}`")
        return {label: np.concatenate([values, after[label]]) for label, values in series.items()}

    def find_absent(self) -> list[str]:
        """Say so of the file, or of the first of the two."""
        try:
            for part in ("train", "test") if self.rows == "all" else ("train",):
                self._file(part)
        except DataError as error:
            return [str(error)]
        return []

    def _file(self, part: str) -> Path:
        """Find a file in the folder, in that of its part, as the organizers' repository has it, or beside them all."""
        name = f"{self.group}-{part}.csv*"
        first, *others = (str(place / name) for place in (Path(self.folder), Path(self.folder, part.title()), Path()))
        try:
            found = locate(first, self.root_folder(), ORIGIN)
        except DataError:
            found = next(filter(None, map(self._there, others)), [])
            if not found:
                raise
        if len(found) > 1:
            raise DataError(f"{found[0]}: and {found[1].name} lie side by side; keep one of them")
        return found[0]

    def _there(self, pattern: str) -> list[Path]:
        try:
            return locate(pattern, self.root_folder())
        except DataError:
            return []
