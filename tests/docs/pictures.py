"""`python -m tests.docs.pictures [PAGE ...]` runs tutorials and copies their pictures.

Lines of output that differ from what a page shows by rounding are written anew; an empty `text` block gets all that is
printed; what is not printed any more is named, and stays for you to mend.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.docs.tutorial import FOLDER, PICTURE, TUTORIALS, keep_steady, match, run_page

WIDTHS, COLORS = (800, 720, 640), 64
MOST_BYTES = 60_000


def shrink(source: Path, target: Path, colors: int = COLORS) -> None:
    """Copy a picture, small enough for a page; thin lines keep their color only among many."""
    for width in WIDTHS:
        with Image.open(source) as opened:
            image = opened.convert("RGB")
        image.thumbnail((width, 2 * width))
        image.quantize(colors).save(target, optimize=True)
        if target.stat().st_size <= MOST_BYTES:
            return


def renew(text: str, folder: Path) -> str:
    """Run a page in a folder; return it with the lines that its commands print today."""
    written, last = [], 0
    for step, printed in run_page(text, folder):
        (folder / "output.log").open("a").write(f"$ {step.script}{printed}\n")
        if not step.place[1] or not (step.shown or text[step.place[0] - 5 : step.place[0]] == "text\n"):
            continue
        lines = match(step.shown, printed)
        for line in [line for line, other in lines.items() if other is None]:
            print(f"not printed: {line}")
        new = "".join(f"{lines.get(line) or line}\n" for line in step.shown.splitlines())
        written += [text[last : step.place[0]], new or keep_steady(printed)]
        last = step.place[1]
    return "".join([*written, text[last:]])


def main(names: list[str]) -> None:
    for page in [page for page in TUTORIALS if not names or page.stem in names]:
        text, place = page.read_text(encoding="utf-8"), Path(tempfile.mkdtemp(prefix=f"{page.stem}-"))
        print(f"{page.stem}: {place} (output.log, runs)")
        page.write_text(renew(text, place), encoding="utf-8")
        for source, target in PICTURE.findall(text):
            newest = sorted(place.glob(source), key=lambda file: file.stat().st_mtime)
            if newest:
                shrink(newest[-1], FOLDER / target)
            else:
                print(f"no picture {source}")


if __name__ == "__main__":
    main(sys.argv[1:])
