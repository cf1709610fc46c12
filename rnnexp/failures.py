"""What an exception means to the person at the keyboard: a sentence, and of what nobody has foreseen the traceback.

Nobody should see a raw traceback: what is not foreseen is our fault, and its traceback a file to be sent to us.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnexp.disk import GONE
from rnnexp.errors import ConfigError, ResourceError, RnnexpError, first_line
from rnnexp.redact import redact

FAULT = "this is a fault of rnnexp, not of your settings; please report it with that file"

# In the words of NumPy, JAX and XLA, TensorFlow and PyTorch, of sizes that no number holds too.
_NO_MEMORY = re.compile(
    r"RESOURCE_EXHAUSTED|out of memory|can't allocate memory|cannot allocate memory|std::bad_alloc|unable to allocate|"
    r"OOM when allocating|not enough memory|failed to allocate|bad_array_new_length|overflow in static extent product|"
    r"array is too big|maximum allowed dimension exceeded|storage size calculation overflowed|"
    r"too large to fit in memory|CUDA_ERROR_OUT_OF_MEMORY|"
    r"failed to map segment from shared object|can't start new thread",  # a library, a thread
    re.IGNORECASE,
)
_NOT_COMPILED = ("JaxRuntimeError", "XlaRuntimeError")  # of the backend, which is not imported for their sake
_NOT_WRITABLE = {
    errno.EROFS: "work in a folder that can be written",
    errno.EACCES: "work in a folder that you may write to, or change its permissions",
    errno.EPERM: "work in a folder that you may write to, or change its permissions",
    errno.ENOTDIR: "a file is where a folder is needed; move it away, or choose another folder",
    errno.EEXIST: "a file is where a folder is needed; move it away, or choose another folder",
    errno.ENOSPC: "make room on this disk, or work on another one",
    errno.EFBIG: "files may not grow so large here: raise the limit (ulimit -f), or work on another disk",
    errno.EDQUOT: "your quota is used up: make room, or work on another disk",
    errno.EIO: "the disk has failed; work on another one",
    errno.ESTALE: "its server has gone, or has other files now: mount it again",
    errno.ENOTCONN: "its server has gone: mount it again",
    errno.ENOMEM: "memory ran out: choose a smaller model or batch, or a machine with more",
    errno.EMFILE: "raise the limit of open files: ulimit -n 4096",
    errno.ENFILE: "the machine has too many files open; end other programs",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def foreseen(error: BaseException) -> RnnexpError | None:
    """Return what to say instead of an exception; None for one that nobody has thought of."""
    if isinstance(error, RnnexpError):
        return error
    if isinstance(error, SystemExit | GeneratorExit):
        return RnnexpError(f"{_exit(error)}{_where(error)}; let it raise an error or return instead")
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, ValueError | TypeError | AttributeError | KeyError) and _called(error, "configure_log"):
        return ConfigError(f"hydra.job_logging, hydra.hydra_logging: {error}{_reason(error)}")
    return _of_program(error)


def _of_program(error: BaseException) -> RnnexpError | None:
    """Say what ends the program that the backend has made of a network."""
    detail = next(iter(str(error).splitlines()), "")[:200]
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        advice = "choose a smaller model.units, trainer.batch_size or sequence, or a machine with more"
        return ResourceError(f"memory ran out{f' ({detail})' if detail else ''}; {advice}")
    if isinstance(error, ImportError):
        return ResourceError(f"{first_line(error)}{_where(error)}; install the package that is missing")
    if type(error).__name__ in _NOT_COMPILED:
        advice = "try trainer.engine=keras or another backend, and leave out components of your own"
        return ResourceError(f"the backend could not compile or run its program ({detail}); {advice}")
    return None


def _called(error: BaseException, function: str) -> bool:
    """Say whether an exception has come out of a function of this name."""
    import traceback

    return any(frame.name == function for frame in traceback.extract_tb(error.__traceback__))


def _reason(error: BaseException) -> str:
    return f": {str(error.__cause__).splitlines()[0]}" if error.__cause__ and str(error.__cause__) else ""


def _exit(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        shown = "" if error.code is None else repr(error.code)
        return f"sys.exit({shown}) was called in the middle of a run"
    return "GeneratorExit was raised in the middle of a run"


def _where(error: BaseException) -> str:
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


def _of_system(error: OSError) -> RnnexpError | None:
    """Say which path the system refuses to write, and what can be done."""
    if isinstance(error, FileNotFoundError) and not _has_folder():
        return ResourceError("the working directory does not exist any more; change to one that does: cd …")
    if error.errno not in _NOT_WRITABLE:
        return None
    path = error.filename2 or error.filename
    if path is None:
        return ResourceError(f"{error.strerror}; {_NOT_WRITABLE[error.errno]}")
    shown = os.path.abspath(os.fsdecode(path)) if _has_folder() and not isinstance(path, int) else path
    return ResourceError(f"{shown}: {error.strerror}; {_NOT_WRITABLE[error.errno]}")


def _has_folder() -> bool:
    with suppress(OSError):
        return bool(Path.cwd())
    return False


def keep_trace(error: BaseException, folder: Path | None = None) -> str:
    """Write the traceback into the folder of a run, else into a temporary file, and say where it is."""
    import tempfile
    import traceback

    text = redact("".join(traceback.format_exception(error)))
    for place in (folder, Path(tempfile.gettempdir())) if folder else (Path(tempfile.gettempdir()),):
        with suppress(OSError):
            name = "error.txt" if place == folder else f"rnnexp-error-{os.getpid()}.txt"
            (place / name).write_text(text, encoding="utf-8", errors="backslashreplace")
            return f"The traceback is in {place / name}"
    return "No disk could be written to keep the traceback"


def find_culprit(error: BaseException, plugins: Iterable[str], otherwise: str = FAULT) -> str:
    """Say whose fault is what nobody has foreseen: of the plugin whose code has run last, if any has."""
    frame, line, plugin = _find_frame(error, [*plugins]) or (None, 0, "")
    if not plugin:
        return otherwise
    return f"it comes from the plugin {plugin} ({_write_place(frame, line)}), not from rnnexp"


def find_unreachable(error: BaseException | None, package: str) -> OSError | None:
    """Return what the system has said of a drive or server that has gone to the code of a package, if that was it.

    A reader may have turned it into an error of its own, behind which it still stands.
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in GONE and _find_frame(error, [package]):
            return error
        error = error.__cause__ or error.__context__
    return None


