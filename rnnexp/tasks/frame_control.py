"""Whether a score needs the order of the frames: the same network on the same clips, their frames shuffled."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnexp.data.dataset import Part

SEED = 0
LIKELY = 0.05  # a probability under which a difference is no chance


def draw_shuffled_frames(part: Part, seed: int = SEED) -> tuple[Part, np.ndarray]:
    """Return a part with the frames of each clip in an order that is drawn, never their own if there are two.

    The second is the order: for each frame of all clips, end to end, which place in its clip it had.
    """
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    lengths = part.arrays["length"][part.indices]
    orders = [_draw_order(int(length), generator) for length in lengths]
    begin = part.arrays["begin"].copy()
    steps = np.concatenate([begin[index] + order for index, order in zip(part.indices, orders)])
    begin[part.indices] = np.cumsum([0, *lengths[:-1]])
    shuffled = {**part.arrays, "values": part.arrays["values"][steps], "begin": begin}
    return replace(part, arrays=shuffled), np.concatenate(orders)


def _draw_order(frames: int, generator: np.random.Generator) -> np.ndarray:
    drawn = generator.permutation(frames)
    return np.roll(drawn, 1) if frames > 1 and (drawn == np.arange(frames)).all() else drawn


def compare_orders(right: np.ndarray, shuffled: np.ndarray, accuracy: tuple[float, float]) -> str:
    """Say whether the order of frames has helped, by the share (clips,) of each clip that was right in either order.

    accuracy: in order, and shuffled.  By a sign test of the clips that differ
    """
    from scipy.stats import binomtest

    better, worse = int((right > shuffled).sum()), int((right < shuffled).sum())
    p = float(binomtest(better, better + worse, alternative="greater").pvalue) if better + worse else 1.0
    found = f"accuracy {accuracy[1]:.4f} with the frames of each clip shuffled, {accuracy[0]:.4f} in order"
    if p < LIKELY:
        return found
    return (
        f"{found}: the order of the frames has not helped (p = {p:.2f}), so the score says nothing about time; "
        "compare it with the baselines that see no order"
    )
