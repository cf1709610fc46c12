"""A data set is known by what it holds and how it is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnexp.data.dataset import digest


@dataclass
class Folder:
    path: str = "a"
    steps: int = 2


@dataclass
class SameFolder:
    steps: int = 2
    path: str = "a"


def test_the_digest_follows_contents_and_settings_and_not_the_order_in_which_settings_are_declared() -> None:
    numbers, words = np.arange(3), ["to", "be"]
    same = digest(Folder(), numbers, words)
    assert digest(SameFolder(), numbers, words) == same
    assert len(same) == 32
    others = [
        *(digest(Folder(steps=3), numbers, words), digest(Folder(), numbers + 1, words)),
        *(digest(Folder(), numbers, ["to", "bee"]), digest(Folder(), numbers, ["tobe"])),
    ]
    assert len({same, *others}) == 5
