"""Registered models of MLflow: versions of a name, and aliases such as `champion` that lead to one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rnnexp.errors import ConfigError, TrackingError, first_line
from rnnexp.redact import redact
from rnnexp.tracking import client, store
from rnnexp.tracking.query import TrackedRun

if TYPE_CHECKING:
    from mlflow import MlflowClient

SCHEME = "models:/"
HISTORY = "rnnexp.alias"  # tags of a registered model: rnnexp.alias.champion.20261127T081500Z
_ALIAS = re.compile(r"[A-Za-z_][\w-]*")
_SYNTAX = "models:/NAME@ALIAS, models:/NAME/VERSION or models:/NAME (its newest version)"


@dataclass(frozen=True)
class Registered:
    """A version of a registered model.

    before: the version that its alias led to;  history: what the alias has led to, by time
    """

    name: str
    version: int
    is_new: bool
    alias: str | None = None
    before: int | None = None
    history: Mapping[str, str] = field(default_factory=dict)


def register_run(uri: str | None, run: TrackedRun, name: str, alias: str | None = None) -> Registered:
    """Make the model of a run a version of `name`, once, and let an alias lead to it.

    Raises ConfigError for a run without a model or a name that cannot be, TrackingError where the store fails.
    """
    refuse_wrong_names(name, alias)
    where = store.tracking_uri(uri)
    asked = client.open_client(where)
    with _explained():
        outputs = asked.get_run(run.run_id).outputs
        models = list(outputs.model_outputs) if outputs else []
        if not models:
            raise ConfigError(f"run {run.name} ({run.run_id[:8]}) has no model that could be registered")
        model_id = models[-1].model_id
        same = [one for one in _list_versions(asked, name) if one.model_id == model_id or one.run_id == run.run_id]
        if not same and not _find_model(asked, name):
            asked.create_registered_model(name)
        # A database looks `models:/` up in the store that is the default of the process, which may be another one.
        source = asked.get_logged_model(model_id).artifact_location if store.database(where) else f"{SCHEME}{model_id}"
        found = same[0] if same else asked.create_model_version(name, source, run.run_id, model_id=model_id)
        version = int(found.version)
        before = _move_alias(asked, name, alias, version, run) if alias else None
        return Registered(name, version, not same, alias, before, list_history(asked, name, alias) if alias else {})


def refuse_wrong_names(name: str, alias: str | None) -> None:
    """Raise ConfigError for names that MLflow does not take, or that no address could lead to."""
    problems = []
    if not name.strip() or re.search(r"[/:@\x00-\x1f]", name):
        problems.append(f"NAME: `{name}` given; must be a text without `/`, `:` and `@`")
    if alias is not None and (not _ALIAS.fullmatch(alias) or alias == "latest" or re.fullmatch(r"v\d+", alias)):
        problems.append(
            f"--alias: `{alias}` given; must begin with a letter, hold letters, digits, `_` and `-` only, and be "
            "neither `latest` nor like `v1`"
        )
    if problems:
        raise ConfigError(*problems)


def _move_alias(asked: MlflowClient, name: str, alias: str, version: int, run: TrackedRun) -> int | None:
    """Let an alias lead to a version, and write down when it did; return where it led before, None if nowhere else."""
    known = {key: int(value) for key, value in asked.get_registered_model(name).aliases.items()}
    before = known.get(alias)
    if before == version:
        return None
    asked.set_registered_model_alias(name, alias, str(version))
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    asked.set_registered_model_tag(name, f"{HISTORY}.{alias}.{moment}", f"version {version}, run {run.run_id}")
    return before


def list_history(asked: MlflowClient, name: str, alias: str) -> dict[str, str]:
    """Return what an alias has led to, by the moment from which on it did."""
    tags = asked.get_registered_model(name).tags
    first = f"{HISTORY}.{alias}."
    return {key.removeprefix(first): tags[key] for key in sorted(tags) if key.startswith(first)}


def find_run_id(uri: str | None, text: str) -> str:
    """Return the run whose model `models:/NAME@ALIAS`, `models:/NAME/VERSION` or `models:/NAME` leads to."""
    name, alias, number = _parse(text)
    asked = client.open_client(store.tracking_uri(uri))
    with _explained():
        model = _find_model(asked, name)
        if model is None:
            known = sorted(one.name for one in asked.search_registered_models(max_results=20))
            listed = f"registered are {', '.join(known)}" if known else "none is yet: rnnexp register RUN NAME"
            raise ConfigError(f"{text}: there is no registered model `{name}`; {listed}")
        versions = {int(one.version): one for one in _list_versions(asked, name)}
        if alias is not None:
            if alias not in model.aliases:
                known = sorted(model.aliases)
                listed = f"it has {', '.join(known)}" if known else "it has none: rnnexp register … --alias ALIAS"
                raise ConfigError(f"{text}: {name} has no alias `{alias}`; {listed}")
            number = int(model.aliases[alias])
        number = max(versions, default=0) if number is None else number
        if number not in versions:
            raise ConfigError(f"{text}: {name} has no version {number}; it has {', '.join(map(str, sorted(versions)))}")
        if not versions[number].run_id:
            raise ConfigError(f"{text}: version {number} was not registered from a run of rnnexp")
        return str(versions[number].run_id)


def find_address(uri: str | None, text: str) -> str:
    """Return the address of a registered model that is named without `models:/`, "" if there is none."""
    name = text.partition("@")[0]
    with _explained():
        return f"{SCHEME}{text}" if name and _find_model(client.open_client(store.tracking_uri(uri)), name) else ""


def _parse(text: str) -> tuple[str, str | None, int | None]:
    name, at, alias = text.removeprefix(SCHEME).partition("@")
    base, slash, number = name.partition("/")
    if not base or (at and (slash or not alias)) or (slash and not number.isdecimal()):
        raise ConfigError(f"{text}: must be {_SYNTAX}")
    return base, alias if at else None, int(number) if slash else None


def _find_model(asked: MlflowClient, name: str) -> Any:
    quoted = name.replace("'", "''")
    return next((one for one in asked.search_registered_models(f"name = '{quoted}'") if one.name == name), None)


def _list_versions(asked: MlflowClient, name: str) -> list[Any]:
    quoted = name.replace("'", "''")
    return list(asked.search_model_versions(f"name = '{quoted}'"))


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (ConfigError, TrackingError):
        raise
    except Exception as error:  # MLflow's stores raise whatever they like
        raise TrackingError(f"the model registry: {redact(first_line(error))}") from None
