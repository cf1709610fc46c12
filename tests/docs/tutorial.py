"""A tutorial as a program: its files are written, its commands run, what they print is compared.

A page has these blocks. `python`, `yaml` and `csv` whose first line is a comment with a name, such as `# shop.py`, are
files. `bash` is a script that is run; RUN in it stands for the run that was trained last. `text` shows lines of the
output of the script before it; `...` stands for lines that are left out. Any other block is not run. A picture after
a comment `<!-- FILE -->` is a copy of that file.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "tutorials"
TUTORIALS = [page for page in sorted(FOLDER.glob("*.md")) if "\n```bash\n" in page.read_text(encoding="utf-8")]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
PICTURE = re.compile(r"<!-- (\S+\.png) -->\n!\[[^\]]*\]\(([^)]+)\)")
NUMBER = re.compile(r"[-+]?\d+(?:,\d{3}(?!\d))*(?:\.\d+)?(?:e[-+]?\d+)?")
# What a processor that adds in another order may change: a share of a figure, or two units of its third decimal.
SHARE, LEAST = 0.1, 0.002
# The arithmetic is a reader's but for last digits: a training takes as long, its program is compiled in half the time.
QUICKLY = "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
# Lines that no two runs have alike: times, ids, folders, progress.
VOLATILE = re.compile(
    r"^\s*(folder|run|use|next|weights|epoch|backend|left out|jobs?|estimate)\b|\d s\b|\bleft$|^\d\d:\d\d"
)


class Step(NamedTuple):
    """A script and the lines of its output that the page shows, with where these stand in the page."""

    script: str
    shown: str
    place: tuple[int, int]


def read_files(page: str) -> dict[str, str]:
    """Return the files whose contents a page shows."""
    files = {}
    for kind, content in BLOCK.findall(page):
        named = re.match(r"# (\S+\.\w+)\b", content)
        if kind in ("python", "yaml") and named:
            files[named[1]] = content
    return files


def read_steps(page: str) -> list[Step]:
    """Return the scripts of a page in order."""
    blocks = [(found[1], found[2], found.span(2)) for found in BLOCK.finditer(page)]
    steps = []
    for (kind, content, _), (then, shown, place) in zip(blocks, [*blocks[1:], ("", "", (0, 0))], strict=True):
        if kind == "bash":
            steps.append(Step(content, shown if then == "text" else "", place))
    return steps


def run(script: str, folder: Path, trained: str) -> str:
    """Run a script as a reader would and return what it prints."""
    environ = os.environ | {"XLA_FLAGS": QUICKLY}
    script = re.sub(r"\bRUN\b", trained, script)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.stdout


def run_page(text: str, folder: Path) -> Iterator[tuple[Step, str]]:
    """Write the files of a page and run its scripts one after the other; give each with what it prints."""
    for name, content in read_files(text).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    trained = "RUN"
    for step in read_steps(text):
        printed = run(step.script, folder, trained)
        trained = (re.findall(r"^  run +([0-9a-f]{32})", printed, re.M) or [trained])[-1]
        yield step, printed


def is_like(shown: str, printed: str) -> bool:
    """Say whether two lines have the same words, and numbers that differ by no more than processors do."""
    words = [[re.sub(r"\s+", " ", part) for part in NUMBER.split(line.strip())] for line in (shown, printed)]
    numbers = [[float(one.replace(",", "")) for one in NUMBER.findall(line)] for line in (shown, printed)]
    return words[0] == words[1] and all(
        math.isclose(one, other, rel_tol=SHARE, abs_tol=LEAST) for one, other in zip(*numbers, strict=True)
    )


def match(shown: str, printed: str) -> dict[str, str | None]:
    """Return each line that a page shows with the printed line that is like it, if there is one, in order."""
    lines, found = printed.splitlines(), {}
    for line in shown.splitlines():
        if not line.strip() or line.strip() == "...":
            continue
        place = next((n for n, one in enumerate(lines) if is_like(line, one)), None)
        found[line] = None if place is None else lines[place]
        lines = lines if place is None else lines[place + 1 :]
    return found


def find_missing(shown: str, printed: str) -> list[str]:
    """Return the lines that a page shows and the program does not print."""
    return [line for line, other in match(shown, printed).items() if other is None]


def keep_steady(printed: str) -> str:
    """Return what was printed without lines that no two runs have alike."""
    return "".join(f"{line.rstrip()}\n" for line in printed.splitlines() if not VOLATILE.search(line))
