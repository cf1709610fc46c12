"""Removing what was looked at before, and only that: what has changed since then stays, and no link is followed.

Each folder is opened from the one above it, by its descriptor: a link that somebody plants meanwhile leads nowhere.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

MOUNTS = Path("/proc/self/mountinfo")
CHANGED = "has changed since it was looked at"
GONE = "is gone already"
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


class Seen(NamedTuple):
    """A file or folder as it was: another one in its place differs, and so does the same one once it was written to."""

    device: int
    inode: int
    mode: int
    size: int
    modified: int
    names: int


@dataclass(frozen=True)
class Tree:
    """A file or a folder below `root` with all that is in it, by its path within, which is "" for itself.

    problem: why it cannot be removed with all that is in it; "" if it can
    """

    root: Path
    name: str
    seen: Mapping[str, Seen]
    problem: str

    @property
    def path(self) -> Path:
        return self.root / self.name

    @property
    def size(self) -> int:
        """The bytes that its removal sets free."""
        return sum(one.size for one in self.seen.values() if stat.S_ISREG(one.mode) and one.names == 1)

    @property
    def shared(self) -> list[str]:
        """Files that have another name elsewhere, a hard link, under which they stay."""
        return [path for path, one in self.seen.items() if stat.S_ISREG(one.mode) and one.names > 1]

    @property
    def modified(self) -> float:
        """When anything in it was written last, in seconds since 1970."""
        return max((one.modified for one in self.seen.values()), default=0) / 1e9


def examine_tree(root: Path, name: str) -> Tree:
    """Look at all of a file or folder, which is given by its path below `root`."""
    *above, last = PurePosixPath(name).parts
    try:
        with _opened(root, above) as parent:
            seen = _walk(parent, last)
            own = os.stat(root).st_dev
    except OSError as error:
        is_link = error.errno in (errno.ELOOP, errno.ENOTDIR)
        return Tree(root, name, {}, f"cannot be looked at: {'a link leads there' if is_link else error.strerror}")
    mounts = _list_mounts()
    place = Path(os.path.realpath(root), name)
    found = (_find_problem(place / path, one, own, mounts) for path, one in seen.items())
    problems = [f"{path or 'it'} {problem}" for path, problem in zip(seen, found) if problem]
    return Tree(root, name, seen, problems[0] if problems else "")


def _find_problem(path: Path, one: Seen, device: int, mounts: frozenset[str]) -> str:
    if stat.S_ISLNK(one.mode):
        return "is a link"
    if not stat.S_ISREG(one.mode) and not stat.S_ISDIR(one.mode):
        return "is neither a file nor a folder"
    if one.device != device or str(path) in mounts:
        return "is another disk, mounted there"
    if stat.S_ISDIR(one.mode) and not os.access(path, os.W_OK | os.X_OK):
        return "may only be read"
    return ""


def _list_mounts() -> frozenset[str]:
    """Return where something is mounted; a folder of the same disk that is mounted elsewhere has no other mark."""
    with suppress(OSError):
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        places = (line.split()[4].encode("utf-8", "surrogateescape") for line in lines)
        return frozenset(os.fsdecode(place.decode("unicode_escape").encode("latin-1")) for place in places)
    return frozenset()


def remove_tree(tree: Tree, last_of_all: Sequence[str] = ()) -> str:
    """Remove what is as it was looked at; return why not, "" if it is gone.

    It is out of sight before it is not whole. The files that it is known by, `last_of_all`, go last: what a process
    that is killed leaves is known by them.
    """
    *above, last = PurePosixPath(tree.name).parts
    try:
        with _opened(tree.root, above) as parent:
            if stat.S_ISDIR(tree.seen[""].mode):
                return _remove_folder(parent, last, tree, last_of_all)
            return "" if _remove_if_same(parent, last, tree.seen[""], os.unlink) else CHANGED
    except FileNotFoundError:
        return GONE
    except OSError as error:
        return f"cannot be removed: {error.strerror or error}"


def _remove_folder(parent: int, name: str, tree: Tree, last_of_all: Sequence[str]) -> str:
    hidden = f".tmp-{os.getpid()}-{name}"
    if _is_there(parent, hidden):
        return CHANGED
    os.rename(name, hidden, src_dir_fd=parent, dst_dir_fd=parent)
    try:
        if _walk(parent, hidden) != tree.seen:
            return CHANGED
        _remove_all(parent, hidden, tree.seen, last_of_all)
    finally:  # what could not be removed is seen again
        if _is_there(parent, hidden) and not _is_there(parent, name):
            os.rename(hidden, name, src_dir_fd=parent, dst_dir_fd=parent)
    return CHANGED if _is_there(parent, name) else ""


def _remove_all(parent: int, top: str, seen: Mapping[str, Seen], last_of_all: Sequence[str]) -> None:
    folders = [path for path, one in seen.items() if stat.S_ISDIR(one.mode)]
    files = sorted((path for path in seen if path not in folders), key=lambda path: path in last_of_all)
    for path in files:
        *above, name = PurePosixPath(top, path).parts
        with _opened_below(parent, above) as folder:
            _remove_if_same(folder, name, seen[path], os.unlink)
    for path in sorted(folders, key=lambda path: -len(PurePosixPath(path).parts)):
        *above, name = PurePosixPath(top, path).parts
        with _opened_below(parent, above) as folder, suppress(OSError):  # not empty: somebody has added a file
            os.rmdir(name, dir_fd=folder)


def _remove_if_same(folder: int, name: str, seen: Seen, remove: Callable[..., None]) -> bool:
    same = _look(folder, name)._replace(names=0) == seen._replace(names=0)
    if same:
        remove(name, dir_fd=folder)
    return same


def _walk(parent: int, top: str) -> dict[str, Seen]:
    """Look at a file, or a folder and all that is in it; `fwalk` enters no links."""
    found = {"": _look(parent, top)}
    if stat.S_ISDIR(found[""].mode):
        for folder, folders, files, here in os.fwalk(top, dir_fd=parent, onerror=_raise):
            inside = PurePosixPath(folder).relative_to(top)
            found |= {str(inside / name): _look(here, name) for name in (*folders, *files)}
    return found


def _raise(error: OSError) -> None:
    raise error


def _look(folder: int, name: str) -> Seen:
    about = os.stat(name, dir_fd=folder, follow_symlinks=False)
    names = 1 if stat.S_ISDIR(about.st_mode) else about.st_nlink
    return Seen(about.st_dev, about.st_ino, about.st_mode, about.st_size, about.st_mtime_ns, names)


def _is_there(folder: int, name: str) -> bool:
    with suppress(FileNotFoundError):
        os.stat(name, dir_fd=folder, follow_symlinks=False)
        return True
    return False


@contextmanager
def _opened(root: Path, parts: Sequence[str]) -> Iterator[int]:
    descriptor = os.open(root, _FOLDER)
    try:
        with _opened_below(descriptor, parts) as folder:
            yield folder
    finally:
        os.close(descriptor)


@contextmanager
def _opened_below(folder: int, parts: Sequence[str]) -> Iterator[int]:
    """Open a folder within another one, link by link refused."""
    descriptor = os.dup(folder)
    try:
        for part in parts:
            inner = os.open(part, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)
