"""Words that people bring from Keras, PyTorch, scikit-learn, KerasTuner and tutorials, and what they are called here.

Asked only of a word that is unknown: one that a part has itself is never taken for another. The table is synonyms.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rnnexp.errors import did_you_mean

FILE = Path(__file__).with_suffix(".toml")


def read_table() -> Mapping[str, Any]:
    """Return `keys` and `choices`, words by what they are called here, and `advice` on what is no key."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def suggest_key(key: str) -> str:
    """Return what an unknown key is here, as ``"; here it is model.units"``; or an empty string."""
    if key.rpartition(".")[2] == "_target_":  # Hydra's
        return "; settings name no code: `name` chooses a component, and your own come from a module in `plugins`"
    word, group, table = write_plainly(key.rpartition(".")[2]), key.partition(".")[0], read_table()
    if advice := _advise(word, table):
        return advice
    meant = list(_keys_of(word, table["keys"]))
    here = [name for name in meant if name.partition(".")[0] == group] or meant
    return f"; here it is {' or '.join(here)}" if here else ""


def suggest_value(key: str, value: object, choices: Iterable[str]) -> str:
    """Return a hint at which choice may be meant, as ``"; did you mean `mse`?"``, or at what to do; or an empty string.

    key: where one is chosen, `loss` or `data.scaler`
    """
    word, table = write_plainly(str(value)), read_table()
    for name, words in table["choices"].get(key, {}).items():
        if word in map(write_plainly, words):
            return f"; did you mean `{name}`?"
    return _advise(word, table) or did_you_mean(value, choices)


def write_plainly(word: str) -> str:
    """Write a word as all its spellings are compared: `MinMaxScaler` and `min_max_scaler` are one."""
    return re.sub(r"[_\-\s]", "", word).lower()


def _advise(word: str, table: Mapping[str, Any]) -> str:
    """Return what is said of a word that is no key and no choice here."""
    texts = (advice["text"] for advice in table["advice"] if word in map(write_plainly, advice["words"]))
    return "".join(f"; {text}" for text in texts)


def _keys_of(word: str, keys: Mapping[str, list[str]]) -> Iterator[str]:
    for key, words in keys.items():
        own = key.rpartition(".")[2]  # a key may be typed in another place than its own
        if word in map(write_plainly, (own, *words)):
            yield key
