"""Many rows, from mapped files and from memory: anonymous memory, and steps per second, in turn.

python -m tests.benchmarks.large --rows 10_000_000 --folder /tmp/large

Runs are tracked and draw their pictures. The first one compiles the program, those after it read it from the cache.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from time import sleep

import numpy as np

FILES = 10
LINE = "RssAnon:"
# Holds all in memory where its first word says so, and says how fast its faster epoch was.
PROGRAM = """
import sys
import rnnexp as rx
from rnnexp.data import large
from rnnexp.data.tables import mapped
if sys.argv[1] == "memory":
    mapped.read_mapped = lambda *_: None
    large.make_cache_folder = lambda: None
rows = rx.run(*sys.argv[2:]).history.epochs
print("TOLD", max(row["time/samples_per_s"] for row in rows), rows[-1]["train/loss"], flush=True)
"""


def write_parts(folder: Path, rows: int) -> Path:
    """Write a wave with noise in ten Parquet files, unless they are there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts, random = folder / f"parts-{rows}", np.random.default_rng(0)
    parts.mkdir(parents=True, exist_ok=True)
    for part, row in enumerate(np.array_split(np.arange(rows), FILES)):
        file = parts / f"{part:02}.parquet"
        if not file.exists():
            time = row.astype("datetime64[s]").astype("datetime64[ns]")
            values = np.sin(row * 2 * np.pi / 96) + random.normal(size=len(row)) / 5 + 5
            pq.write_table(pa.table({"time": time, "y": values}), file, row_group_size=100_000)
    return parts


def watch(way: str, words: list[str], folder: Path) -> tuple[float, float, str]:
    """Train in a process; return its highest anonymous memory in MB, samples per second, and its last loss."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    command = [sys.executable, "-c", PROGRAM, way, *words]
    with (folder / "output.txt").open("w+") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        most = 0.0
        while process.poll() is None:
            most = max(most, read_anonymous(process.pid))
            sleep(0.05)
        output.seek(0)
        text = output.read()
    told = [line.split() for line in text.splitlines() if line.startswith("TOLD")]
    if not told:
        raise RuntimeError(text[-2000:])
    return most, float(told[0][1]), told[0][2]


def read_anonymous(process: int) -> float:
    """Return the memory of a process that is no file, in MB; 0 where it has ended."""
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    found = [line.split()[1] for line in text.splitlines() if line.startswith(LINE)]
    return int(found[0]) / 1024 if found else 0.0


def main() -> None:
    """Print a line for each run, and the ratio."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=10_000_000)
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--repeat", type=int, default=3)
    options.add_argument("--batch", type=int, default=4096)
    given = options.parse_args()
    parts = write_parts(given.folder, given.rows)
    words = ["data=csv", f"data.path={parts}", "data.time=time", "data.target=y", "data.season=96", "model.units=[8]"]
    words += ["trainer.epochs=2", f"trainer.batch_size={given.batch}", "tracking.uri=sqlite:///mlflow.db"]
    speeds: dict[str, list[float]] = {"file": [], "memory": []}
    for _ in range(given.repeat):
        for way, found in speeds.items():
            most, speed, loss = watch(way, words, given.folder)
            found.append(speed / given.batch)
            print(f"{way:8} RssAnon {most:7.0f} MB  {found[-1]:8.1f} steps/s  loss {loss}", flush=True)
    ratios = np.divide(speeds["file"], speeds["memory"])
    print(f"steps per second, file to memory: {np.median(ratios):.3f} ({ratios.min():.3f} to {ratios.max():.3f})")


if __name__ == "__main__":
    main()
