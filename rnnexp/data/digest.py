"""What tells one data set from another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from rnnexp.config.renamed import under_first_names


def digest(source: Any, *contents: np.ndarray | Sequence[str]) -> str:
    """Hash numbers, texts and the settings of their source; 32 characters, of the 36 that MLflow keeps."""
    sha = hashlib.sha256()
    for content in contents:
        if isinstance(content, np.ndarray):
            sha.update(content.tobytes())
        else:
            sha.update("\0".join(content).encode("utf-8", "surrogatepass"))
    settings = under_first_names(type(source), asdict(source))
    sha.update(json.dumps(settings, sort_keys=True, default=str).encode())
    return sha.hexdigest()[:32]
