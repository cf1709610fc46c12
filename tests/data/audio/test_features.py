"""Features of recordings are those of the literature."""

from __future__ import annotations

import numpy as np
import pytest
from recorded import RATE, tone

from rnnexp.data.audio.features import compute_features, list_edges, make_filters
from rnnexp.data.audio.settings import Features

# J. Lyons, "Mel frequency cepstral coefficient (MFCC) tutorial", practicalcryptography.com: ten bands, 300 to 8,000 Hz.
LYONS = [300, 517.33, 781.90, 1103.97, 1496.04, 1973.32, 2554.33, 3261.62, 4122.63, 5170.76, 6446.70, 8000]


def test_bands_are_where_a_published_table_has_them() -> None:
    assert list_edges(10, 300, 8000) == pytest.approx(LYONS, abs=0.06)
    assert list_edges(10, 300, 7900) != pytest.approx(LYONS, abs=0.06)


def test_triangles_add_up_to_one_between_the_first_and_the_last_peak() -> None:
    filters, edges = make_filters(20, 4096, RATE), list_edges(20, 20.0, RATE / 2)
    hertz = np.fft.rfftfreq(4096, 1 / RATE)
    inside = (hertz >= edges[1]) & (hertz <= edges[-2])
    assert filters.sum(axis=0)[inside] == pytest.approx(1, abs=1e-4)
    assert filters.sum(axis=0)[~inside].max() < 1


@pytest.mark.parametrize("hertz", [300, 1000, 2500])
def test_a_tone_is_strongest_in_the_band_that_is_nearest(hertz: float) -> None:
    found = compute_features(tone(hertz), RATE, Features(normalize="none"))
    nearest = np.abs(list_edges(40, 20.0, RATE / 2)[1:-1] - hertz).argmin()
    assert found.argmax(axis=1).tolist() == [nearest] * len(found)


def test_energies_are_those_of_a_sum_written_out() -> None:
    samples, size = tone(700, 0.025), 200
    waves = np.exp(-2j * np.pi * np.outer(np.arange(129), np.arange(size)) / 256)
    power = np.abs(waves @ (samples * np.hanning(size))) ** 2
    wanted = np.log(make_filters(40, 256, RATE) @ power + 1e-6)
    assert compute_features(samples, RATE, Features(normalize="none"))[0] == pytest.approx(wanted, abs=2e-3)


def test_coefficients_are_the_cosine_transform_of_the_bands() -> None:
    samples = tone(700)
    bands = compute_features(samples, RATE, Features(normalize="none")).astype(np.float64)
    angles = np.pi * np.outer(np.arange(13), np.arange(40) + 0.5) / 40
    wanted = bands @ np.cos(angles).T * np.sqrt(2 / 40) * np.where(np.arange(13) == 0, np.sqrt(0.5), 1)
    found = compute_features(samples, RATE, Features(kind="mfcc", normalize="none"))
    assert found == pytest.approx(wanted, abs=1e-3)
    assert Features(kind="mfcc").names()[:2] == ("mfcc_0", "mfcc_1")


def test_normalized_features_do_not_depend_on_loudness_and_others_do() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4000)
    for how, alike in (("none", False), ("utterance", True), ("cmn", True), ("cmvn", True)):
        for kind in ("logmel", "mfcc"):
            chosen = Features(kind=kind, normalize=how)
            loud, quiet = (compute_features(noise * factor, RATE, chosen) for factor in (2, 1))
            assert np.allclose(loud, quiet, atol=1e-3) == alike


def test_utterance_keeps_the_bands_apart_and_cmvn_does_not() -> None:
    samples = tone(700) + np.random.default_rng(0).normal(0, 0.01, 1600)
    kept, gone = (compute_features(samples, RATE, Features(normalize=how)) for how in ("utterance", "cmvn"))
    assert (kept.mean(), kept.std()) == pytest.approx((0, 1), abs=1e-3)
    assert gone.std(axis=0) == pytest.approx(1, abs=1e-3)
    assert kept.mean(axis=0).max() > 2
    assert np.abs(gone.mean(axis=0)).max() < 1e-3


def test_frames_are_counted_by_step_and_a_short_recording_is_one_frame() -> None:
    assert len(compute_features(np.ones(RATE), RATE, Features())) == 98
    assert len(compute_features(np.ones(5), RATE, Features())) == 1
    assert np.isfinite(compute_features(np.zeros(800), RATE, Features())).all()


def test_more_coefficients_than_bands_are_refused() -> None:
    mistakes = Features(kind="mfcc", mels=10).mistakes()
    assert mistakes == [
        "data.features.coefficients: 13 is more than data.features.mels; 10 bands give no more coefficients"
    ]
    assert Features(mels=10).mistakes() == []
