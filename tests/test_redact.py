"""Secrets are masked, everything else stays as it is."""

from __future__ import annotations

import time
import tracemalloc
from base64 import b64encode
from pathlib import Path

import pytest

from rnnexp import redact as module
from rnnexp.redact import (
    is_secret,
    mask,
    redact,
    redact_file,
    redact_tree,
    redact_value,
    redact_words,
    remember,
    without_user,
)


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_remembered", set())


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada:hunter2secret@db.example/mlflow",
        "https://hunter2secret@github.com/ada/repo.git",
        "https://ada:p@ss/hunter2secret@host/path",
        "https:/ada:hunter2secret@host/data.csv",
        "https:/hunter2secret@host/data.csv",
        "s3+https:/ada:hunter2secret@host, not found",
        "mymodels:/ada:hunter2secret@host",
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
        "api_key: 'hunter2secret' given; must be a valid integer",
        "token: `hunter2secret` is not one of a, b",
        "{password: hunter2secret, units: 5}",
        "api_keys=[hunter2secret, hunter2other]",
        "api_key=${oc.env:KEY,hunter2secret}",
        "X-Api-Key:hunter2secret",
        "accessTokenValue=hunter2secret",
        "dbPass=hunter2secret",
        "MYSQL_PWD=hunter2secret",
        "SECRET_1=hunter2secret",
        "API_KEY_PROD: hunter2secret",
        "- ++hydra.job.env_set.API_TOKEN=hunter2secret",
        "Authorization: Basic aHVudGVyMgphhunter2",
        "curl with basic aGhunter2VyMgphaHVudGVy=",
        "with bearer hunter2secret",
        "password=true$hunter2secret",
        "https://host/path?sig=hunter2secret&page=2",
        "redis://:hunter2secret@host:6379/0",
        "ftp://ada:hunter2%40secret@host/file",
        "AccountName=ada;AccountKey=hunter2secret==",
        "key: -----BEGIN RSA PRIVATE KEY-----\nhunter2secret\n-----END RSA PRIVATE KEY-----",
        "uploaded by ghp_hunter2secret0123456789abcdefgh",
    ],
)
@pytest.mark.fault("I6")
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
        "api_key: unknown key; did you mean `data.path`?",
        "rnnexp: /etc/passwd: is not a file",
        "/etc/passwd: data.target: there is no column",
        "/home/ada/token: 3 rows",
        "C:\\ada\\token: 3 rows",
        "/home/ada/secret/data.csv: 3 rows",
        "credentials.csv:3: empty cell",
        "credentials.csv: 3 rows",
        "token:7: empty cell",
        "token: 12 examples",
        "token: 1,200 examples",
        "tokens: `word` is not one of blank, character",
        "data.tokens=word",
        "unknown key `secretary`",
        "secretary: ada lovelace",
        "column `password_resets`: 3 empty cells",
        "password_resets: many",
        "tokenCount: many",
        "token_length=long",
        "the token: is missing",
        "wrong token: expected three columns",
        "password: must be a string",
        "password: required",
        "no token: there are none",
        "test/f1_pass=0.5",
        "pass: 0.93",
        "pass: ok",
        "passwords: 12 rows",
        "a basic lstm-u64-lr1e-3 run",
        "basic_motions2 and basic motions2024",
        '{"pass": 0.93, "fail": 0.07}',
        "classes ('pass', 'fail')",
        "['the', 'token', 'is', 'here']",
        "hydra's basic launcher, basic configuration",
        "a bearer instruments",
        "--token is needed",
        "https://medium.com/@ada/story",
        "http://[::1]:8080/@x",
        "surprise of `token`: 4.5 nats",
        "rnnexp predict models:/demand@champion",
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_the_rest_of_the_text_survives() -> None:
    text = '{"token": "hunter2secret", "units": 5}'
    assert redact(text) == '{"token": ***, "units": 5}'
    assert redact("postgresql://ada:hunter2@db/mlflow") == "postgresql://***@db/mlflow"


@pytest.mark.fault("I6")
def test_a_url_that_became_a_path_is_masked_as_the_url_is() -> None:
    url = "https://ada:hunter2@host/data.csv"
    assert str(Path(url)) != url
    assert redact(str(Path(url))) == "https:/***@host/data.csv"
    assert redact(url) == "https://***@host/data.csv"


def test_redacting_twice_changes_nothing_more() -> None:
    once = redact("token: abc and https://a:b@c/d?secret=e")
    assert redact(once) == once


@pytest.mark.fault("I6")
def test_values_of_secret_environment_variables_are_masked_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "abc/def+123")
    assert redact("header abc/def+123 end, abc%2Fdef%2B123") == "header *** end, ***"


