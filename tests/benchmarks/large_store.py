"""Seconds that the commands over runs take in a store of 3,000, beyond what the same command takes over 60.

    python -m tests.benchmarks.large_store

Processor time is measured, so that another program matters little. Each command runs in a process of its own, over the
small store first, which pays for what is imported. Exit code 1 if one takes longer than it may.
"""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.large_store import NAME, make_large_store

FEW = 60
SECONDS = {
    "runs": 1.0,
    "runs --filter metrics.test/rmse<0.3": 1.0,
    "results": 2.0,
    "compare": 2.0,
    "compare metrics.test/rmse<0.3": 2.0,
    f"best {NAME}": 2.0,
    f"report {NAME}": 4.0,
}
MEASURED = """
import io, json, os, sys
from contextlib import redirect_stdout
from rnnexp.cli.main import main

words, *folders = json.loads(sys.argv[1])
sys.argv[:] = ["rnnexp", *words]
for folder in folders:
    os.chdir(folder)
    before = os.times()
    with redirect_stdout(io.StringIO()):
        code = main(words)
    after = os.times()
    print(code, after.user + after.system - before.user - before.system)
"""


def measure(command: str, *folders: Path) -> list[float]:
    """Return the processor seconds of a command in each folder, one after the other in one process."""
    asked = json.dumps([command.split(), *map(str, folders)])
    done = subprocess.run([sys.executable, "-c", MEASURED, asked], capture_output=True, text=True, check=True)
    codes, seconds = zip(*(line.split() for line in done.stdout.splitlines()))
    if any(code != "0" for code in codes):
        raise SystemExit(f"rnnexp {command}: exit codes {codes}\n{done.stderr}")
    return [float(each) for each in seconds]


def main() -> int:
    parser = ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=3000)
    parser.add_argument("--epochs", type=int, default=50)
    args = parser.parse_args()
    print(f"| rnnexp ... over {args.runs:,} runs | s | may take |\n|---|---|---|")
    slow = []
    with TemporaryDirectory() as work:
        small, large = Path(work, "small"), Path(work, "large")
        for folder, runs in ((small, FEW), (large, args.runs)):
            folder.mkdir()
            make_large_store(folder, runs, args.epochs)
        for command, limit in SECONDS.items():
            _, seconds = measure(command, small, large)
            print(f"| `{command}` | {seconds:.2f} | {limit:g} |", flush=True)
            slow += [command] if seconds > limit else []
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
