"""What is removed is what was looked at: links are never followed, and what has come since stays."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from rnnexp import removal
from rnnexp.removal import CHANGED, GONE, examine_tree, remove_tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a folder `one` of a few files, and beside the root what must never be touched."""
    root = tmp_path / "runs"
    for name in ("journal", "a/x.txt", "a/b/y.txt", "c/z.txt"):
        (root / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "one" / name).write_text(name)
    (root / "one" / "empty").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "mine.txt").write_text("mine")
    return root


def read(folder: Path) -> dict[str, str]:
    """Return all that is in a folder: texts of files, targets of links, and folders."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = os.readlink(path) if path.is_symlink() else "folder" if path.is_dir() else "file"
        found[str(path.relative_to(folder))] = path.read_text() if kind == "file" and path.is_file() else kind
    return found


def test_a_folder_that_is_as_it_was_looked_at_is_removed(root: Path) -> None:
    tree = examine_tree(root, "one")
    assert tree.problem == ""
    assert tree.size == sum(map(len, ("journal", "a/x.txt", "a/b/y.txt", "c/z.txt")))
    assert remove_tree(tree) == ""
    assert read(root.parent) == {"outside": "folder", "outside/mine.txt": "mine", "runs": "folder"}
    assert remove_tree(tree) == GONE


def test_a_single_file_is_removed(root: Path) -> None:
    assert remove_tree(examine_tree(root, "one/a/x.txt")) == ""
    assert "one/a/x.txt" not in read(root)
    assert "one/a/b/y.txt" in read(root)


HOSTILE: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "link to a file": (lambda at, out: at.symlink_to(out / "mine.txt"), "is a link"),
    "link to a folder": (lambda at, out: at.symlink_to(out), "is a link"),
    "link to nothing": (lambda at, out: at.symlink_to("nowhere"), "is a link"),
    "pipe": (lambda at, out: os.mkfifo(at), "is neither a file nor a folder"),
}


@pytest.mark.parametrize("place", [".hidden", "a/new", "a/b/new", "empty/new"])
@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_file_is_named(root: Path, what: str, place: str) -> None:
    plant, told = HOSTILE[what]
    plant(root / "one" / place, root.parent / "outside")
    assert examine_tree(root, "one").problem == f"{place} {told}"


def _replace(at: Path, plant: Callable[[Path, Path], object], outside: Path) -> None:
    at.rename(at.with_name(f"was-{at.name}"))
    plant(at, outside)


SINCE: dict[str, Callable[[Path, Path], object]] = {
    "a file is added": lambda one, out: (one / "a/b/notes.txt").write_text("mine"),
    "a file grows": lambda one, out: (one / "c/z.txt").write_text("more than there was"),
    "a file becomes another one": lambda one, out: _write(one.parent / "n", "C/Z.TXT").replace(one / "c/z.txt"),
    "a file is gone": lambda one, out: (one / "c/z.txt").unlink(),
    "a file becomes a link": lambda one, out: _replace(one / "c/z.txt", HOSTILE["link to a file"][0], out),
    "a folder becomes a link": lambda one, out: _replace(one / "a", lambda at, o: at.symlink_to(o), out),
    "all of it becomes a link": lambda one, out: _replace(one, lambda at, o: at.symlink_to(o), out),
    "all of it becomes another folder": lambda one, out: _replace(one, lambda at, o: _write(at / "x", "mine"), out),
}  # fmt: skip


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("what", SINCE)
def test_what_has_changed_since_stays_whole(root: Path, what: str) -> None:
    tree = examine_tree(root, "one")
    SINCE[what](root / "one", root.parent / "outside")
    before = read(root.parent)
    assert remove_tree(tree) == CHANGED
    assert read(root.parent) == before


@pytest.mark.parametrize("seed", range(12))
def test_a_link_that_is_planted_while_it_is_removed_leads_nowhere(
    root: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment after the last look is the worst: whatever is put there then, nothing outside is touched."""
    draw, tree = random.Random(seed), examine_tree(root, "one")
    look, outside = removal._walk, root.parent / "outside"
    mine: list[str] = []

    def looked(parent: int, top: str) -> object:
        seen = look(parent, top)
        inside = draw.choice(["a", "a/b", "c", "empty", "journal", "a/x.txt", "a/b/y.txt"])
        _replace(next(root.glob(".tmp-*")) / inside, draw.choice([*HOSTILE.values()])[0], outside)
        mine.append(inside)
        return seen

    monkeypatch.setattr(removal, "_walk", looked)
    assert remove_tree(tree) in (CHANGED, "cannot be removed: Not a directory")
    assert read(outside) == {"mine.txt": "mine"}
    assert os.path.lexists(root / "one" / mine[0])  # what was planted is seen again under its name


@pytest.mark.parametrize("above", ["two/one", "two/three/one"])
def test_no_link_above_it_is_followed(root: Path, above: str) -> None:
    (root / above).parent.mkdir(parents=True)
    (root / "one").rename(root / above)
    tree = examine_tree(root, above)
    (root / "two").rename(root.parent / "outside" / "two")
    (root / "two").symlink_to(root.parent / "outside" / "two")
    before = read(root.parent / "outside")
    assert remove_tree(tree).startswith("cannot be removed")
    assert examine_tree(root, above).problem.startswith("cannot be looked at")
    assert read(root.parent / "outside") == before


def test_a_hard_link_is_told_and_frees_nothing(root: Path) -> None:
    os.link(root / "one" / "c" / "z.txt", root.parent / "outside" / "z.txt")
    tree = examine_tree(root, "one")
    assert (tree.shared, tree.problem) == (["c/z.txt"], "")
    assert tree.size == sum(map(len, ("journal", "a/x.txt", "a/b/y.txt")))
    assert remove_tree(tree) == ""
    assert (root.parent / "outside" / "z.txt").read_text() == "c/z.txt"


def test_a_mounted_folder_is_named_even_of_the_same_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = str(root / "one" / "a" / "b").replace(" ", r"\040")
    (root.parent / "mountinfo").write_text(f"36 35 98:0 /mnt {place} rw,noatime - ext3 /dev/root rw\n")
    monkeypatch.setattr(removal, "MOUNTS", root.parent / "mountinfo")
    assert examine_tree(root, "one").problem == "a/b is another disk, mounted there"
    assert examine_tree(root, "one/c").problem == ""


def test_a_folder_that_may_only_be_read_is_named_before_anything_is_removed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "b")  # root may write everywhere
    assert examine_tree(root, "one").problem == "a/b may only be read"


def test_what_a_killed_removal_leaves_is_known_by_its_marks(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone: list[str] = []

    def cut(name: str, dir_fd: int) -> None:
        gone.append(name)
        if len(gone) == 4:
            raise KeyboardInterrupt
        os.remove(name, dir_fd=dir_fd)

    tree = examine_tree(root, "one")
    monkeypatch.setattr(os, "unlink", cut)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        remove_tree(tree, ["journal"])
    assert gone[-1] == "journal"
    assert {path for path in read(root) if "." in path or path.endswith("journal")} == {"one/journal"}


def test_of_two_that_remove_the_same_one_does_it(root: Path) -> None:
    tree, said = examine_tree(root, "one"), list[str]()
    threads = [Thread(target=lambda: said.append(remove_tree(tree))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count("") == 1
    assert read(root.parent) == {"outside": "folder", "outside/mine.txt": "mine", "runs": "folder"}
