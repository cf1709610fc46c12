"""A store that answers, as the runs that go into it see it: its client, its database, its experiments."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from rnnexp.redact import redact
from rnnexp.tracking import database, store, template

if TYPE_CHECKING:
    from mlflow import MlflowClient

KEY = "rnnexp.key"  # the tag that finds a run whose id the store has chosen
REPLACES = "rnnexp.replaces"  # the tag that names the run whose place another one takes, for it was deleted
_GONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # MLflow's words for an id that it does not know


class Home(NamedTuple):
    """An experiment: its id, and where its files go."""

    experiment_id: str
    location: str


class Target:
    """Raises TrackingError if the store cannot be used; `file` is that of a local database, `shown` without secrets.

    Nothing of MLflow's global state is used: an active run of a notebook stays what it is, and MLFLOW_RUN_ID and
    MLFLOW_EXPERIMENT_NAME, which would pull the run elsewhere, have no effect. `experiment` is the one that will be
    asked for, should there be no database yet.
    """

    def __init__(self, uri: str, experiment: str | None = None) -> None:
        self.uri, self.shown, self.file = uri, redact(uri), store.database(uri)
        if self.file:
            store.prepare_database(self.file, experiment)
        else:
            _ = self.client  # does it answer?
        self._homes: dict[str, Home] = {}
        self._runs: dict[str, str] = {}

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client, made once it is needed: to import it takes longer than many a run that never does."""
        return store.open_store(self.uri)

    def home(self, experiment: str, tags: Mapping[str, str]) -> Home:
        """Return an experiment, made if need be, with its tags up to date."""
        known = json.dumps([experiment, *tags.items()])
        if known not in self._homes:
            self._homes[known] = self._find_home(experiment, tags) or self._make_home(experiment, tags)
        return self._homes[known]

    def _find_home(self, experiment: str, tags: Mapping[str, str]) -> Home | None:
        """Look for an experiment that is as it shall be in a local database."""
        with suppress(sqlite3.Error):  # tables of another version: MLflow's client knows them
            found = database.find_experiment(self.file, experiment) if self.file else None
            if found and tags.items() <= found.tags.items():
                return Home(found.number, found.location)
        return None

    def _make_home(self, experiment: str, tags: Mapping[str, str]) -> Home:
        number = store.experiment_id(self.client, self.uri, experiment, tags)
        if self.file:
            template.save_template(self.file, store.locate_artifacts(self.file), experiment)
        return Home(number, str(self.client.get_experiment(number).artifact_location))

    def find_run(self, key: str) -> str | None:
        """Return the id of the run that has it as its key, or as its id; None if there is none."""
        if key not in self._runs:
            found = self._find(key)
            if found is None:
                return None
            self._runs[key] = found
        return self._runs[key]

    def _find(self, key: str) -> str | None:
        if self.file:
            with suppress(sqlite3.Error):  # tables of another version: MLflow's client knows them
                return database.find_run(self.file, key, KEY)
        if self.has_run(key):
            return key
        return next(self._search(key), None)

    def _search(self, key: str) -> Iterator[str]:
        """Yield the ids of the runs that have a key, which is one unless a server has made it late, and once more."""
        everywhere = [one.experiment_id for one in self.client.search_experiments()]
        for one in self.client.search_runs(everywhere, f"tags.`{KEY}` = '{key}'", max_results=10):
            yield str(one.info.run_id)

    def remove_doubles(self, run_id: str) -> None:
        """Move to the trash what a server has made in place of a run when nobody waited for its answer any more."""
        key = self.client.get_run(run_id).data.tags.get(KEY)
        for other in self._search(key) if key else ():
            if other != run_id:
                self.client.delete_run(other)

    def has_run(self, run_id: str) -> bool:
        """Say whether a run is there, and not in the trash."""
        client = self.client
        from mlflow.exceptions import MlflowException

        try:
            return bool(client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code not in _GONE:
                raise
        return False

    def forget(self) -> None:
        """Look at experiments and runs anew: something has changed."""
        self._homes.clear()
        self._runs.clear()
