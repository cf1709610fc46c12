"""The M4 competition: many series of one frequency, the last values of each held out by the organizers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.data.located import InRoot
from rnnexp.data.series import Series
from rnnexp.data.source import SeriesSource
from rnnexp.data.tables.files import locate
from rnnexp.errors import DataError
from rnnexp.registry import register

if TYPE_CHECKING:
    import numpy as np

ORIGIN = "folder Dataset of https://github.com/Mcompetitions/M4-methods"


@register("data")
class m4(InRoot, SeriesSource):
    """Read the training file of a frequency, and its test file put at the end of each series.

    `split: {train: null, val: 0, test: HORIZON}` is the competition's own task. Source: Makridakis, Spiliotis and
    Assimakopoulos, The M4 competition: 100,000 time series and 61 forecasting methods, 2020.
    """

    name: Literal["m4"] = "m4"
    group: Literal["Yearly", "Quarterly", "Monthly", "Weekly", "Daily", "Hourly"] = Field(
        "Hourly", description="Frequency; its files are GROUP-train.csv and GROUP-test.csv, plain or .gz."
    )
    folder: str = Field("m4", description="Folder of the files; looked up here, then in root.")
    rows: Literal["all", "train"] = Field(
        "all", description="Training and test file, or the training file alone, to choose by scores of its last rows."
    )

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

    def _file(self, part: str) -> Path:
        pattern = str(Path(self.folder) / f"{self.group}-{part}.csv*")
        found = locate(pattern, self.root_folder(), ORIGIN)
        if len(found) > 1:
            raise DataError(f"{found[0]}: and {found[1].name} lie side by side; keep one of them")
        return found[0]
