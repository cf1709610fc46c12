"""Which runs are trained as one: decided once, written down, and the same when they are started again."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rnnexp.disk import write_whole


@dataclass
class Group:
    """Numbers of the jobs that were trained as one, and how wide they were from which epoch on."""

    numbers: list[int]
    widths: dict[int, int] = field(default_factory=dict)


class GroupStore:
    """The groups of some jobs, kept in a file if there is one.

    The last bit of a result may depend on how many are trained together; so jobs that are left over from a group
    are trained in a group of the same width.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        saved = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else []
        self.groups = [Group(each["numbers"], {int(k): v for k, v in each["widths"].items()}) for each in saved]

    def assign(self, keys: Mapping[int, Hashable], max_size: int) -> Iterator[tuple[Group, list[int]]]:
        """Yield each group with those of its jobs that are there; `keys` (by job) agree where they can be one.

        Jobs without a group are put into new ones of equal size, of `max_size` at most.
        """
        left = dict(keys)
        for group in list(self.groups):
            present = [number for number in group.numbers if left.pop(number, None) is not None]
            if present:
                yield group, present
        by_key: dict[Hashable, list[int]] = {}
        for number, key in left.items():
            by_key.setdefault(key, []).append(number)
        new = [Group(part) for numbers in by_key.values() for part in _split(numbers, max_size)]
        self.groups += new
        self.save()
        yield from ((group, group.numbers) for group in new)

    def save_widths(self, group: Group, widths: Mapping[int, int]) -> None:
        """Keep the widths that a group has had so far."""
        group.widths = dict(widths)
        self.save()

    def save(self) -> None:
        if self.path:
            write_whole(self.path, json.dumps([asdict(group) for group in self.groups]) + "\n")


def _split(numbers: Sequence[int], max_size: int) -> list[list[int]]:
    count = -(-len(numbers) // max_size)
    return [list(numbers[start::count]) for start in range(count)]
