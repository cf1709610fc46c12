"""`python -m tests.kills --times 20 --seed 0` kills `rnnexp train` at random moments: exit code 1 if it ends otherwise.

Each command is typed again until it has been killed so often, and must then end with the bits of one that nobody
killed, as one run, with each step once. `--combinations` tries twelve experiments, two kills each.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rnnexp.errors import ConfigError
from tests.kills.combinations import ROWS, words_of, write_data
from tests.kills.command import DELAYS_S, MOMENTS, Command, Left

PER_COMMAND = 3  # kills
USUAL = (ROWS[0], ROWS[3])  # one of each engine
TRAINED = ("checkpoint", "evaluation")  # the moments of a command of which something can be lost


def end(folder: Path, words: tuple[str, ...]) -> Left:
    """Let a command end that nobody kills; return what it leaves."""
    write_data(folder)
    command = Command(folder, words)
    command.finish()
    return command.left()


def kill_in_time(folder: Path, words: tuple[str, ...], moments: Sequence[str], draw: random.Random) -> Command:
    """Kill a command at each of these moments; anew and sooner where its run had come to its end before.

    Raises RuntimeError where it always has: nothing is known of it then.
    """
    for delay in DELAYS_S:
        command = Command(folder / f"killed-{delay}", words)
        write_data(command.folder)
        missed = next((moment for moment in moments if not _strike(command, moment, draw, delay)), None)
        if missed is None:
            return command
    raise RuntimeError(f"comes to its end before it can be killed at {missed}; give it more to do")


def _strike(command: Command, moment: str, draw: random.Random, delay: float) -> bool:
    """Kill a command at a moment, and say where that leaves it."""
    in_time = command.kill(moment, draw, delay)
    print(f"killed at {moment}: {command.verify()}" if in_time else f"ended before {moment}: once more", flush=True)
    return in_time


def try_out(folder: Path, words: tuple[str, ...], moments: Sequence[str], draw: random.Random) -> list[str]:
    """Kill a command at each of these moments, let it end, and say what is otherwise than without."""
    try:
        command = kill_in_time(folder, words, moments, draw)
        command.finish()
        left = command.left()
        return [*left.flaws(), *(f"other {what}" for what in left.differs(end(folder / "whole", words)))]
    except (ConfigError, RuntimeError) as error:
        return [str(error)]


def deal(times: int, draw: random.Random) -> list[list[str]]:
    """Share out the kills: of all moments, in the order of a command's life, before any comes again."""
    dealt: list[str] = []
    while len(dealt) < times:
        dealt += draw.sample([*MOMENTS], len(MOMENTS))
    groups = [dealt[start : min(start + PER_COMMAND, times)] for start in range(0, times, PER_COMMAND)]
    return [sorted(group, key=[*MOMENTS].index) for group in groups]


def run(times: int, seed: int, folder: Path) -> list[str]:
    """Kill so often; return what went wrong."""
    draw, wrong = random.Random(seed), list[str]()
    for number, moments in enumerate(deal(times, draw)):
        row = USUAL[number % len(USUAL)]
        print(f"{number}: {', '.join(row)}", flush=True)
        wrong += [f"{number}: {what}" for what in try_out(folder / str(number), words_of(row), moments, draw)]
    return wrong


def combine(seed: int, folder: Path) -> list[str]:
    """Kill each of the twelve twice; return what went wrong."""
    wrong = list[str]()
    for number, row in enumerate(ROWS):
        print(f"{number}: {', '.join(row)}", flush=True)
        found = try_out(folder / str(number), words_of(row), TRAINED, random.Random(seed + number))
        print(*(found or ["ended with the same bits, as one run"]), sep="\n", flush=True)
        wrong += [f"{', '.join(row)}: {what}" for what in found]
    return wrong


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="kills altogether; default: 20")
    parser.add_argument("--seed", type=int, default=0, help="of the moments; default: 0")
    parser.add_argument("--combinations", action="store_true", help="kill each of the twelve experiments instead")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="rnnexp-kills-") as folder:
        wrong = combine(args.seed, Path(folder)) if args.combinations else run(args.times, args.seed, Path(folder))
    print("\n".join(wrong) or f"seed {args.seed}: every command ended with the same bits, as one run")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
