"""Answer questions by a trained reader of sentences and the written rules of `stories/rules.py`.

Usage: python reason.py RUN [--supporting 1] [--examples 1000] [--facts 25 25]
"""

from __future__ import annotations

import argparse

import rnnexp as rx
from rnnexp import registry

PLUGINS = ["stories"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="run of experiment=sentences, or its folder")
    parser.add_argument("--supporting", type=int, choices=(1, 2), default=1)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--facts", type=int, nargs=2)
    parser.add_argument("--seed", type=int, default=1, help="of the stories; 0 are those of the experiments")
    asked = parser.parse_args()
    registry.load_plugins(PLUGINS)
    from stories.generate import draw_stories
    from stories.neuro_symbolic import score

    facts = tuple(asked.facts or ((2, 10) if asked.supporting == 1 else (4, 13)))
    stories = draw_stories(asked.supporting, asked.examples, facts, asked.seed)
    sentences, answers = score(rx.load(asked.run, plugins=PLUGINS).predict, stories)
    print(f"sentences read right {sentences:.3f}, questions answered right {answers:.3f} of {len(stories)}")


if __name__ == "__main__":
    main()