def test_values_of_other_environment_variables_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_COLOR", "abc/def+123")
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


@pytest.mark.parametrize(
    "name", ["passengers", "data.tokens", "model.units", "compass", "password_resets", "token_count", "secretary"]
)
def test_other_names_are_not_taken_for_secrets(name: str) -> None:
    assert not is_secret(name)
    assert redact_value(name, "x") == "x"


def test_rows_of_data_stay_whole_but_for_what_is_a_secret_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2secret")
    assert mask("password: letmein now, token=abc") == "password: letmein now, token=abc"
    assert mask("https://ada:pw@host hunter2secret") == "https://***@host ***"


def test_the_value_of_a_setting_with_a_telling_name_is_masked_wherever_it_stands() -> None:
    assert redact("sent hunter2secret") == "sent hunter2secret"
    remember({"callbacks": {"notify": {"password": "hunter2secret", "to": "ada@example.org"}}})
    assert redact("sent hunter2secret to ada@example.org") == "sent *** to ada@example.org"
    assert mask(repr({"x": "hunter2secret"})) == "{'x': '***'}"


@pytest.mark.parametrize("value", ["required", "${oc.env:TOKEN}", "abc", "", None, True, 3])
def test_what_is_no_value_is_not_remembered(value: object) -> None:
    remember({"password": value})
    assert redact(f"it is {value} here") == f"it is {value} here"


def test_a_password_that_is_a_word_is_not_torn_out_of_longer_ones() -> None:
    remember({"password": "airline"})
    assert redact("airline_lstm airlines airline") == "***_lstm airlines ***"


def test_the_password_of_an_address_is_masked_alone_and_as_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ada:hunter2%40pw@host:5000")
    sent = b64encode(b"ada:hunter2@pw").decode()
    assert redact(f"hunter2%40pw, hunter2@pw, {sent}") == "***, ***, ***"


def test_the_words_of_a_command_are_masked_before_they_are_quoted() -> None:
    words = ["train", "++data.password=correct horse, battery", "name=a b", "data.path=https://ada:pw@host/x"]
    assert redact_words(words) == ["train", "++data.password=***", "name=a b", "data.path=https://***@host/x"]


def test_nested_values_are_masked_and_keep_their_shape() -> None:
    values = {"data": {"token": "x y", "path": "https://a:b@c/d", "api_key": "${oc.env:KEY}"}, "keys": [1, "a"]}
    shown = {"data": {"token": "***", "path": "https://***@c/d", "api_key": "${oc.env:KEY}"}, "keys": [1, "a"]}
    assert redact_tree(values) == shown


def test_an_address_can_be_opened_without_its_user() -> None:
    assert without_user("http://ada:pw@host:5000/x") == "http://host:5000/x"
    assert without_user("http://host:5000/@x") == "http://host:5000/@x"


@pytest.mark.parametrize(
    "piece", ["token: ", "passwd=", "a:/", "://", "x", '"token",', "eyJ", "basic 1", "-----BEGIN PRIVATE KEY-----"]
)
@pytest.mark.fault("I13")
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    began = time.thread_time()
    redact(piece * (300_000 // len(piece)))
    assert time.thread_time() - began < 5


KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEpAIBAAKCAQEA\n" * 4 + "-----END RSA PRIVATE KEY-----\n"
LINES = (
    f"password: hunter2 and more\n{KEY}token=abc123def\r50 %\r100 %\n\nlast of gr\xf6\xdfe\nthe end: password=hunter2"
)


@pytest.mark.parametrize("piece", [1, 2, 7, 30, 64, 1 << 20])
def test_a_file_is_redacted_piece_by_piece_as_if_it_were_read_whole(
    piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWO_LINES_TOKEN", "first half\nother half")
    monkeypatch.setattr("rnnexp.redact._PIECE", piece)
    path = tmp_path / "train.log"
    path.write_bytes(f"{LINES}\nfirst half\nother half\nfirst half\nof a match\n".encode() + b"\xff")
    copy = redact_file(path, tmp_path / "copy.log").read_text(encoding="utf-8")
    assert copy == redact(path.read_text(encoding="utf-8", errors="replace"))
    assert not [word for word in ("hunter2", "MIIE", "abc123def", "other half") if word in copy]
    assert "of a match" in copy


def test_a_large_file_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnexp.redact._PIECE", 1 << 16)
    path = tmp_path / "train.log"
    path.write_text(f"{'all is well ' * 8}\n" * 40_000)
    tracemalloc.start()
    try:
        redact_file(path, tmp_path / "copy.log")
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 2
    finally:
        tracemalloc.stop()
    assert (tmp_path / "copy.log").stat().st_size == path.stat().st_size
