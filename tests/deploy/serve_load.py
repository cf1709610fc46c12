"""Measure `rnnexp serve`: `python -m tests.deploy.serve_load [SECONDS [ENGINE ...]]`, 16 clients on this machine.

Engines are measured one after the other, each in a server of its own; of several in turn the machine is the same.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

CLIENTS = 16
COMMAND = (sys.executable, "-m", "rnnexp")
TRAIN = ("data.target=sales", "data.sequence_length=6", "data.horizon=2", "model=gru", "model.units=[8]")


def main(seconds: float, engines: Sequence[str]) -> None:
    """Train once, measure each engine, and print what was seen."""
    with TemporaryDirectory() as scratch:
        os.chdir(scratch)
        os.environ["XDG_CACHE_HOME"] = scratch  # the first server of ONNX Runtime has to export
        level = 50 + 10 * np.sin(np.arange(120) * np.pi / 6)
        Path("sales.csv").write_text("sales\n" + "\n".join(f"{one:.2f}" for one in level) + "\n", encoding="utf-8")
        train = [*COMMAND, "train", "data=csv", "data.path=sales.csv", *TRAIN, "trainer.epochs=3", "hydra.run.dir=run"]
        subprocess.run(train, check=True, capture_output=True)
        body = json.dumps({"rows": [{"sales": float(one)} for one in level[:12]]})
        for engine in engines:
            measure(engine, body, seconds)


def measure(engine: str, body: str, seconds: float) -> None:
    """Start a server, ask it, and print one line."""
    began = time.perf_counter()
    serve = [*COMMAND, "serve", "./run", "--port", "0", "--engine", engine]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        port = int(re.findall(r"127\.0\.0\.1:(\d+)", process.stdout.readline())[0])
        ready = time.perf_counter() - began
        with ThreadPoolExecutor(CLIENTS) as pool:
            found = list(pool.map(lambda _: ask(port, body, time.perf_counter() + seconds), range(CLIENTS)))
        memory = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text(encoding="ascii"))
        process.terminate()
    times = np.array([one for times, _ in found for one in times])
    print(
        f"{engine}: ready after {ready:.1f} s; {CLIENTS} clients, {seconds:g} s: "
        f"{len(times) / seconds:.0f} requests/s, "
        f"p50 {np.quantile(times, 0.5) * 1000:.0f} ms, p99 {np.quantile(times, 0.99) * 1000:.0f} ms, "
        f"{sum(errors for _, errors in found)} errors or other answers, "
        f"{int(memory[0]) / 1024:.0f} MB; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        flush=True,
    )


def ask(port: int, body: str, end: float) -> tuple[list[float], int]:
    """Ask one request after the other until the end; return how long each took, and how many failed."""
    connection, times, errors, first = http.client.HTTPConnection("127.0.0.1", port), list[float](), 0, b""
    while (began := time.perf_counter()) < end:
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
        first = first or text
        errors += reply.status != 200 or text != first
        times.append(time.perf_counter() - began)
    return times, errors


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, sys.argv[2:] or ["auto"])
