"""Strings out of what a network says that was trained by `ctc`: the logs of the shares of all letters at each step.

Class 0 is the blank. A string is what is left of a path of classes, one for each step, when repetitions are joined and
then blanks are left out (Graves, Fernandez, Gomez and Schmidhuber, Connectionist temporal classification, 2006).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

NOTHING = -np.inf
# Prefixes are told by a number of 64 bits that follows from their letters. These are of none, which nothing extends.
NO_PREFIX, NO_PARENT, EMPTY = np.uint64(1), np.uint64(0), np.uint64(0x9E3779B97F4A7C15)


def decode_greedily(logs: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """Return the string of the likeliest path of each of (n, time, classes), of which `lengths` (n,) steps count."""
    best = logs.argmax(axis=-1)
    before = np.pad(best, ((0, 0), (1, 0)))[:, :-1]
    kept = (best > 0) & (best != before) & (np.arange(logs.shape[1]) < lengths[:, None])
    return [row[chosen] for row, chosen in zip(best, kept)]


@dataclass(frozen=True)
class _Prefixes:
    """The likeliest prefixes (n, beam) so far.

    blank, letter: logs of the probability of all paths that end with a blank, and with the last letter
    prefix, parent: what tells the prefix, and the one without its last letter;  last: that letter, 0 for none
    """

    blank: np.ndarray
    letter: np.ndarray
    prefix: np.ndarray
    parent: np.ndarray
    last: np.ndarray


def search_strings(logs: np.ndarray, lengths: np.ndarray, beam: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the likeliest string of each of (n, time, classes), over all its paths, and the log of its probability.

    Of the prefixes the `beam` likeliest are kept at each step (Graves and Jaitly, Toward end-to-end speech recognition
    with recurrent neural networks, 2014, algorithm 1). All strings are searched for at once. A probability is of the
    paths whose prefixes were kept, so that it may be a little too small.
    """
    count, time, classes = logs.shape
    beyond = np.full(classes, NOTHING)
    beyond[0] = 0.0  # after its end a string goes on with blanks, which are certain
    padded = np.where((np.arange(time) < lengths[:, None])[..., None], logs.astype(np.float64), beyond)
    beams, came, wrote = _begin(count, beam), [], []
    for step in range(time):
        beams, origin, letter = _extend(beams, padded[:, step])
        came.append(origin)
        wrote.append(letter)
    total = np.logaddexp(beams.blank, beams.letter)
    best = total.argmax(axis=1)
    return _trace(best, came, wrote), total[np.arange(count), best]


def _begin(count: int, beam: int) -> _Prefixes:
    shape = (count, beam)
    nothing, none = np.full(shape, NOTHING), np.full(shape, NO_PREFIX)
    beams = _Prefixes(nothing, nothing.copy(), none, np.full(shape, NO_PARENT), np.zeros(shape, np.int64))
    beams.blank[:, 0], beams.prefix[:, 0] = 0.0, EMPTY
    return beams


def _extend(beams: _Prefixes, logs: np.ndarray) -> tuple[_Prefixes, np.ndarray, np.ndarray]:
    """Take a step (n, classes); return the beams after it, from which each has come, and the letter that it has got."""
    count, beam = beams.last.shape
    rows, letters = np.arange(count)[:, None], logs.shape[1] - 1
    total = np.logaddexp(beams.blank, beams.letter)
    blank, letter = total + logs[:, :1], beams.letter + logs[rows, beams.last]
    again = np.arange(1, letters + 1) == beams.last[..., None]  # the same letter twice needs a blank in between
    longer = np.where(again, beams.blank[..., None], total[..., None]) + logs[:, None, 1:]
    _join(beams, letter, longer)

    scores = np.concatenate([np.logaddexp(blank, letter), longer.reshape(count, -1)], axis=1)
    chosen = np.argpartition(-scores, beam - 1, axis=1)[:, :beam]
    stays = chosen < beam
    origin = np.where(stays, chosen, (chosen - beam) // letters)
    added = np.where(stays, 0, (chosen - beam) % letters + 1)
    before = beams.prefix[rows, origin]
    after = _Prefixes(
        np.where(stays, blank[rows, origin], NOTHING),
        np.where(stays, letter[rows, origin], scores[rows, chosen]),
        np.where(stays, before, _hash_longer(before, added)),
        np.where(stays, beams.parent[rows, origin], before),
        np.where(stays, beams.last[rows, origin], added),
    )
    none = scores[rows, chosen] == NOTHING
    prefix, parent = np.where(none, NO_PREFIX, after.prefix), np.where(none, NO_PARENT, after.parent)
    return replace(after, prefix=prefix, parent=parent), origin, added


def _join(beams: _Prefixes, letter: np.ndarray, longer: np.ndarray) -> None:
    """Add to each beam in `letter` what leads to its prefix from that without the last letter, and take it from
    `longer`.
    """
    is_parent = beams.prefix[:, :, None] == beams.parent[:, None, :]
    row, child = np.nonzero(is_parent.any(axis=1))
    at = row, is_parent.argmax(axis=1)[row, child], beams.last[row, child] - 1
    letter[row, child] = np.logaddexp(letter[row, child], longer[at])
    longer[at] = NOTHING


def _hash_longer(prefix: np.ndarray, letter: np.ndarray) -> np.ndarray:
    """Return what tells prefixes with one more letter (the mixing of Steele, Lea and Flood's SplitMix, 2014)."""
    mixed = prefix + letter.astype(np.uint64) * EMPTY
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def _trace(best: np.ndarray, came: list[np.ndarray], wrote: list[np.ndarray]) -> list[np.ndarray]:
    """Return the letters of the beams `best` (n,), from where they came at each step."""
    rows, found = np.arange(len(best)), []
    for origin, letter in zip(reversed(came), reversed(wrote)):
        found.append(letter[rows, best])
        best = origin[rows, best]
    written = np.stack(found[::-1], axis=1) if found else np.zeros((len(rows), 0), np.int64)
    return [row[row > 0] for row in written]
