"""The command `rnnexp`: the module of a sub-command is imported only when it is called."""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import re
import sys
from argparse import ArgumentParser, Namespace
from typing import Any, NoReturn

from rnnexp.cli import streams
from rnnexp.errors import RnnexpError, did_you_mean

HELP = ("-h", "--help", "help")
SHOW_TRACE = "HYDRA_FULL_ERROR"  # set to 1: tracebacks are printed, too; Hydra's own variable

_SETTING = re.compile(r"data\.[\w.]+=")
DELETED = "; delete runs in the pages of MLflow (`rnnexp ui`), then their files: rnnexp clean --trash"
COMMANDS = {
    "train": "train one network, or with -m a sweep of them",
    "new": "make the folder of a project, with an experiment, a model and its test",
    "init": "look at a CSV file and write an experiment for it",
    "show": "print the composed configuration and where each value comes from",
    "explain": "print type, range, default and meaning of a key",
    "check": "compose and validate every experiment",
    "schema": "print the JSON Schema of the configuration",
    "results": "print the results table of the tracked experiments",
    "runs": "list the latest runs and sweeps",
    "compare": "compare the settings of a sweep, seeds and folds together",
    "diff": "show what differs between two runs",
    "best": "print the best setting of a sweep as an experiment",
    "report": "write a sweep's report, one HTML file",
    "plot": "plot the figures of a run that has none yet",
    "predict": "forecast, classify or score with a trained run",
    "serve": "answer requests over HTTP with a trained run",
    "generate": "generate text with a trained language model",
    "evaluate": "score a trained run on other data",
    "rescore": "compute further metrics of runs that have ended",
    "watch": "look at a sweep again after its terminal is gone",
    "logs": "print the log of a run or a job, or follow it",
    "resume": "resume a run, also for more epochs than it had",
    "reproduce": "train a run again and compare every number that it has logged",
    "export": "write a trained model for programs without Keras, as ONNX",
    "register": "give the model of a run a name and an alias in MLflow's registry",
    "stop": "end a live run or sweep, or take jobs out of one",
    "sync": "complete the tracking store from the folders of runs",
    "pack": "write a run or a sweep into one file, for another machine or store",
    "unpack": "put the runs of such a file into this project and its store",
    "reap": "mark runs that were killed as KILLED in the tracking store",
    "clean": "list failed runs, old checkpoints and the trash, and remove them once you confirm",
    "doctor": "say what works here, what does not, and what is slow, and why",
    "ui": "show the runs in the pages of MLflow",
}

# Modules of several sub-commands; any other is named as its only one.
SHARED = {
    "follow": ("logs", "watch"),
    "settings": ("show", "explain", "schema"),
    "tracked": ("results", "runs", "compare", "diff", "best", "report", "plot"),
}

USAGE = """usage: rnnexp COMMAND [...]

{commands}

Start with `rnnexp train`, then `rnnexp train --help`. `rnnexp COMMAND --help` explains a command."""


