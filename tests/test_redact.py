"""Secrets are masked, everything else stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnexp.redact import is_secret, redact, redact_value


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada:hunter2secret@db.example/mlflow",
        "https://hunter2secret@github.com/ada/repo.git",
        "https://ada:p@ss/hunter2secret@host/path",
        "https:/ada:hunter2secret@host/data.csv",
        "https:/hunter2secret@host/data.csv",
        "s3+https:/ada:hunter2secret@host, not found",
        "mysql+pymysql://ada:hunter2secret#x@db/mlflow and more",
        "password: hunter2secret",
        "  db_password:   hunter2secret with spaces",
        '{"api_key": "hunter2secret", "units": 5}',
        "('token', 'hunter2secret')",
        "data.api-key=hunter2secret model.units=5",
        "--token hunter2secret --verbose",
        "DB_PASS=hunter2secret",
        "AWS_SECRET_ACCESS_KEY=hunter2secret",
        "https://host/path?token=hunter2secret&page=2",
        "accessToken = 'hunter2secret'",
        "credentials: hunter2secret",
        "+    password = hunter2secret",
        "Authorization: Bearer hunter2secret.abc",
        "url: https://host/x, passwd: hunter2secret",
    ],
)
def test_a_secret_is_masked(text: str) -> None:
    assert "hunter2" not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "airline_passengers: 144 rows",
        "passengers=112, month=1949-01",
        "tokens: 5000",
        "tokenizer: words",
        "bypass: yes",
        "12 passed: all of them",
        "https://host:8080/path?mail=ada@example.org",
        "git@github.com:ada/repo.git",
        "https:/host:8080/path?mail=ada@example.org",
        "https:/host/ada@example.org/data.csv",
        "C:/ada@home/data.csv",
        "ada@host:/srv/data@2024.csv",
        "password: null",
        "api_key: ${oc.env:API_KEY}",
        "def login(token: str) -> None:",
        "sqlite:////home/ada/mlflow.db",
        "RMSE 14.55 beats 0.05",
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_the_rest_of_the_text_survives() -> None:
    text = '{"token": "hunter2secret", "units": 5}'
    assert redact(text) == '{"token": ***, "units": 5}'
    assert redact("postgresql://ada:hunter2@db/mlflow") == "postgresql://***@db/mlflow"


def test_a_url_that_became_a_path_is_masked_as_the_url_is() -> None:
    url = "https://ada:hunter2@host/data.csv"
    assert str(Path(url)) != url
    assert redact(str(Path(url))) == "https:/***@host/data.csv"
    assert redact(url) == "https://***@host/data.csv"


def test_redacting_twice_changes_nothing_more() -> None:
    once = redact("token: abc and https://a:b@c/d?secret=e")
    assert redact(once) == once


def test_values_of_secret_environment_variables_are_masked_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "abc/def+123")
    assert redact("header abc/def+123 end, abc%2Fdef%2B123") == "header *** end, ***"


def test_values_of_other_environment_variables_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_COLOUR", "abc/def+123")
    assert redact("header abc/def+123 end") == "header abc/def+123 end"


def test_short_values_and_paths_in_the_environment_are_not_taken_for_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("USE_TOKEN", "true")
    monkeypatch.setenv("APPLICATION_CREDENTIALS", str(tmp_path))
    assert redact(f"true, {tmp_path}/model") == f"true, {tmp_path}/model"


@pytest.mark.parametrize("name", ["DB_PASS", "PASSWORD", "data.api_key", "apikey", "AUTH_TOKEN", "client-secret"])
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret(name)
    assert redact_value(name, "x") == "***"


@pytest.mark.parametrize("name", ["passengers", "data.tokens", "model.units", "compass"])
def test_other_names_are_not_taken_for_secrets(name: str) -> None:
    assert not is_secret(name)
    assert redact_value(name, "x") == "x"
