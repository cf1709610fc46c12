"""The page of commands: each with its words, as its parser knows them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from rnnexp import errors
from rnnexp.cli.main import COMMANDS, parser_of
from rnnexp.cli.train import SWEEP_FLAGS
from rnnexp.errors import RnnexpError
from rnnexp.sweeps.sweep import SweepFailed
from tests.reference.markdown import code, page, prose, sentence, table

INTRODUCTION = """\
# Commands

Every command with its words and options. `rnnexp COMMAND --help` prints the same. Options may stand before, between or
after the other words. Commands print plain text; most print JSON with `--json`.

(Made from the parsers by `python -m tests.reference`.)"""

NAMES = ("ConfigError", "DataError", "DivergedError", "TrackingError", "ResourceError", "BusyError")
ERRORS: tuple[type[RnnexpError], ...] = (RnnexpError, *(getattr(errors, name) for name in NAMES), SweepFailed)
OTHER_CODES = (
    (0, "", "all is well"),
    (130, "", "Ctrl-C has ended it; the same command goes on from the last checkpoint"),
    (143, "", "SIGTERM has ended it, as a cluster sends it; the same command goes on from the last checkpoint"),
)
CODES = """\
## Exit codes

What a script sees of a command's end. The second column is the class that the same mistake raises in Python. What to do
about each error is told in [Troubleshooting](troubleshooting.md)."""

OF_OTHERS = """\
`reproduce` ends with 1 if a number differs, and `doctor` if something is broken. `check` ends with 2 if an experiment
has a mistake. `sync`, `unpack` and `rescore` end with 5 if the store did not take everything."""

TRAIN = """\
Trains one network; with `-m` a sweep of networks. The words are settings, `key=value` or `group=choice`; all of them
are in [Settings](settings.md). With `-m` a comma, or `range(3)`, gives a key several values; each combination is a job.

Usage: `rnnexp train [-m] [options] [group=choice ...] [key=value ...]`

```
rnnexp train experiment=airline_lstm 'model.units=[32]' seed=1
rnnexp train -m model=lstm,gru 'seed=range(3)'
```"""

# Of Hydra's own options those that do something here; the others are refused or of no use in daily work.
FLAGS = {
    "-m, --multirun": "run a sweep",
    "-c, --cfg job": "print the composed configuration and end; `rnnexp show` also says where each value comes from",
    "-cd, --config-dir FOLDER": "a further folder of choices, such as `FOLDER/model/mine.yaml`",
    "-h, --help": "print all choices and keys",
    "-sc, --shell-completion": 'complete keys in a shell: `eval "$(rnnexp train -sc install=bash)"`',
    "--dry-run": "plan the sweep, check every job, print the table of jobs, and end",
    "--retry-failed": "run jobs that have failed again",
    "--retry-stopped": "run jobs that were stopped by `rnnexp stop SWEEP JOB` again",
    "--fail-fast": "end the sweep at the first job that fails",
    "--allow-data-change": "go on although data or plugins have changed since jobs finished; tables say so",
    "--new": "begin a new sweep, where the same one has been begun before",
}


def write_commands() -> str:
    """Write the page of commands."""
    rows = ((f"[rnnexp {name}](#rnnexp-{name})", prose(sentence(text))) for name, text in COMMANDS.items())
    listing = table(("command", "what it does"), rows)
    return page(INTRODUCTION, listing, _codes(), *(_command(name) for name in COMMANDS))


def _codes() -> str:
    rows = [*OTHER_CODES, *((error.exit_code, f"rx.{error.__name__}", _meaning(error)) for error in ERRORS)]
    cells = ((str(number), code(name), prose(sentence(text))) for number, name, text in sorted(rows))
    return page(CODES, table(("code", "error in Python", "meaning"), cells), OF_OTHERS)


def _meaning(error: type[RnnexpError]) -> str:
    """Return what the tree of errors says of a class."""
    told = re.search(rf"\b{error.__name__} +{error.exit_code}  (.+)", errors.__doc__ or "")
    return told[1] if told else (error.__doc__ or "").partition(".")[0]


def _command(name: str) -> str:
    head = f"## rnnexp {name}"
    if name == "train":
        rows = ((code(flag), prose(sentence(text))) for flag, text in FLAGS.items())
        return page(head, TRAIN, table(("option", "meaning"), rows))
    parser = parser_of(name)
    told = prose(parser.description or sentence(COMMANDS[name]))
    words = [*_words(parser)]
    of_words = [row for option, *row in words if not option]
    options = [row for option, *row in words if option]
    return page(
        head,
        told,
        f"Usage: {code(_usage(parser))}",
        f"```\n{examples(parser.epilog)}\n```" if parser.epilog else "",
        table(("word", "meaning"), of_words) if of_words else "",
        table(("option", "meaning"), options) if options else "",
    )


def _usage(parser: argparse.ArgumentParser) -> str:
    """Write how the words of a command stand, options in short."""
    kinds = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]
    options = [action for action in kinds if action.option_strings]
    must = [f"{action.option_strings[-1]} {_value(action)}" for action in options if action.required]
    words = [_placed(action) for action in kinds if not action.option_strings]
    others = ["[options]"] if len(options) > len(must) else []
    return " ".join([parser.prog, *words, *must, *others])


def _placed(action: argparse.Action) -> str:
    shown = _name(action)
    return {"?": f"[{shown}]", "*": f"[{shown} ...]", "+": f"{shown} [{shown} ...]"}.get(str(action.nargs), shown)


def _name(action: argparse.Action) -> str:
    return str(action.metavar or action.dest).upper()


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    shown = "{" + ",".join(map(str, action.choices)) + "}" if action.choices else _name(action)
    return {"*": f"[{shown} ...]", "+": f"{shown} [...]", "?": f"[{shown}]"}.get(str(action.nargs), shown)


def _words(parser: argparse.ArgumentParser) -> Iterator[tuple[bool, str, str]]:
    """Yield whether a word is an option, how it is written, and what it means."""
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction) and action.help != argparse.SUPPRESS:
            told = prose(sentence((action.help or "").replace("%%", "%")))
            if action.option_strings:
                names = ", ".join(code(f"{word} {_value(action)}".strip()) for word in action.option_strings)
                yield True, names, told
            else:
                among = f" One of {', '.join(map(code, action.choices))}." if action.choices else ""
                yield False, code(_name(action)), told + among


def examples(epilog: str) -> str:
    """Return the commands of an epilog, one a line."""
    return re.sub(r"\s{2,}(?=rnnexp )", "\n", re.sub(r"^examples?: ", "", " ".join(epilog.split("\n"))))


def helpless() -> list[str]:
    """Return the words of commands that have no help."""
    found = [(name, *row) for name in COMMANDS if name != "train" for row in _words(parser_of(name))]
    return [f"{name} {word}" for name, _, word, told in found if not told]


def untold_flags() -> set[str]:
    """Return the flags of sweeps that the page says nothing of."""
    return {*SWEEP_FLAGS} - {*FLAGS}
