"""`rnnexp serve RUN`: a trained model that answers over HTTP."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _SubParsersAction
from pathlib import Path
from tempfile import TemporaryDirectory

from rnnexp.cli import given_run

ENGINES = ("auto", "onnxruntime", "keras")
HOST, PORT = "127.0.0.1", 8000


def add_parser(subparsers: _SubParsersAction[ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "serve",
        description="Answer requests with a trained run, or with a model of MLflow's registry (models:/NAME@ALIAS), "
        "until Ctrl-C or SIGTERM. POST /predict takes rows as JSON or CSV, GET / shows an example. Only programs of "
        "this machine are answered, unless --host says otherwise: there is no password.",
        epilog="example: rnnexp serve models:/demand@champion --port 8000",
    )
    given_run.add_arguments(parser)
    parser.add_argument("--host", default=HOST, help=f"address to listen at; default: {HOST}, this machine alone")
    parser.add_argument("--port", type=_read_port, default=PORT, help=f"default: {PORT}; 0 for any free one")
    parser.add_argument(
        "--max-mb", type=_read_positive, default=16.0, metavar="N", help="longest body of a request; default: 16"
    )
    parser.add_argument(
        "--timeout", type=_read_positive, default=30.0, metavar="SECONDS", help="longest time to an answer; default: 30"
    )
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="of the network; default: ONNX Runtime, else Keras",
    )


def _read_port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ArgumentTypeError(f"`{text}` is no port; give 1 to 65535, or 0 for any free one")
    return int(text)


def _read_positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise ArgumentTypeError(f"`{text}` given; must be a number above 0")
    return number


def run(args: Namespace) -> int:
    from rnnexp.deploy.trained import trained

    with TemporaryDirectory() as scratch:
        found = trained(given_run.asked(args, "serve"), Path(scratch))
        from rnnexp.deploy.served_model import load_served
        from rnnexp.deploy.server import LOOPBACK, Limits, open_port, serve

        listener = open_port(args.host, args.port)
        model = load_served(found, Path(scratch), args.engine)
        reason = f": {model.why}" if model.why else ""
        print(f"the network is computed by {model.engine}{reason}", file=sys.stderr)
        host, port = listener.getsockname()[:2]
        where = f"http://{f'[{host}]' if ':' in host else host}:{port}"

        def say_ready() -> None:
            print(f"{model.called}: {where}/predict (example: {where}/); Ctrl-C ends it", flush=True)

        if host not in LOOPBACK:
            print("note: every machine that reaches this one may ask; there is no password", file=sys.stderr)
        serve(model, Limits(int(args.max_mb * 2**20), args.timeout), listener, say_ready)
    print("stopped", file=sys.stderr)
    return 0
