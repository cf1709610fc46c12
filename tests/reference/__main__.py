"""`python -m tests.reference`: writes the pages of docs/reference anew, or those that are named."""

from __future__ import annotations

import sys

from tests.reference.markdown import FOLDER
from tests.reference.pages import PAGES

if __name__ == "__main__":
    for name in sys.argv[1:] or PAGES:
        (FOLDER / name).write_text(PAGES[name](), encoding="utf-8")
