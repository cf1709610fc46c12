"""`rnnexp export RUN [-o FOLDER]`: a trained model for programs without Keras, checked against it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace, _SubParsersAction
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rnnexp.cli import given_run

if TYPE_CHECKING:
    from rnnexp.deploy.export import Exported
    from rnnexp.deploy.quantized import Quantized
    from rnnexp.deploy.trained import Trained

FORMATS = ("onnx", "litert")
QUANTIZE = ("dynamic", "float16")


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "export",
        description="Write a trained model for programs without Keras: model.onnx, preprocessing.json, and where the "
        "preprocessing is simple predict.py, which needs NumPy and ONNX Runtime alone. The answers are compared with "
        "those of Keras on examples of the run's data; nothing is left behind if they differ.",
        epilog="example: rnnexp export lstm-u32-lr1e-3-a1b2 -o forecaster --latency",
    )
    given_run.add_arguments(parser)
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0], help="default: onnx")
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("exported"), metavar="FOLDER", help="to write; default: exported"
    )
    parser.add_argument(
        "--check", type=given_run.read_count, default=64, metavar="N", help="examples to compare; default: 64"
    )
    parser.add_argument("--latency", action="store_true", help="time single answers, preprocessing included")
    parser.add_argument(
        "--stateful",
        action="store_true",
        help="a network that reads one step at a time: the states of its layers are inputs and outputs",
    )
    parser.add_argument("--quantize", choices=QUANTIZE, help="store weights in 8 or 16 bits; compared with float32")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: Namespace) -> int:
    from rnnexp.deploy.trained import trained
    from rnnexp.errors import ConfigError
    from rnnexp.registry import lookup

    if not args.check:
        raise ConfigError("--check: 0 given; a model that was not compared is not written: give 1 or more")
    if args.out.exists():
        raise ConfigError(f"{args.out}: is there already; give another folder with -o, or remove it")
    if args.stateful and args.format != "onnx":
        raise ConfigError("--stateful: goes with --format onnx alone")
    wanted = {"step_by_step": args.stateful, "quantize": args.quantize}
    chosen = lookup("exporter", args.format)(**{key: value for key, value in wanted.items() if value})
    chosen.require_packages()
    with TemporaryDirectory() as scratch:
        found = trained(given_run.asked(args, "export"), Path(scratch))
        from rnnexp.deploy.export import export  # with NumPy: a run that is not there is said without

        _say(args, found, export(found, args.out, chosen, args.check, args.latency))
    return 0


def _say(args: Namespace, found: Trained, done: Exported) -> None:
    if args.json:
        print(json.dumps({"run": found.called, **asdict(done), "folder": str(done.folder)}, indent=2))
        return
    files = ", ".join(f"{name} ({size / 1000:.1f} kB)" for name, size in done.files.items())
    print(f"{done.folder}: {files}\n")
    print("batch  largest difference from Keras  share of what is allowed")
    for one in done.parity:
        print(f"{one.batch:>5}  {one.difference:>29.1e}  {one.share:>24.1%}")
    if done.quantized:
        _say_quantized(done.quantized)
    if done.latency:
        print("\none answer: " + ", ".join(f"{name} {value:.0f} us" for name, value in done.latency.items()))
    for note in done.notes:
        print(f"note: {note}", file=sys.stderr)


def _say_quantized(found: Quantized) -> None:
    from rnnexp.errors import count

    print("\nweights        size  largest difference  one call: p50     p99")
    for one in found.stored:
        size = f"{one.size / 1000:,.1f} kB"
        print(f"{one.weights:<8} {size:>10}  {one.difference:>18.1e}  {one.p50:>10.0f} us {one.p99:>4.0f} us")
    total = found.fewer + found.kept
    rest = f"; in float32: {count(found.kept_arrays, 'array')}, of {found.largest_kept:,} numbers at most"
    told = f"{found.fewer:,} of {total:,} weights ({found.fewer / total:.1%}) are stored in fewer bits"
    print(f"{told}{rest if found.kept else ''}")
