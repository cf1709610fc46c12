"""Files of strangers are read within bounds, or refused in a sentence that names them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnexp import strict
from rnnexp.errors import ConfigError

LAUGHS = "a: &a [ha]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(3))
DEEP = "[" * 40 + "]" * 40


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)


NO_FILES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "absent": (lambda path: None, "No such file"),
    "folder": (Path.mkdir, "it is a folder, not a file"),
    "pipe": (os.mkfifo, "it is a pipe, not a file"),
    "socket": (listen, "it is a socket, not a file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "it is a link that leads out of its folder"),
    "passwords": (lambda path: path.symlink_to("/etc/passwd"), "it is a link that leads out of its folder"),
    "circle": (lambda path: path.symlink_to(path.name), "loop|Too many levels"),
    "long": (lambda path: path.write_text("x" * 2000), "it has more than 1,000 bytes"),
    "binary": (lambda path: path.write_bytes(b"abc\xff"), "byte 4 is not UTF-8"),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_of_text_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    make, message = NO_FILES[kind]
    make(tmp_path / "it")
    with pytest.raises(ConfigError, match=f"it: cannot be read: .*(?:{message})"):
        strict.read_text(tmp_path, "it", 1000)


def test_a_device_in_its_own_folder_is_refused() -> None:
    with pytest.raises(ConfigError, match="zero: cannot be read: it is a device"):
        strict.read_text(Path("/dev"), "zero", 1000)


def test_a_link_within_the_folder_is_followed(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("text")
    (tmp_path / "two").symlink_to("one")
    assert strict.read_text(tmp_path, "two", 1000) == "text"


def test_a_folder_that_is_itself_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "it").write_text("text")
    (tmp_path / "two").symlink_to("one")
    assert strict.read_text(tmp_path / "two", "it", 1000) == "text"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read: Expecting value"),
        ("[1]", "must hold a JSON object, not list"),
        ('{"a": 1, "a": 2}', "the key `a` is there twice"),
        ('{"a": NaN}', "NaN is not a finite number"),
        ('{"a": [-Infinity]}', "-Infinity is not a finite number"),
        ('{"a": 1e999}', "1e999 is not a finite number"),
        (f'{{"a": {DEEP}}}', "nested more than 32 levels deep"),
        ('{"a": ' + "[" * 50_000 + "]" * 50_000 + "}", "nested more than 32 levels deep"),
        ('{"a": ' + "9" * 5000 + "}", "cannot be read: Exceeds the limit"),
    ],
)
@pytest.mark.fault("I1")
def test_json_that_means_no_good_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "it.json").write_text(text)
    with pytest.raises(ConfigError, match=f"it.json: .*{message}") as refused:
        strict.read_json(tmp_path, "it.json")
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold a YAML mapping, not NoneType"),
        ("[1]", "must hold a YAML mapping, not list"),
        ("a: 1\na: 2", "the key `a` is there twice"),
        ("a: {b: 1, b: 2}", "the key `b` is there twice"),
        (LAUGHS, r"it has an alias \(\*a\); write the value out"),
        ("a: !!python/object/apply:os.getcwd []", "could not determine a constructor for the tag"),
        (f"a: {DEEP}", "nested more than 32 levels deep"),
        ("a: " + "[" * 50_000, "nested|depth"),
        ("1: 2", "a key is not a text"),
        ("[a]: 2", "found unhashable key"),
        ("a: b: c", "mapping values are not allowed in this context|here"),
        ("a: 2024-13-45", "month must be in 1..12"),
        ("a: " + "9" * 5000, "Exceeds the limit"),
    ],
)
@pytest.mark.fault("F6", "I8")
def test_yaml_that_means_no_good_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"config of run x.*(?:{message})") as refused:
        strict.parse_yaml(text, "config of run x")
    assert len(str(refused.value)) < 400


def test_what_a_run_writes_is_read_as_it_is(tmp_path: Path) -> None:
    values = {"a": [1, 2.5, True, None, "é"], "b": {"c": {"d": []}}, "": 0}
    (tmp_path / "it").write_text(json.dumps(values, indent=2))
    assert strict.read_json(tmp_path, "it") == values
    assert strict.read_yaml(tmp_path, "it") == values