def find_place(error: BaseException, plugins: Iterable[str]) -> str:
    """Return the file, the line and the function of a plugin's code that has run last; "" if none has."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}, line {error.lineno}"
    frame, line, _ = _find_frame(error, [*plugins]) or (None, 0, "")
    return _write_place(frame, line) if frame else ""


def _find_frame(error: BaseException, plugins: list[str]) -> tuple[Any, int, str] | None:
    import traceback

    for frame, line in reversed([*traceback.walk_tb(error.__traceback__)]):
        module = f"{frame.f_globals.get('__name__')}."
        if plugin := next((name for name in plugins if module.startswith(f"{name}.")), None):
            return frame, line, plugin
    return None


def _write_place(frame: Any, line: int) -> str:
    function = frame.f_code.co_qualname.replace("<locals>.", "")
    return f"{frame.f_code.co_filename}, line {line}{'' if function == '<module>' else f', in {function}'}"


def describe(error: BaseException, plugins: Iterable[str]) -> str:
    """Name an exception in one line, and the place in a plugin that it comes from, if it does."""
    place = find_place(error, plugins)
    return f"{unforeseen(error)}{f' ({place})' if place else ''}"


def unforeseen(error: BaseException) -> str:
    """Name an exception in one line."""
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}{f': {first}' if first else ''}"
