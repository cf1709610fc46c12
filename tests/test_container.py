"""The Dockerfile, as far as it can be looked at without Docker: what it copies, who runs, and what is run."""

from __future__ import annotations

import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from rnnexp.cli.main import parser_of, read_words

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
KNOWN = {"FROM", "COPY", "RUN", "USER", "WORKDIR", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT"}


def instructions(text: str) -> list[tuple[str, str]]:
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


STEPS = instructions((ROOT / "Dockerfile").read_text())
BY_NAME = dict(STEPS)


def test_each_line_is_an_instruction_and_none_is_there_twice() -> None:
    names = [name for name, _ in STEPS]
    assert set(names) == KNOWN
    assert len(names) == len(KNOWN)
    assert names[0] == "FROM"


def test_its_python_is_one_that_the_package_takes() -> None:
    (version,) = re.findall(r"^python:([\d.]+)-slim$", BY_NAME["FROM"])
    assert version in SpecifierSet(PROJECT["requires-python"])
    assert "3.10" not in SpecifierSet(PROJECT["requires-python"])


def test_the_wheel_is_all_that_is_sent_and_copied() -> None:
    pattern, target = BY_NAME["COPY"].split()
    wheel = f"dist/rnnexp-{PROJECT['version']}-py3-none-any.whl"
    everything, back = (ROOT / ".dockerignore").read_text().split()
    assert everything == "*"
    assert fnmatch(wheel, pattern)
    assert fnmatch(wheel, back.removeprefix("!"))
    assert not fnmatch("runs/mlflow.db", back.removeprefix("!"))
    assert f"pip install --no-cache-dir {target}*.whl" in BY_NAME["RUN"]


def test_a_user_who_is_not_root_serves_a_folder_that_is_mounted(capsys: pytest.CaptureFixture[str]) -> None:
    assert f"useradd --create-home --uid 10001 {BY_NAME['USER']}" in BY_NAME["RUN"]
    assert BY_NAME["USER"] != "root"
    program, name, *words = json.loads(BY_NAME["ENTRYPOINT"])
    assert program in PROJECT["scripts"]
    args = read_words(parser_of(name), words)
    assert (args.run, args.host, str(args.port)) == ("/model", "0.0.0.0", BY_NAME["EXPOSE"])
    with pytest.raises(SystemExit):
        read_words(parser_of(name), [*words, "--prot", "1"])
    assert "did you mean `--port`?" in capsys.readouterr().err


def test_its_health_is_asked_at_the_port_that_is_served() -> None:
    command = json.loads(BY_NAME["HEALTHCHECK"].partition("CMD ")[2])
    assert f":{BY_NAME['EXPOSE']}/ping" in command[-1]
    compile(command[-1], "healthcheck", "exec")