class FlagParser(ArgumentParser):
    """Says of a flag that there is not which one may be meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        found, unknown = super().parse_known_args(args, namespace)
        flags = [word.partition("=")[0] for word in unknown if word.startswith("--") and word != "--"]
        if flags:
            self.error(f"there is no flag {flags[0]}{did_you_mean(flags[0], self._option_string_actions)}")
        return found, unknown


def entry() -> NoReturn:
    """Run the command of this process and leave at once.

    Keras, JAX and MLflow leave a million objects: collecting garbage while they are imported, and taking them
    apart at the end, would cost seconds of every run. What asked to be called at exit is called.
    """
    gc.set_threshold(200_000)
    streams.guard()
    try:
        code = main()
    except SystemExit as stop:  # argparse has said why
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    if {"-m", "--multirun"} & set(sys.argv) and "rnnexp.sweeps.sweep" not in sys.modules:
        sys.exit(code)  # a launcher of Hydra's ends its workers on the ordinary way out
    atexit._run_exitfuncs()
    os._exit(streams.finish(code))


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; whatever goes wrong is said without a traceback."""
    arguments = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if arguments[0] in HELP:
        return _usage(arguments[0])  # says nothing of the user's: what masks that takes as long to import as the rest
    from rnnexp.output import masked_output
    from rnnexp.redact import mask, redact

    try:
        # `train` prints configurations, whose keys tell what is secret; the others print data, which stay whole.
        with masked_output(redact if arguments[:1] == ["train"] else mask):
            return _answer(arguments)
    except KeyboardInterrupt:
        print("rnnexp: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # of what masks the output, for one
        return _failed(error)


def _answer(arguments: list[str]) -> int:
    try:
        return _dispatch(arguments)
    except BrokenPipeError:
        raise
    except Exception as error:
        return _failed(error)


def _failed(error: Exception) -> int:
    """Say what went wrong and return the exit code; the traceback of what nobody has foreseen is kept."""
    from rnnexp.failures import find_culprit, foreseen, keep_trace, unforeseen
    from rnnexp.redact import redact
    from rnnexp.registry import list_plugins

    known = foreseen(error)
    if known is None:
        if os.environ.get(SHOW_TRACE) == "1":
            import traceback

            traceback.print_exception(error)
        known = RnnexpError(f"{unforeseen(error)}\n{keep_trace(error)}; {find_culprit(error, list_plugins())}")
    print(f"rnnexp: {redact(str(known))}", file=sys.stderr)
    return known.exit_code


def _dispatch(arguments: list[str]) -> int:
    name, *rest = arguments
    if name in ("-sc", "--shell-completion"):
        name, rest = "train", arguments
    if name == "train":
        from rnnexp.cli.interrupted import run_heeding

        return run_heeding(lambda: int(importlib.import_module("rnnexp.cli.train").run(rest)))
    if name in ("resume", "reproduce"):
        from rnnexp.cli.interrupted import run_heeding

        return run_heeding(lambda: _subcommand(name, rest))
    if name in COMMANDS:
        return _subcommand(name, rest)
    return _usage(name)


def _subcommand(name: str, rest: list[str]) -> int:
    args = read_words(parser_of(name), rest)
    return int(args.command(args))


def read_words(parser: ArgumentParser, words: list[str]) -> Namespace:
    """Read the words of a sub-command, its options before, between or after the others."""
    if "--data" in parser._option_string_actions and not {"--data", "--"} & set(words):
        settings = [word for word in words if _SETTING.match(word)]  # as messages write them
        words = [*(word for word in words if word not in settings), *(["--data", *settings] if settings else [])]
    # What follows a `--` is no option; argparse would forget that in the second pass that intermixing takes.
    return parser.parse_args(words) if "--" in words else parser.parse_intermixed_args(words)


def parser_of(name: str) -> ArgumentParser:
    """Return what reads the words of a sub-command; `command` is the function that answers it."""
    module = importlib.import_module(f"rnnexp.cli.{next((m for m, own in SHARED.items() if name in own), name)}")
    subparsers = FlagParser(prog="rnnexp").add_subparsers()
    module.add_parser(subparsers)
    parser: ArgumentParser = subparsers.choices[name]
    if parser.get_default("command") is None:
        parser.set_defaults(command=module.run)
    return parser


def _usage(name: str) -> int:
    listing = "\n".join(f"  {command:<10} {text}" for command, text in COMMANDS.items())
    if name in HELP:
        print(USAGE.format(commands=listing))
        return 0
    if name == "--version":
        from rnnexp.runtime.machine import find_version

        print(f"rnnexp {find_version('rnnexp') or 'of a source that is not installed'}")
        return 0
    hint = DELETED if name in ("delete", "remove", "rm") else did_you_mean(name, COMMANDS)
    print(f"rnnexp: there is no command `{name}`{hint}\n\n{USAGE.format(commands=listing)}", file=sys.stderr)
    return 2
