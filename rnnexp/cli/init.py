"""`rnnexp init data.csv`: look at a table, say what it is, and write an experiment that runs."""

from __future__ import annotations

import json
import re
import time
from argparse import Namespace, _SubParsersAction
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import registry
from rnnexp.cli import questions
from rnnexp.cli.flags import add_flags, name_flag, read_flags
from rnnexp.cli.tune import read_seconds, try_settings
from rnnexp.config.plugins import load_plugins
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks.requests import Suggestion

if TYPE_CHECKING:
    from rnnexp.config.settings import Experiment
    from rnnexp.tasks.requests import Draft

PLAIN = re.compile(r"[^\W\d][\w./ -]*(?<! )", re.UNICODE)
COMMENTS = 2  # lines at the beginning of an experiment, above the one that Hydra looks for
RESERVED = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "init",
        allow_abbrev=False,
        description="Look at a table, say what it is, and write an experiment that reads it. What can be read in "
        "several ways is asked, or answered by a flag: what a flag says is not guessed.",
        epilog="example: rnnexp init sales.csv --target sales --known holiday --horizon 7",
    )
    parser.add_argument(
        "path",
        help="table (CSV, TSV, .gz, Parquet), or a quoted glob of tables of one series; or a .ts or .npz file, "
        "a file or folder of texts, a folder of tables, a folder or zip archive of recordings",
    )
    parser.add_argument("--task", help="what the experiment is for; default: what the data look like")
    parser.add_argument("--name", help="name of the experiment; default: the name of the file")
    parser.add_argument("--force", action="store_true", help="overwrite an experiment of this name")
    parser.add_argument(
        "--tune",
        metavar="TIME",
        help="train for at most so long (60s, 2m): another scaler, window and a linear path beside those proposed, "
        "three seeds each; the validation set chooses",
    )
    add_flags(parser, _settings())


def run(args: Namespace) -> int:
    """Write `experiments/<name>.yaml` and its schema into the working directory."""
    until = None if args.tune is None else time.monotonic() + read_seconds(args.tune)
    load_plugins([])
    given = read_flags(args, _settings())
    name = _name(args.name, args.path)
    file = Path("experiments") / f"{name}.yaml"
    if file.exists() and not args.force:
        raise ConfigError(f"{file}: exists already; choose another --name, or overwrite it with --force")
    from rnnexp.data.tables.kept import keep_tables

    with keep_tables():
        draft = _suggested(name, _draft(args.task, args.path, given), given)
        if until is not None:
            draft = try_settings(draft, lambda one, *words: _compose(experiment(name, one), *words), until)
    print("\n".join(describe(draft)))
    file.parent.mkdir(exist_ok=True)
    file.write_text(experiment(name, draft), encoding="utf-8")
    _write_schema(file.parent / "schema.json")
    print(f"\nWrote {file}. Next:\n  rnnexp train experiment={name}")
    return 0


def _settings() -> dict[str, Any]:
    """Return the settings that flags give: those of a table of series, and the columns of texts and recordings."""
    kinds = ("csv", "text_table", "sequence_table")
    series, texts, recordings = (registry.lookup("data", name).__pydantic_fields__ for name in kinds)  # type: ignore[attr-defined]
    own = {key: field for key, field in series.items() if key not in ("name", "path")}
    own |= {key: texts[key] for key in ("text", "label")}
    return own | {key: recordings[key] for key in ("recording", "channels", "groups", "on_change")}


def _draft(task: str | None, path: str, given: dict[str, Any]) -> Draft:
    """Let the tasks look at a file until nothing is left to be asked."""
    from rnnexp import tasks
    from rnnexp.data.tables.remedy import Undecided

    while True:
        try:
            return tasks.propose(path, given, task)
        except ConfigError as error:
            raise ConfigError(*(name_flag(problem, given) for problem in error.problems)) from None
        except Undecided as undecided:
            if not questions.is_interactive():
                raise DataError(questions.listed(path, undecided)) from None
            given = given | questions.ask(undecided)
            task = given.pop("task", task)


