"""Measure `rnnexp serve`: `python -m tests.deploy.serve_load [SECONDS]`, 16 clients on this machine."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

CLIENTS = 16
TRAIN = ("data.target=sales", "data.sequence_length=6", "data.horizon=2", "model=gru", "model.units=[8]")


def main(seconds: float) -> None:
    """Train, serve, ask, and print what was seen."""
    with TemporaryDirectory() as scratch:
        os.chdir(scratch)
        level = 50 + 10 * np.sin(np.arange(120) * np.pi / 6)
        Path("sales.csv").write_text("sales\n" + "\n".join(f"{one:.2f}" for one in level) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "rnnexp"]
        train = [*command, "train", "data=csv", "data.path=sales.csv", *TRAIN, "trainer.epochs=3", "hydra.run.dir=run"]
        subprocess.run(train, check=True, capture_output=True)
        began = time.perf_counter()
        serve = [*command, "serve", "./run", "--port", "0"]
        with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            port = int(re.findall(r"127\.0\.0\.1:(\d+)", process.stdout.readline())[0])
            ready = time.perf_counter() - began
            body = json.dumps({"rows": [{"sales": float(one)} for one in level[:12]]})
            with ThreadPoolExecutor(CLIENTS) as pool:
                found = list(pool.map(lambda _: ask(port, body, time.perf_counter() + seconds), range(CLIENTS)))
            memory = re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text(encoding="ascii"))
            process.terminate()
    times = np.array([one for times, _ in found for one in times])
    print(
        f"ready after {ready:.1f} s; {CLIENTS} clients, {seconds:g} s: {len(times) / seconds:.0f} requests/s, "
        f"p50 {np.quantile(times, 0.5) * 1000:.0f} ms, p99 {np.quantile(times, 0.99) * 1000:.0f} ms, "
        f"{sum(errors for _, errors in found)} errors or other answers, "
        f"{int(memory[0]) / 1024:.0f} MB; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
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
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
