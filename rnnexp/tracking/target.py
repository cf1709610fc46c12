"""A store that answers, as the runs that go into it see it: its client, its database, its experiments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from rnnexp.redact import redact
from rnnexp.tracking import store

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
    MLFLOW_EXPERIMENT_NAME, which would pull the run elsewhere, have no effect.
    """

    def __init__(self, uri: str) -> None:
        self.uri, self.shown = uri, redact(uri)
        self.client, self.file = store.open_store(uri), store.database(uri)
        self._homes: dict[str, Home] = {}
        self._runs: dict[str, str] = {}

    def home(self, experiment: str, tags: Mapping[str, str]) -> Home:
        """Return an experiment, made if need be, with its tags up to date."""
        known = json.dumps([experiment, *tags.items()])
        if known not in self._homes:
            number = store.experiment_id(self.client, self.uri, experiment, tags)
            self._homes[known] = Home(number, str(self.client.get_experiment(number).artifact_location))
        return self._homes[known]

    def find_run(self, key: str) -> str | None:
        """Return the id of the run that has it as its key, or as its id; None if there is none."""
        if key not in self._runs:
            found = self._find(key)
            if found is None:
                return None
            self._runs[key] = found
        return self._runs[key]

    def _find(self, key: str) -> str | None:
        if self.has_run(key):
            return key
        everywhere = [one.experiment_id for one in self.client.search_experiments()]
        found: list[Any] = list(self.client.search_runs(everywhere, f"tags.`{KEY}` = '{key}'", max_results=1))
        return str(found[0].info.run_id) if found else None

    def has_run(self, run_id: str) -> bool:
        """Say whether a run is there, and not in the trash."""
        from mlflow.exceptions import MlflowException

        try:
            return bool(self.client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code not in _GONE:
                raise
        return False

    def forget(self) -> None:
        """Look at experiments and runs anew: something has changed."""
        self._homes.clear()
        self._runs.clear()
