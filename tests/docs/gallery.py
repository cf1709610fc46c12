"""The page docs/gallery.md, made from the headers of the experiments: `python -m tests.docs.gallery` writes it anew.

`python -m tests.docs.gallery NAME ...` trains experiments first, and copies the picture that the page shows of each.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.docs.pictures import shrink

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "gallery.md"
# Which of the figures of a run is copied, as it is with the first seed.
FIGURES = {
    "airline_winner": "prediction.png",
    "mackey_glass": "prediction.png",
    "ramp_sgd": "prediction.png",
    "random_stacked_simple_rnn": "prediction.png",
}
# Three that other pages have, too, and which `python -m tests.docs.pictures` makes or copies.
PICTURES = {name: f"gallery/{name}.png" for name in FIGURES} | {
    "airline_lstm": "prediction.png",
    "long_memory": "memory.png",
    "reverse_digits": "tutorials/pictures/translation.png",
}
GROUPS = {
    "Series that are shipped or drawn": (
        "airline_passengers",
        "mackey_glass",
        "sine",
        "ramp",
        "random",
        "share_price",
        "weather",
    ),
    "Series from files": ("csv", "m4"),
    "Sensors": ("sensors",),
    "Sequences with a label or a number": ("ts", "npz", "sequence_folder", "sequence_table", "frames", "moving_digits"),
    "Drawn puzzles of memory": ("adding", "associative_recall", "selective_copying"),
    "Sound": ("audio_folder", "audio_strings"),
    "Texts": ("text_lines", "text_table", "text_files", "text_tags"),
    "Texts that are written": ("corpus", "reverse_digits", "text_pairs"),
    "Several inputs": ("text_and_pulse", "multi_input_table"),
}
INTRODUCTION = """# Gallery of the experiments

Each experiment is one YAML file with a question. The command below it trains it, the result is what was measured with
it. Experiments with `data.root=FOLDER` need data that you get yourself; their file says where from. The others run as
they are. `rnnexp show experiment=NAME` prints all settings of one.

(Made from the headers of the files by `python -m tests.docs.gallery`.)
"""


class Header(NamedTuple):
    """What the header of an experiment says."""

    question: str
    time: str
    result: str
    command: str


def read_header(text: str) -> Header:
    """Read the comments above the settings: a question, then paragraphs that begin with their name."""
    lines = [line.removeprefix("#").strip() for line in text.partition("# @package")[0].splitlines()]
    parts: dict[str, list[str]] = {"": []}
    for line in [line for line in lines if not line.startswith("yaml-language-server")]:
        named = re.match(r"(Command|Time|Result|How it was chosen)\b:? ?", line)
        parts.setdefault(named[1], []).append(line[named.end() :]) if named else [*parts.values()][-1].append(line)
    command = parts["Command"][0]  # further ones are in the file
    return Header(*(" ".join(parts.get(key, ())).lstrip(", ") for key in ("", "Time", "Result")), command)


def read_source(text: str) -> str:
    """Return the data that an experiment chooses, itself or by the one that it begins with."""
    if chosen := re.search(r"override /data: (\w+)", text):
        return chosen[1]
    base = re.search(r"^  - (\w+)$", text, re.M)
    return read_source((ROOT / "experiments" / f"{base[1]}.yaml").read_text(encoding="utf-8")) if base else "sine"


def write_entry(name: str, text: str) -> str:
    """Return the section of an experiment."""
    header = read_header(text)
    command, _, remark = header.command.partition("   (")
    lines = [
        f"### [{name}](../experiments/{name}.yaml)",
        "",
        header.question,
        "",
        "```",
        *command.split("; then "),
        "```",
        "",
    ]
    lines += [f"({remark.partition(')')[0]})\n"] if remark else []
    lines += [f"*{key}*: {value}\n" for key, value in (("Time", header.time), ("Result", header.result)) if value]
    lines += [f"![A picture of a run of {name}]({PICTURES[name]})\n"] if name in PICTURES else []
    return "\n".join(lines)


def make_page() -> str:
    """Return the page."""
    texts = {file.stem: file.read_text(encoding="utf-8") for file in sorted((ROOT / "experiments").glob("*.yaml"))}
    sections = []
    for title, sources in GROUPS.items():
        entries = [write_entry(name, text) for name, text in texts.items() if read_source(text) in sources]
        sections += [f"## {title}\n", *entries]
    return "\n".join([INTRODUCTION, *sections])


def copy_figure(name: str) -> None:
    """Train an experiment and copy its figure."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["rnnexp", "train", f"experiment={name}", "tracking=off"], cwd=folder, check=True)
        (figure,) = Path(folder).glob(f"runs/**/figures/{FIGURES[name]}")
        (PAGE.parent / PICTURES[name]).parent.mkdir(exist_ok=True)
        shrink(figure, PAGE.parent / PICTURES[name], colors=96)


if __name__ == "__main__":
    for chosen in sys.argv[1:]:
        copy_figure(chosen)
    PAGE.write_text(make_page(), encoding="utf-8")
