"""`rnnexp generate RUN`: let a trained language model write."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from rnnexp.cli import given_run


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "generate",
        help="let a trained language model write",
        description="Write tokens (characters, words, as the run was trained) that follow a prompt. The same seed "
        "writes the same text.",
        epilog="example: rnnexp generate lstm-u512-lr2e-3-a1b2 --prompt 'ROMEO:' --temperature 0.8 --length 400",
    )
    given_run.add_arguments(parser)
    parser.add_argument("--prompt", metavar="TEXT", help="what to go on from; default: the beginning of a line")
    parser.add_argument("--length", type=_number(int, 1, 1_000_000), default=500, metavar="N", help="tokens to write")
    parser.add_argument(
        "--temperature",
        type=_number(float, 0, 100),
        default=1.0,
        metavar="T",
        help="below 1 the likely becomes likelier; 0 takes the likeliest token each time; default 1",
    )
    parser.add_argument("--top-k", type=_number(int, 1, 10**9), metavar="K", help="draw from the K likeliest tokens")
    parser.add_argument(
        "--top-p",
        type=_number(float, 1e-9, 1),
        metavar="P",
        help="draw from the fewest tokens whose probabilities add up to P",
    )
    parser.add_argument("--seed", type=_number(int, 0, 2**63), default=0, metavar="N", help="of the drawing; default 0")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="write into a file")


def _number(kind: Callable[[str], float], least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise ArgumentTypeError(f"`{text}` is not a number from {least:g} to {most:g}")
        return value

    return parse


def run(args: Namespace) -> int:
    from rnnexp.data.texts.vocabulary import PADDING, UNKNOWN
    from rnnexp.deploy.language import Wish, generate
    from rnnexp.deploy.trained import trained
    from rnnexp.models.writing import Sampling

    sampling = Sampling(args.temperature, args.top_k, args.top_p, args.seed, (PADDING, UNKNOWN))
    with TemporaryDirectory() as scratch:
        found = trained(given_run.asked(args, "generate"), Path(scratch))
        text = generate(found, Wish(args.length, args.prompt, sampling))
    if args.out:
        args.out.write_text(f"{text}\n", encoding="utf-8")
        print(f"{args.out}: {args.length} tokens written by {found.called}", file=sys.stderr)
    else:
        print(text)
    return 0
