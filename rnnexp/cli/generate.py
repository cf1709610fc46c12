"""`rnnexp generate RUN`: let a trained language model write."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError, Namespace, _SubParsersAction
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rnnexp.cli import given_run


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "generate",
        help="generate text with a trained language model",
        description="Generate tokens (characters or words, as in training) that continue a prompt. The same seed gives "
        "the same text.",
        epilog="example: rnnexp generate lstm-u512-lr2e-3-a1b2 --prompt 'ROMEO:' --temperature 0.8 --length 400",
    )
    given_run.add_arguments(parser)
    parser.add_argument("--prompt", metavar="TEXT", help="text to continue; default: the beginning of a line")
    parser.add_argument("--length", type=_within("length"), default=500, metavar="N", help="tokens to write")
    parser.add_argument(
        "--temperature",
        type=_within("temperature"),
        default=1.0,
        metavar="T",
        help="sampling temperature: below 1 favors likely tokens; 0 always takes the most likely one; default 1",
    )
    parser.add_argument("--top-k", type=_within("top_k"), metavar="K", help="sample from the K most likely tokens")
    parser.add_argument(
        "--top-p",
        type=_within("top_p"),
        metavar="P",
        help="sample from the fewest tokens whose probabilities add up to P",
    )
    parser.add_argument("--seed", type=_within("seed"), default=0, metavar="N", help="of the sampling; default 0")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="write into a file")


def _within(key: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        from rnnexp.models.sampling import find_mistakes  # with NumPy, which the help does without

        value: Any = text
        for kind in (float, int):  # the latter where it is one
            with suppress(ValueError):
                value = kind(text)
        if problems := find_mistakes({key: value}):
            raise ArgumentTypeError(problems[0].removeprefix(f"{key}: "))
        return float(value) if key in ("temperature", "top_p") else int(value)

    return parse


def run(args: Namespace) -> int:
    from rnnexp.data.texts.vocabulary import PADDING, UNKNOWN
    from rnnexp.deploy.trained import trained
    from rnnexp.deploy.write import refuse_place, write_text
    from rnnexp.models.sampling import Sampling
    from rnnexp.tasks.requests import GenerateRequest

    if args.out:
        refuse_place(args.out)
    sampling = Sampling(args.temperature, args.top_k, args.top_p, args.seed, (PADDING, UNKNOWN))
    with TemporaryDirectory() as scratch:
        found = trained(given_run.asked(args, "generate"), Path(scratch))
        text = found.task.generate(found, GenerateRequest(args.length, args.prompt, sampling))
    if args.out:
        write_text(text, args.out)
        print(f"{args.out}: {args.length} tokens written by {found.called}", file=sys.stderr)
    else:
        print(text)
    return 0
