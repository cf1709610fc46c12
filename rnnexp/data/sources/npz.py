"""Sequences and their targets from a NumPy archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from rnnexp.config.settings import SINCE
from rnnexp.data.labeled import Sequences
from rnnexp.data.located import Located
from rnnexp.data.source import COUNTS, STAY_TOGETHER, RecordingSource
from rnnexp.errors import DataError, did_you_mean
from rnnexp.registry import register

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

UNEQUAL = ". Sequences of unequal lengths are padded, and an array of their lengths named (data.lengths)"


@register("data")
class npz(Located, RecordingSource):
    """Read arrays (n, time, channels) or (n, time) of an `.npz` file; pickled objects are refused."""

    name: Literal["npz"] = "npz"
    path: str = Field(description="File (.npz); looked up here, then in root.")
    inputs: str = Field("x", description="Array of the sequences, (n, time, channels) or (n, time).")
    targets: str = Field("y", description="Array of the labels (n,), or of numbers (n,) or (n, outputs).")
    lengths: str | None = Field(None, description="Array (n,) of how many steps of each sequence count; null for all.")
    groups: str | None = Field(
        None,
        description=f"Array (n,) with the group of each sequence {STAY_TOGETHER}",
        json_schema_extra={SINCE: "0.1"},
    )
    weight: str | None = Field(
        None, description=f"Array (n,) with the weight of each sequence {COUNTS}", json_schema_extra={SINCE: "0.1"}
    )
    test_inputs: str | None = Field(None, description="Array of the test set; null takes it from inputs, by split.")
    test_targets: str | None = Field(None, description="Targets of the test set.")
    test_lengths: str | None = Field(None, description="Lengths in the test set.")
    test_groups: str | None = Field(None, description="Groups of the test set.", json_schema_extra={SINCE: "0.1"})

    test_weight: str | None = Field(
        None, description="The same of the sequences of the test set.", json_schema_extra={SINCE: "0.1"}
    )

    def label_key(self) -> str:
        return "data.targets"

    def gives(self) -> set[str]:
        return {"test"} if self.test_inputs else set()

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        pairs = {"test_targets": "test_inputs", "test_inputs": "test_targets", "test_lengths": "test_inputs"}
        pairs |= {"test_groups": "groups", "test_weight": "weight"}
        pairs |= {"groups": "test_groups", "weight": "test_weight"} if self.test_inputs else {}
        missing = [key for given, key in pairs.items() if getattr(self, given) and not getattr(self, key)]
        return [*super().check(), *(f"data.{key}: a value is needed, too" for key in dict.fromkeys(missing))]

    def read(self) -> Sequences:
        """Read the arrays that are named."""
        import numpy as np

        (file,) = self.locate(self.path)
        sequences, targets = self._part(file, self.inputs, self.targets, self.lengths)
        parts, groups = [""] * len(sequences), self._whose(file, self.groups, len(sequences))
        weights = self._weights(file, self.weight, len(sequences))
        if self.test_inputs and self.test_targets:
            more, others = self._part(file, self.test_inputs, self.test_targets, self.test_lengths)
            if others.shape[1:] != targets.shape[1:]:
                raise DataError(
                    f"{file}: `{self.test_targets}` must be like `{self.targets}`, which is {targets.shape}, "
                    f"not {others.shape}"
                )
            sequences, targets = sequences + more, np.concatenate([targets, others])
            parts += ["test"] * len(more)
            groups += self._whose(file, self.test_groups, len(more))
            weights += self._weights(file, self.test_weight, len(more))
        return Sequences.of(
            sequences,
            targets,
            parts=np.array(parts),
            groups=np.array(groups) if self.groups else None,
            weights=np.array(weights) if self.weight else None,
            place=lambda i: f"{file}, example {i}",
            source=file.name,
            notes=tuple(judge_order(self.inputs, len(sequences[0]), sequences[0].shape[1])),
        )

    def _weights(self, file: Path, name: str | None, examples: int) -> list[float]:
        """Return the weight of each example; none where no array is named."""
        if name is None:
            return []
        found = array(file, name)
        if found.shape != (examples,) or found.dtype.kind not in "fiub":
            raise DataError(f"{file}: `{name}` must be ({examples},) numbers, one weight each, not {found.shape}")
        return [float(weight) for weight in found]

    def _whose(self, file: Path, name: str | None, examples: int) -> list[str]:
        """Return the group of each example; none where no array is named."""
        if name is None:
            return []
        found = array(file, name)
        if found.shape != (examples,) or found.dtype.kind not in "iubU":
            shape = f"they are {found.shape} of {found.dtype}"
            raise DataError(f"{file}: `{name}` must be ({examples},) whole numbers or texts, one group each; {shape}")
        return [str(group) for group in found]

    def _part(self, file: Path, inputs: str, targets: str, lengths: str | None) -> tuple[list[Any], np.ndarray]:
        """Return sequences (time, channels) and their targets."""
        import numpy as np

        x, y = array(file, inputs), array(file, targets)
        x = x[..., None] if x.ndim == 2 else x
        if x.ndim != 3 or len(x) != len(y) or not len(x):
            raise DataError(
                f"{file}: `{inputs}` must be (n, time, channels) or (n, time) with one of `{targets}` each; "
                f"they are {x.shape} and {y.shape}"
            )
        if x.dtype.kind not in "fiub":
            raise DataError(f"{file}: `{inputs}` holds {x.dtype} values, not numbers")
        ends = np.full(len(x), x.shape[1]) if lengths is None else array(file, lengths)
        if ends.shape != (len(x),) or ends.dtype.kind not in "iu" or (ends > x.shape[1]).any() or (ends < 0).any():
            raise DataError(f"{file}: `{lengths}` must be ({len(x)},) whole numbers from 0 to {x.shape[1]}")
        return [one[:end].astype(np.float64) for one, end in zip(x, ends)], y


def judge_order(name: str, steps: int, channels: int) -> list[str]:
    """Tell of the order of an array with more channels than steps."""
    how = f"`{name}` has more channels ({channels}) than steps ({steps})"
    return [f"{how}: where channels come first, as in PyTorch, store x.transpose(0, 2, 1)"] if channels > steps else []


def array(file: Path, name: str) -> np.ndarray:
    """Read one array of a file; nothing is ever unpickled."""
    import zipfile

    import numpy as np

    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            if name not in archive:
                raise DataError(
                    f"{file}: there is no array `{name}`, but {', '.join(archive)}{did_you_mean(name, archive)}"
                )
            return np.asarray(archive[name])
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{file}: `{name}` cannot be read as an array of numbers or text: {error}{UNEQUAL}") from None
