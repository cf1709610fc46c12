"""Names that become folders and files: what may be one, and how a long one is shortened."""

from __future__ import annotations

import hashlib
import re

from rnnexp.redact import redact

LONGEST = 200  # bytes; file systems take 255 for one part of a path, and a time or an ending follows
RULE = (
    "a name becomes a folder below runs/: letters, digits, blanks, `_`, `-` and `.`, in parts joined by `/` that do "
    "not begin with `.` or `~`"
)
PLAIN = "must be a plain name without `/`"
SECRET = "holds a password or a token, which would stand in paths and logs; choose another name"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)


def name_problem(name: str, *, parts: bool = True) -> str | None:
    """Say why a name cannot become a folder, None if it can; `parts`: whether `/` may make folders within."""
    what = label_problem(name) or _wrong(name, parts)
    if what is None or what is SECRET:
        return what
    shown = repr(name[:80])
    return f"{shown} given: {what}; {RULE}" if parts else f"`{shown[1:-1]}` given; {PLAIN}: {what}"


def label_problem(label: str) -> str | None:
    """Say why a text that is shown everywhere, and may become part of a path, cannot be one; None if it can."""
    if redact(label) != label:
        return SECRET
    return "there are control characters in it" if _CONTROL.search(label) else None


def _wrong(name: str, parts: bool) -> str | None:
    if "\\" in name or (not parts and "/" in name):
        return f"there is a `{'/' if '/' in name else chr(92)}` in it"
    return next(filter(None, map(_wrong_part, name.split("/"))), None)


def _wrong_part(part: str) -> str | None:
    if not part:
        return "it is empty, or begins or ends with `/`, or has two of them side by side"
    if part.startswith((".", "~")):
        return f"`{part[:40]}` begins with `{part[0]}`"
    if part != part.strip() or part.endswith("."):
        return "a part of it begins or ends with a blank, or ends with `.`"
    return f"`{part[:40]}` is a device's name on Windows" if _DEVICE.match(part) else None


def short_name(name: str, longest: int = LONGEST) -> str:
    """Return a name of at most `longest` bytes; one that is cut ends with a hash of the whole."""
    whole = name.encode()
    if len(whole) <= longest:
        return name
    kept = whole[: longest - 9].decode(errors="ignore").rstrip("/. ")
    return f"{kept}-{hashlib.sha256(whole).hexdigest()[:8]}"
