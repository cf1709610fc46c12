"""Names and values are made to fit MLflow's limits, never dropped in silence."""

from __future__ import annotations

import logging

import pytest

from rnnexp.tracking import names


def test_values_are_written_as_in_yaml() -> None:
    given = {"a": True, "b": None, "c": [64, 32], "d": 0.001, "e": "text"}
    assert names.params(given) == {"a": "true", "b": "null", "c": "[64,32]", "d": "0.001", "e": "text"}


@pytest.mark.fault("C11")
def test_all_parameters_are_kept_in_their_order() -> None:
    kept = names.params({f"p{i:03}": i for i in range(400, 0, -1)})
    assert list(kept) == [f"p{i:03}" for i in range(400, 0, -1)]


@pytest.mark.fault("C11")
def test_that_a_value_is_cut_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="rnnexp"):
        names.params({"short": "x" * 6000})
        assert caplog.text == ""
        names.params({"data.path": ["x" * 6000]})
    assert "6000 characters of data.path; all are in config/config.yaml" in caplog.text


@pytest.mark.fault("C11")
def test_a_long_value_is_cut_with_a_mark_and_a_hash() -> None:
    value = names.params({"long": "x" * 6001})["long"]
    assert len(value) == 6000
    assert value.endswith("]")
    assert "...[cut: 6001 characters, sha256 " in value
    assert value != names.params({"long": "x" * 6000 + "y"})["long"]


def test_a_value_of_the_greatest_length_stays_whole() -> None:
    assert names.params({"long": "x" * 6000}) == {"long": "x" * 6000}


@pytest.mark.fault("I6")
def test_secret_parameters_are_masked() -> None:
    assert names.params({"data.token": "abc", "data.path": "https://u:p@h/x"}) == {
        "data.token": "***",
        "data.path": "https://***@h/x",
    }


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("model.units", "model.units"),
        ("test/rmse", "test/rmse"),
        ("a[0]", "a_0_"),
        ("loss(mae)", "loss_mae_"),
        ("../x", "_/x"),
        ("größe", "größe"),
        ("", "_"),
    ],
)
@pytest.mark.fault("C11")
def test_names_become_acceptable(given: str, stored: str) -> None:
    assert names.allowed(given) == stored


@pytest.mark.fault("C11")
def test_long_names_are_shortened_and_stay_different() -> None:
    first, second = names.allowed("x" * 251), names.allowed("x" * 252)
    assert len(first) == len(second) == 250
    assert first != second


@pytest.mark.fault("C11")
def test_names_that_would_collide_get_a_number() -> None:
    assert names.params({"a[0]": 1, "a_0_": 2, "a(0)": 3}) == {"a_0__2": "1", "a_0_": "2", "a_0__3": "3"}


@pytest.mark.fault("C13")
def test_only_finite_metrics_pass() -> None:
    assert names.finite({"a": 1, "b": float("nan"), "c": float("-inf")}) == {"a": 1.0}
