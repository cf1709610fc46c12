"""Which independent examples belong to training, validation and test: shuffled once, classes in equal shares.

Of training texts those of too many tokens are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.few_labels import UNLABELED, choose_labeled
from rnnexp.errors import DataError, count

if TYPE_CHECKING:
    from rnnexp.data.source import ExampleSource

Pieces = dict[str, np.ndarray]
Sizes = Callable[["ExampleSource", int, set[str]], dict[str, int]]


def share_out(
    source: ExampleSource,
    given: np.ndarray | None,
    classes: np.ndarray | None,
    examples: int,
    groups: np.ndarray | None = None,
) -> Pieces:
    """Return the examples of each part, ascending.

    given:   (examples,) "train", "val", "test" or "unlabeled" where the source decides, "" where `split` does; None:
             all ""
    classes: (examples,) integers, each shared out in proportion; None: no such care
    groups:  (examples,) whose each one is: those of a group stay together, and `split` and `folds` share out groups
    Raises DataError for a part that is left without an example.
    """
    kept = np.full(examples, "") if given is None else given
    free = np.flatnonzero(kept == "")
    pieces = {name: np.flatnonzero(kept == name) for name in ("train", "val", "test") if (kept == name).any()}
    if source.folds is not None and source.held_out in pieces:
        raise DataError(f"data.folds: the {source.held_out} set is given by the data; a fold cannot be held out as it")
    split = _split if groups is None else partial(_split_groups, groups)
    shared = split(source, free, classes, pieces) if len(free) else {}
    for name, piece in shared.items():
        pieces[name] = np.concatenate([pieces.get(name, piece[:0]), piece])
    for name in ("train", *pieces, *(["test"] if source.split != "none" else [])):
        if len(pieces.get(name, [])) == 0:
            raise DataError(f"the {name} set has no example out of {examples}; change data.split")
    if len(extra := np.flatnonzero(kept == UNLABELED)):
        pieces[UNLABELED] = extra
    pieces = choose_labeled(source, pieces, classes)
    order = ("train", "val", "test", UNLABELED)
    return {name: np.sort(pieces[name]).astype(np.int32) for name in order if name in pieces}


def used(pieces: Pieces, examples: int, what: str = "example") -> tuple[np.ndarray, Pieces, list[str]]:
    """Return the examples that are in some part, ascending; the parts as places among these; and a note on the others.

    What belongs to no part is left out before anything is concluded from it: classes, lengths, a digest.
    """
    chosen = np.unique(np.concatenate(list(pieces.values())))
    if len(chosen) == examples:
        return chosen, pieces, []
    places = {name: np.searchsorted(chosen, piece).astype(np.int32) for name, piece in pieces.items()}
    note = f"{examples - len(chosen)} of {examples} {what}s belong to no set: data.split leaves them out"
    return chosen, places, [note]


def _split(
    source: ExampleSource,
    free: np.ndarray,
    classes: np.ndarray | None,
    given: Pieces,
    sizes_of: Sizes | None = None,
) -> Pieces:
    """Cut the examples that no part has yet, as `split` and `folds` say; `sizes_of` may stand in for `part_sizes`."""
    sizes_of = sizes_of or part_sizes
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([source.seed, len(free)])))
    shuffled = free[generator.permutation(len(free))]
    if source.folds is not None and source.held_out == "test":
        held, rest = _fold(source, shuffled, classes)
        sizes = sizes_of(source, len(rest), {"test", *given})
        return {"test": held, **_cut(rest, classes, sizes)}
    sizes = sizes_of(source, len(free), set(given))
    pieces = _cut(shuffled if source.split != "none" else free, classes, sizes)
    if source.folds is None:
        return pieces
    rest = np.concatenate([piece for name, piece in pieces.items() if name != "test"])
    held, kept = _fold(source, rest, classes)
    return {**pieces, "train": kept, "val": held}


def _split_groups(
    groups: np.ndarray, source: ExampleSource, free: np.ndarray, classes: np.ndarray | None, given: Pieces
) -> Pieces:
    """Do as `_split` does with whole groups, each of the class that most of its examples have."""
    names, whose = np.unique(groups[free], return_inverse=True)
    units = np.arange(len(names))
    if source.folds is not None and source.folds > len(names):
        raise DataError(f"data.folds: {source.folds} given for {count(len(names), 'group')} of data.groups; use fewer")
    of_units = None
    if classes is not None:
        of_units = np.array([np.bincount(classes[free][whose == unit]).argmax() for unit in units])
    pieces = _split(source, units, of_units, given, _count_groups)
    return {name: free[np.isin(whose, piece)] for name, piece in pieces.items()}


def _count_groups(source: Any, groups: int, given: set[str]) -> dict[str, int]:
    """Return how many groups each part gets, one at least, if need be from the largest; DataError for too few."""
    sizes = part_sizes(source, groups, given, "groups")
    if sum(sizes.values()) < len(sizes):
        parts = ", ".join(sizes)
        raise DataError(
            f"data.groups: {count(sum(sizes.values()), 'group')} cannot be divided among the sets {parts}, each of "
            "which needs one; change data.split, or leave data.groups out"
        )
    while empty := [name for name, size in sizes.items() if size == 0]:
        sizes[max(sizes, key=lambda name: sizes[name])] -= 1
        sizes[empty[0]] = 1
    return sizes


def _fold(source: ExampleSource, examples: np.ndarray, classes: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return what the chosen fold holds out, and the rest: blocks, or every k-th of each class."""
    folds, fold = source.folds or 1, source.fold - 1
    if classes is None:
        blocks = np.array_split(examples, folds)
        held = blocks.pop(fold)
        return held, np.concatenate(blocks)
    sorted_by_class = examples[np.argsort(classes[examples], kind="stable")]
    chosen = np.arange(len(examples)) % folds == fold
    return sorted_by_class[chosen], sorted_by_class[~chosen]