def _suggested(name: str, draft: Draft, given: dict[str, Any]) -> Draft:
    """Add what fits the data to a draft that reads them, but for settings with which they would not be readable."""
    from rnnexp import tasks

    dataset = tasks.load(_compose(experiment(name, draft)).data)
    suggested = tasks.of(dataset.spec.task).suggest(dataset)
    choices = [one for one in suggested if one.key.removeprefix("data.") not in given]
    others = [one for one in choices if not one.key.startswith("data.")]
    try:
        fuller = replace(draft, choices=choices)
        source = _compose(experiment(name, fuller)).data
        if others != choices:
            tasks.load(source)
        return fuller
    except (ConfigError, DataError):
        return replace(draft, choices=others)


def _compose(text: str, *words: str) -> Experiment:
    """Compose what is about to be written, as `train` will do it with these overrides."""
    from tempfile import TemporaryDirectory

    from rnnexp.config.compose import check
    from rnnexp.config.overrides import inspect_overrides

    with TemporaryDirectory() as folder:
        file = Path(folder) / "experiment" / "drafted.yaml"
        file.parent.mkdir()
        file.write_text("\n".join(text.split("\n")[COMMENTS:]), encoding="utf-8")
        return check(inspect_overrides(["experiment=drafted", *words], config_dir=folder), folder)


def _name(given: str | None, path: str) -> str:
    """Check the name given, or make one of the file's."""
    if given is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", given):
        raise ConfigError(f"--name: `{given}` may only have letters, digits, `_` and `-`, 100 at most")
    stem = Path(path).name.split(".")[0].lower()
    return given or re.sub(r"[^a-z0-9]+", "_", stem).strip("_") or "my_data"


def _write_schema(path: Path) -> None:
    from rnnexp.config.schema import experiment_schema

    path.write_text(json.dumps(experiment_schema(), indent=1, default=str) + "\n", encoding="utf-8")


def describe(draft: Draft) -> list[str]:
    """Say what was seen and chosen, one line each."""
    return [
        *dict.fromkeys(draft.seen),
        *(f"{one.key}: {_value(one.value)} ({one.why})" for one in draft.list_settings() if one.why),
    ]


def experiment(name: str, draft: Draft) -> str:
    """Write the YAML of an experiment."""
    choices = draft.list_settings()
    components = {one.key: one.value for one in choices if "." not in one.key and isinstance(one.value, str)}
    settings = _nested(one for one in choices if one.key not in components)
    defaults = {**draft.defaults, **components}
    defaults |= {"callbacks": next(iter(settings["callbacks"]))} if "callbacks" in settings else {}
    lines = [
        "# yaml-language-server: $schema=schema.json",
        f"# {_in_comment(draft.question)}  Command: rnnexp train experiment={name}",
        "# @package _global_",
        "defaults:",
        *(f"  - override /{group}: {component}" for group, component in defaults.items()),
        "  - _self_",
        f"name: {_scalar(name)}",
        *_block(settings),
    ]
    return "\n".join(lines) + "\n"


def _nested(choices: Iterable[Suggestion]) -> dict[str, Any]:
    """Lay out settings by the parts of their keys."""
    root: dict[str, Any] = {}
    for one in choices:
        *groups, name = one.key.split(".")
        inner = root
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = one
    return root


def _block(settings: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    for key, held in settings.items():
        if isinstance(held, Mapping):
            yield f"{indent}{key}:"
            yield from _block(held, f"{indent}  ")
        else:
            yield f"{indent}{key}: {_value(held.value)}" + (f"  # {_in_comment(held.why)}" if held.why else "")


def _in_comment(text: object) -> str:
    return " ".join(str(text).split())


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_scalar(key)}: {_value(one)}' for key, one in value.items())}}}"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """Write a number, or text with quotes wherever YAML or OmegaConf would read it otherwise."""
    if not isinstance(value, str):
        return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    if PLAIN.fullmatch(value) and value.lower() not in RESERVED:
        return value
    return json.dumps(value.replace("${", "\\${"), ensure_ascii=False)
