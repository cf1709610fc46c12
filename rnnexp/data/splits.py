"""Which rows belong to training, validation and test: always in time order, never shuffled for series."""

from __future__ import annotations

from pydantic import ConfigDict, Field, StrictFloat, StrictInt, StrictStr
from pydantic.dataclasses import dataclass

# `strict` on the class would refuse the plain mapping that YAML gives for this nested group.
NESTED = ConfigDict(extra="forbid", allow_inf_nan=False)
Bound = StrictInt | StrictFloat | StrictStr


@dataclass(frozen=True, kw_only=True, config=NESTED)
class Split:
    """Sizes of the three parts: all fractions, all row counts, or the last date of each part, inclusive."""

    train: Bound = Field(0.7, description="Training part: a fraction, a number of rows, or its last date.")
    val: Bound | None = Field(
        0.15, description="Validation part: a fraction, a number of rows, its last date; 0 or null for none."
    )
    test: Bound | None = Field(
        0.15, description="Test part: a fraction, a number of rows, its last date; null takes what is left."
    )
    gap: StrictInt = Field(0, ge=0, description="Rows left out between two parts.")