def _cut(examples: np.ndarray, classes: np.ndarray | None, sizes: dict[str, int]) -> Pieces:
    """Share out shuffled examples; with classes evenly along their order, so that each part gets its share of all."""
    if classes is None or len(sizes) == 1:
        ends = np.cumsum(list(sizes.values()))
        return dict(zip(sizes, np.split(examples[: ends[-1]], ends[:-1])))
    rest = examples[np.argsort(classes[examples], kind="stable")]
    pieces: Pieces = {}
    for name in reversed(sizes):
        chosen = _evenly(sizes[name], len(rest))
        pieces[name], rest = rest[chosen], rest[~chosen]
    return {name: pieces[name] for name in sizes}


def _evenly(wanted: int, total: int) -> np.ndarray:
    """Choose `wanted` of `total` places at equal distances, (total,) bool."""
    steps = (np.arange(total + 1) * wanted + total // 2) // max(total, 1)
    return np.diff(steps) > 0


def part_sizes(source: Any, examples: int, given: set[str], what: str = "examples") -> dict[str, int]:
    """Return how many examples each part gets; fractions of parts that are `given` go to the others."""
    if source.split == "none":
        return {"train": examples}
    split = source.split
    asked: dict[str, Any] = {"train": split.train, "val": split.val or 0, "test": split.test}
    free = [name for name, bound in asked.items() if bound != 0 and name not in given]
    if not free:
        raise DataError(f"data.split has no set for the {examples} {what} that have none of their own")
    if split.kind() == "fractions":
        shares = {**asked, "test": 1 - asked["train"] - asked["val"] if split.test is None else split.test}
        total = sum(shares[name] for name in free) if given else 1.0
        sizes = {name: int(examples * shares[name] / total + 1e-9) for name in free[:-1]}
        return _complete({**sizes, free[-1]: None}, examples, what)
    return _complete({name: asked[name] for name in free}, examples, what)


def _complete(sizes: dict[str, int | None], examples: int, what: str) -> dict[str, int]:
    """Give the part whose size is None what the others leave."""
    asked = sum(size or 0 for size in sizes.values())
    if asked > examples:
        raise DataError(f"data.split asks for {asked} {what}; there are {examples}")
    return {name: examples - asked if size is None else size for name, size in sizes.items()}


def short_enough(
    source: Any, pieces: Pieces, lengths: np.ndarray, what: str, place: Callable[[int], str]
) -> tuple[Pieces, list[str]]:
    """Leave training examples of more than `max_length` tokens out; those of other parts are always kept and scored.

    source: has `max_length` and `on_long`
    lengths: (examples,) tokens of each;  place: says where an example stands, for the DataError and the note
    Raises DataError if the source wants none to be left out, or if none would be left.
    """
    train = pieces["train"]
    long = train[lengths[train] > (source.max_length or np.inf)]
    if not len(long):
        return pieces, []
    where = place(int(long[0]))
    found = f"{count(len(long), f'training {what}')} of more than data.max_length={source.max_length} tokens"
    if source.on_long == "fail":
        raise DataError(f"{where}: {found}; leave such {what}s out with data.on_long=drop")
    if len(long) == len(train):
        raise DataError(f"{where}: {found}, and no shorter one; raise data.max_length")
    return {**pieces, "train": np.setdiff1d(train, long)}, [f"left out {found}, such as that of {where}"]
