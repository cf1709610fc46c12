"""Everything that only a GPU can tell, within eight minutes: `python -m tests.gpu --out figures.json`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from . import parity, speed
from .processes import Clock, run_together

HERE = Path(__file__).parent
LIMIT = 450.0  # s
PARTS = ["results", "sweep", "speed"]
BACKENDS = ("jax", "torch", "tensorflow")
NAMED = ("jax", "torch", "tensorflow", "keras", "nvidia-cudnn-cu13", "nvidia-cudnn-cu12")
NO_TF32 = {"JAX_DEFAULT_MATMUL_PRECISION": "highest", "NVIDIA_TF32_OVERRIDE": "0"}


def describe_machine() -> list[str]:
    """Return the GPUs, their driver, and the versions of what computes."""
    versions = []
    for name in NAMED:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    if shutil.which("nvidia-smi") is None:
        return ["no NVIDIA driver", ", ".join(versions)]
    asked = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    listed = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    return [*listed.stdout.strip().splitlines(), ", ".join(versions)]


def check_results(backends: list[str], device: str, folder: Path, clock: Clock) -> Iterator[tuple[str, list[dict]]]:
    """Yield parity with the CPU and what the report on kernels is worth; all of it runs at the same time."""
    arms = {"cpu": ("cpu", {}), "exact": (device, NO_TF32), "default": (device, {})}
    commands, extra = {}, {}
    for backend in backends:
        for arm, (where, variables) in arms.items():
            name = f"{backend}-{arm}"
            commands[name] = [str(HERE / "parity.py"), backend, where, str(folder / name)]
            extra[name] = variables
        if backend != "tensorflow":
            commands[f"{backend}-kernels"] = [str(HERE / "kernels.py"), backend]
            extra[f"{backend}-kernels"] = {
                "KERAS_BACKEND": backend,
                **({"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}),
            }
    ended = run_together(commands, folder, clock, extra)
    for backend in backends:
        expected = parity.read_all(folder / f"{backend}-cpu")
        for arm in ("exact", "default"):
            found = parity.read_all(folder / f"{backend}-{arm}")
            yield f"{backend}: CPU against GPU, {arm} products", parity.compare(expected, found, arm == "exact")
        if backend != "tensorflow":
            done = ended[f"{backend}-kernels"]
            rows = [json.loads(line) for line in done.output.splitlines() if line.startswith('{"case"')]
            rows += [{"case": "all combinations", "passed": False, "found": done.error}] if done.error else []
            yield f"{backend}: report on kernels", rows


def check_all(device: str, quick: bool, only: list[str], folder: Path) -> Iterator[tuple[str, list[dict]]]:
    clock = Clock(LIMIT)
    backends = [name for name in BACKENDS if importlib.util.find_spec(name)]
    missing = [{"case": name, "passed": True, "found": "not tried"} for name in BACKENDS if name not in backends]
    if missing:
        yield "Not installed here", missing
    if "results" in only:
        yield from check_results(backends, device, folder / "results", clock)
    members, epochs = (3, 3) if quick else (256, 100)
    if "jax" in backends and "sweep" in only:
        yield "Sweep, JAX", [speed.compare_sweep(members, epochs, device, folder / "sweep", clock)]
    shapes = (speed.QUICK if quick else speed.SHAPES) if "speed" in only else ()
    measured = [backend for backend in backends if backend != "tensorflow"]
    for number, shape in enumerate(shapes):
        rates = speed.compare_rates(shape, measured, device, folder / f"speed{number}", clock)
        yield "Training steps per second", [rates]


def print_section(title: str, rows: list[dict]) -> None:
    """Print a row each; of many that say the same only how many they are."""
    print(f"\n{title}", flush=True)
    counts = Counter((row["passed"], row["found"]) for row in rows)
    for row in rows:
        same = counts[row["passed"], row["found"]]
        if not row["passed"] or same <= 3:
            print(f"  {'ok  ' if row['passed'] else 'FAIL'} {row['case']}: {row['found']}", flush=True)
        elif row is next(other for other in rows if other["found"] == row["found"] and other["passed"]):
            print(f"  ok   {same} cases: {row['found']}", flush=True)


def main() -> int:
    """Run all checks, print them as they end, and write them; 1 if one has failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("gpu.json"), help="where all figures are written")
    parser.add_argument("--device", choices=["gpu", "cpu"], default="gpu", help="cpu: to see that everything runs")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, whose speeds mean nothing")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="some of the checks")
    given = parser.parse_args()
    machine, sections = describe_machine(), list[dict]()
    print("\n".join(machine), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for title, rows in check_all(given.device, given.quick, given.only, Path(folder)):
            print_section(title, rows)
            sections.append({"title": title, "rows": rows})
            given.out.write_text(json.dumps({"machine": machine, "sections": sections}, indent=1))
    return int(not all(row["passed"] for section in sections for row in section["rows"]))


if __name__ == "__main__":
    raise SystemExit(main())
