"""What Hydra says of files that it cannot put together, in clearer words."""

from __future__ import annotations

import re
import traceback
from functools import reduce

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from rnnexp.config.grammar import GROUPS
from rnnexp.errors import did_you_mean
from rnnexp.synonyms import suggest_value

_INTERNAL = ("object_type=", "reference_type=")  # OmegaConf's words for its own classes
_WHERE_SOUGHT = "Config search path:"  # folders and packages, which say nothing of the mistake
_CLEARER = {  # than Hydra's words
    "not in 'BasicLauncherConf'": "is of a launcher, which `defaults` must choose: `- override /hydra/launcher: local`",
    "Could not find 'hydra/sweeper/optuna'": "Optuna's samplers are chosen by hydra.sweeper.sampler=tpe, not by "
    "hydra/sweeper;",
}


def explain_hydra(error: Exception) -> str:
    """Return what Hydra says in clearer words; it recommends `+key=` for a misspelled key, which hides the mistake."""
    if key := _find_conflict(error):
        return f"{key}: a list is given where `key: value` pairs are needed, or pairs where a list is"
    lines = [str(error), str(error.__cause__ or "")]
    kept = [x.strip() for text in lines for x in text.splitlines() if "use +" not in x and "append" not in x]
    told = " ".join(line for line in kept if line and not line.startswith(_INTERNAL))
    told = told.partition(_WHERE_SOUGHT)[0].strip()
    if isinstance(error, HydraException | OmegaConfBaseException | ValueError) and told:
        return reduce(lambda text, words: text.replace(*words), _CLEARER.items(), told).rstrip(".") + _suggest(told)
    return f"the configuration cannot be composed: {type(error).__name__}{f': {told}' if told else ''}"


def _find_conflict(error: Exception) -> str:
    """Return the key at which a list meets pairs, which OmegaConf knows and does not say; "" for another mistake."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not frames or frames[-1].f_code.co_name != "_merge_with":
        return ""
    return ".".join(str(frame.f_locals["key"]) for frame in frames if frame.f_code.co_name == "_map_merge")


def _suggest(told: str) -> str:
    """Return a hint at the choice, or the group, that a file or a launcher has misspelled."""
    if found := re.search(r"Could not find '(.+)/([^/]+)' Available options in '\1': (.+)$", told):
        return suggest_value(found[1], found[2], found[3].split())
    if found := re.search(r"Could not override '([^']+)'", told):
        return did_you_mean(found[1], GROUPS)
    return ""
