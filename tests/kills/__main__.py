"""`python -m tests.kills --times 20 --seed 0` kills trainings at random moments: exit code 1 if one ends otherwise.

Each is started again until it has been killed so often, and must then end with the bits of one that nobody killed.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rnnexp.errors import ConfigError
from rnnexp.training import checkpoint, keeper

ENGINES = ("compiled", "keras")
PER_TRAINING = 3  # kills
ROOT = Path(__file__).parents[2]
MAX_S = 600  # a training that takes longer hangs


def start(folder: Path, engine: str) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen([sys.executable, "-m", "tests.kills.child", str(folder), engine], cwd=ROOT)


def finish(folder: Path, engine: str) -> str:
    """Train to the end, from wherever the folder is; return the digest."""
    if start(folder, engine).wait(MAX_S):
        raise RuntimeError(f"{folder}: the training has failed")
    return (folder / "digest").read_text()


def kill(folder: Path, engine: str, draw: random.Random) -> str:
    """Train on, and kill a moment after the first new checkpoint; return what is found then."""
    before, child = set(states(folder)), start(folder, engine)
    end = time.monotonic() + MAX_S
    while child.poll() is None and set(states(folder)) <= before and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(draw.uniform(0, 0.1))
    child.kill()
    child.wait()
    return describe(folder)


def states(folder: Path) -> list[Path]:
    return checkpoint.list_newest(folder / keeper.FOLDER)


def describe(folder: Path) -> str:
    """Say where the newest checkpoint stands. Raises ConfigError if one that can be seen is not whole."""
    found = [checkpoint.load(path).position for path in states(folder)]
    return f"epoch {found[0].epoch}, step {found[0].step}" if found else "no checkpoint"


def run(times: int, seed: int, folder: Path) -> list[str]:
    """Kill so often; return what went wrong."""
    draw, wrong, left = random.Random(seed), list[str](), times
    expected = {engine: finish(folder / f"whole-{engine}", engine) for engine in ENGINES}
    for number in range(-(-times // PER_TRAINING)):
        engine, own = ENGINES[number % len(ENGINES)], folder / str(number)
        try:
            for _ in range(min(PER_TRAINING, left)):
                left -= 1
                print(f"killed, {engine}: {kill(own, engine, draw)}", flush=True)
            if finish(own, engine) != expected[engine]:
                wrong.append(f"training {number}, {engine}: ends otherwise")
        except (ConfigError, RuntimeError) as error:
            wrong.append(f"training {number}, {engine}: {error}")
    return wrong


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="kills altogether; default: 20")
    parser.add_argument("--seed", type=int, default=0, help="of the moments; default: 0")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="rnnexp-kills-") as folder:
        wrong = run(args.times, args.seed, Path(folder))
    print("\n".join(wrong) or f"{args.times} kills, seed {args.seed}: every training ended with the same bits")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
