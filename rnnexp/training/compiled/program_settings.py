"""What the program of a training depends on, apart from the network and the data, and why it may stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rnnexp.training.compiled.batch_plan import Pieces
from rnnexp.training.compiled.traced_positive import Target
from rnnexp.training.monitor import LOSSES
from rnnexp.training.pure_callback import PureCallback

RUNNING = 0
NOT_FINITE = {**dict(enumerate(LOSSES, start=1)), len(LOSSES) + 1: "a weight"}  # why a training has stopped
A_WEIGHT = len(NOT_FINITE)
BROKEN = {name: code for code, name in NOT_FINITE.items()}
CALLBACK = A_WEIGHT + 1  # the first of the callbacks that may have stopped it


@dataclass(frozen=True)
class ProgramSettings:
    """What the program of a training depends on, apart from the network and the data.

    monitor:   metric that chooses the weights to keep;  keep_best: the best epoch's, else the last finite one's
    track_best: carry the best weights beside the last ones
    callbacks: pure ones by their names;  traced: settings that are inputs, by name, and where Keras has them
    bounds:    lengths that batches of sequences are padded to;  pieces: what an epoch can be cut into
    """

    monitor: str
    keep_best: bool
    track_best: bool
    grad_norm: bool | Literal["layers"]
    callbacks: Mapping[str, PureCallback]
    traced: Mapping[str, Sequence[Target]]
    pieces: Pieces
    bounds: tuple[int, ...] = ()


def select_pure_callbacks(callbacks: Mapping[str, Any]) -> dict[str, PureCallback]:
    return {key: callback for key, callback in callbacks.items() if isinstance(callback, PureCallback)}
