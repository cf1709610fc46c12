"""`rnnexp init data.csv`: look at a table, say what it is, and write an experiment that runs."""

from __future__ import annotations

import json
import re
from argparse import Namespace, _SubParsersAction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.errors import ConfigError

if TYPE_CHECKING:
    from rnnexp.data.flaws import Finding
    from rnnexp.data.series import Series

PLAIN = re.compile(r"[^\W\d][\w./ -]*(?<! )", re.UNICODE)
RESERVED = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def add_parser(subparsers: _SubParsersAction) -> None:
    parser = subparsers.add_parser("init")
    parser.add_argument("path", help="CSV, TSV, .gz or Parquet file, or a quoted glob of files of one series")
    parser.add_argument("--target", help="column to forecast; default: y, target, value, or the last number")
    parser.add_argument("--name", help="name of the experiment; default: the name of the file")
    parser.add_argument("--force", action="store_true", help="overwrite an experiment of this name")


def run(args: Namespace) -> int:
    """Write `experiments/<name>.yaml` and its schema into the working directory."""
    from rnnexp.data.inspect import inspect

    name = _name(args.name, args.path)
    file = Path("experiments") / f"{name}.yaml"
    if file.exists() and not args.force:
        raise ConfigError(f"{file}: exists already; choose another --name, or overwrite it with --force")
    finding, series = inspect(args.path, args.target)
    print("\n".join(describe(finding, series)))
    file.parent.mkdir(exist_ok=True)
    file.write_text(experiment(name, finding, series), encoding="utf-8")
    _write_schema(file.parent / "schema.json")
    first = f"\nChoose first what is commented there: {', '.join(f'data.{key}' for key in finding.open)}."
    print(f"\nWrote {file}.{first if finding.open else ''} Next:\n  rnnexp train experiment={name}")
    return 0


def _name(given: str | None, path: str) -> str:
    """Check the name given, or make one of the file's."""
    if given is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", given):
        raise ConfigError(f"--name: `{given}` may only have letters, digits, `_` and `-`, 100 at most")
    stem = Path(path).name.split(".")[0].lower()
    return given or re.sub(r"[^a-z0-9]+", "_", stem).strip("_") or "my_data"


def _write_schema(path: Path) -> None:
    from rnnexp.config.schema import experiment_schema

    path.write_text(json.dumps(experiment_schema(), indent=1, default=str) + "\n", encoding="utf-8")


def describe(finding: Finding, series: Series) -> list[str]:
    """Say what was seen, one line each."""
    data, reasons = finding.settings, dict(finding.reasons)
    rows = f"{len(series.values):,} rows" + (f" of {len(series.ids)} series" if len(series.ids) > 1 else "")
    step = series.frequency or "none"
    lines = [*finding.seen, f"target {data['target']}: {rows}{_span(series.time)}, step {step}"]
    if others := reasons.pop("target", None):
        lines.append(others)
    chosen = [f"data.{key}: {_value(data[key])} ({why})" for key, why in reasons.items()]
    return [*lines, *chosen, *(f"data.{key}: yours to choose ({why})" for key, why in finding.open.items())]


def _span(time: Any) -> str:
    if time is None:
        return ""
    first, last = (str(stamp.astype("datetime64[m]")).replace("T", " ") for stamp in (time.min(), time.max()))
    return f" from {first} to {last}"


def experiment(name: str, finding: Finding, series: Series) -> str:
    """Write the YAML of an experiment: one step ahead, standard scaler, a season of past rows where known."""
    target = finding.settings["target"]
    length, why = _length(series)
    keys = {**finding.settings, "sequence_length": length, "horizon": 1, "scaler": "standard"}
    reasons = {**finding.reasons, "sequence_length": why}
    command = f"rnnexp train experiment={name}"
    lines = [
        "# yaml-language-server: $schema=schema.json",
        f"# How well can {_in_comment(target)} be forecast one step ahead?  Command: {command}",
        "# @package _global_",
        "defaults:",
        "  - override /data: csv",
        "  - override /model: lstm",
        "  - _self_",
        f"name: {_scalar(name)}",
        "data:",
    ]
    for key, why in finding.open.items():
        lines.append(f"  # {key}:  # {_in_comment(why)}")
    for key, value in keys.items():
        reason = f"  # {_in_comment(reasons[key])}" if reasons.get(key) else ""
        lines.append(f"  {key}: {_value(value)}{reason}")
    return "\n".join(lines) + "\n"


def _length(series: Series) -> tuple[int, str]:
    """Choose the rows of the past: a season and one, if every series has eight of them, else up to ten."""
    from rnnexp.data.calendar import season_of

    shortest = int(series.lengths().min())
    season = season_of(series.frequency)
    if season is not None and shortest >= 8 * (season + 1):
        return season + 1, f"a season of {season} rows, and one"
    return max(1, min(10, shortest // 8)), ""


def _in_comment(text: object) -> str:
    return " ".join(str(text).split())


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_scalar, value))}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """Write a number, or text with quotes wherever YAML or OmegaConf would read it otherwise."""
    if not isinstance(value, str):
        return str(value)
    if PLAIN.fullmatch(value) and value.lower() not in RESERVED:
        return value
    return json.dumps(value.replace("${", "\\${"), ensure_ascii=False)
