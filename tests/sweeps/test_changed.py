"""Data or plugins that change between two starts of a sweep are not mixed unless that is meant."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sweeping import LIGHT, TOYS, UNTRACKED, Quick, events, run, table, tracked

from rnnexp.compare.find import sweep as find_sweep
from rnnexp.errors import DataError
from rnnexp.sweeps.state import JOURNAL

NUMBERS = "\n".join(["value", *(str(number % 7) for number in range(60))]) + "\n"
OTHERS = NUMBERS.replace("6", "9")


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def on(*data: str) -> tuple[str, ...]:
    return ("plugins=[toys]", "model=flat", "trainer.epochs=2", "tracking=off", *LIGHT, *data)


CSV = on("data=csv", "data.path=numbers.csv", "data.target=value")


def written(name: str, text: str) -> Callable[[], None]:
    def write() -> None:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)

    return write


KINDS: dict[str, tuple[tuple[str, ...], dict[str, str], str, str, str]] = {
    "a file": (CSV, {"numbers.csv": NUMBERS}, "numbers.csv", OTHERS, "numbers.csv"),
    "a file of a glob": (
        on("data=csv", "data.path='part-*.csv'", "data.target=value"),
        {"part-1.csv": NUMBERS, "part-2.csv": NUMBERS},
        "part-2.csv",
        OTHERS,
        "part-2.csv",
    ),
    "a new file of a glob": (
        on("data=csv", "data.path='part-*.csv'", "data.target=value"),
        {"part-1.csv": NUMBERS},
        "part-2.csv",
        OTHERS,
        "part-2.csv",
    ),
    "the test set": (
        on("data=text_lines", "data.path=train.txt", "data.test_path=test.txt"),
        {"train.txt": "1 good\n0 bad\n", "test.txt": "1 fine\n"},
        "test.txt",
        "0 fine\n",
        "test.txt",
    ),
    "a file of a folder": (
        on("data=sequence_folder", "data.path=tables"),
        {"tables/labels.csv": "file,label\na.csv,x\n", "tables/a.csv": "v\n1\n", "tables/deep/b.csv": "v\n2\n"},
        "tables/deep/b.csv",
        "v\n3\n",
        "tables/deep/b.csv",
    ),
    "one of several": (
        on("data=text_files", "data.path={pos: good.txt, neg: bad.txt}"),
        {"good.txt": "good\n", "bad.txt": "bad\n"},
        "bad.txt",
        "worse\n",
        "bad.txt",
    ),
    "a file elsewhere": (
        on("data=csv", "data.path=numbers.csv", "data.target=value", "data.root=store"),
        {"store/numbers.csv": NUMBERS},
        "store/numbers.csv",
        OTHERS,
        "numbers.csv",
    ),
    "a plugin": (UNTRACKED, {}, "toys.py", f"{TOYS}\n# more\n", "toys.py"),
    "what a plugin imports": (
        UNTRACKED,
        {"toys.py": f"{TOYS}\ndef later():\n    from layers.deep import x\n", "layers/deep.py": "x = 1\n"},
        "layers/deep.py",
        "x = 2\n",
        "layers/deep.py",
    ),
}


@pytest.mark.fault("D7", "H9")
@pytest.mark.parametrize("kind", KINDS)
def test_what_has_changed_is_refused_with_both_digests(quick: Quick, kind: str) -> None:
    lines, files, changed, text, named = KINDS[kind]
    for name, content in files.items():
        written(name, content)()
    before = Path(changed).read_text() if Path(changed).exists() else None
    folder = run(*lines, "seed=0,1")
    assert run(*lines, "seed=0,1") == folder
    written(changed, text)()
    was = f"sha256 {sha(before)}" if before is not None else "absent"
    with pytest.raises(DataError, match="--new, or mix both with --allow-data-change") as caught:
        run(*lines, "seed=0,1,2")
    caught.match(f"    {named}: {was} then, sha256 {sha(text)} now\n")
    assert caught.value.exit_code == 3
    assert len(quick.tasks) == 2
    if before is not None:
        written(changed, before)()
        run(*lines, "seed=0,1,2")
        assert len(quick.tasks) == 3


def test_a_file_that_was_touched_and_not_changed_is_the_same(quick: Quick) -> None:
    written("numbers.csv", NUMBERS)()
    folder = run(*CSV, "seed=0,1")
    written("numbers.csv", NUMBERS)()
    assert run(*CSV, "seed=0,1") == folder
    assert len(events(folder, "inputs")) == 1


def test_data_may_change_as_long_as_nothing_has_been_trained_on_them(quicken: Any) -> None:
    written("numbers.csv", NUMBERS)()
    quicken(Quick(lambda task: None))
    with pytest.raises(Exception, match="2 jobs of the sweep failed"):
        run(*CSV, "seed=0,1", retries=0)
    written("numbers.csv", OTHERS)()
    quicken(Quick())
    folder = run(*CSV, "seed=0,1", retry_failed=True)
    assert "data_version" not in table(folder)[0]


def test_more_files_for_more_jobs_are_no_change(quick: Quick) -> None:
    for name in ("numbers.csv", "others.csv"):
        written(name, NUMBERS)()
    lines = on("data=csv", "data.target=value", "seed=0,1")
    folder = run(*lines, "data.path=numbers.csv")
    assert run(*lines, "data.path=numbers.csv,others.csv") == folder
    assert len(quick.tasks) == 4
    written("others.csv", OTHERS)()
    with pytest.raises(DataError, match=r"others\.csv: sha256"):
        run(*lines, "data.path=numbers.csv,others.csv")


def test_data_that_are_generated_have_no_files(quick: Quick) -> None:
    (event,) = events(run(*UNTRACKED, "seed=0,1"), "inputs")
    assert list(event["files"]) == ["toys", "KERAS_BACKEND"]


@pytest.mark.fault("H9")
def test_a_backend_that_the_environment_changes_is_no_repetition_of_the_command(
    quick: Quick, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its table would show the scores of the other one."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    folder = run(*UNTRACKED, "seed=0,1")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(DataError, match=r"2 finished jobs .*\n    backend \(KERAS_BACKEND\): jax then, torch now\n"):
        run(*UNTRACKED, "seed=0,1")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert run(*UNTRACKED, "seed=0,1") == folder
    assert len(quick.tasks) == 2
    monkeypatch.setenv("KERAS_BACKEND", "torch")  # a control: jobs that name theirs
    named = run(*UNTRACKED, "seed=0,1", "backend=jax")
    monkeypatch.delenv("KERAS_BACKEND")
    assert run(*UNTRACKED, "seed=0,1", "backend=jax") == named


def test_a_sweep_of_an_older_version_that_knows_no_digests_goes_on(quick: Quick) -> None:
    written("numbers.csv", NUMBERS)()
    folder = run(*CSV, "seed=0,1")
    lines = (folder / JOURNAL).read_text().splitlines(keepends=True)
    (folder / JOURNAL).write_text("".join(line for line in lines if json.loads(line)["event"] != "inputs"))
    written("numbers.csv", OTHERS)()
    assert run(*CSV, "seed=0,1") == folder
    written("numbers.csv", NUMBERS)()
    with pytest.raises(DataError, match=r"numbers\.csv: sha256"):
        run(*CSV, "seed=0,1")


@pytest.mark.fault("D7")
def test_what_is_mixed_because_it_is_meant_is_marked(
    quicken: Any, client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = quicken(Quick(tracked))
    lines = tuple(line for line in CSV if line != "tracking=off")
    written("numbers.csv", NUMBERS)()
    run(*lines, "seed=0,1")
    assert find_sweep(None).notes == []
    written("numbers.csv", OTHERS)()
    folder = run(*lines, "seed=0,1,2", allow_data_change=True)
    assert len(quick.tasks) == 3
    assert [row["data_version"] for row in table(folder)] == ["1", "1", "2"]
    told = f"2 jobs of 3 had other data or plugins: numbers.csv: sha256 {sha(NUMBERS)} then, sha256 {sha(OTHERS)} now"
    assert f"  mixed    {told}\n" in capsys.readouterr().out
    assert [note for note in find_sweep(None).compared().notes if note.startswith(told)]
    assert run(*lines, "seed=0,1,2") == folder  # what was allowed is what there is from now on
    written("numbers.csv", NUMBERS)()
    with pytest.raises(DataError, match=r"numbers\.csv: sha256"):
        run(*lines, "seed=0,1,2")
