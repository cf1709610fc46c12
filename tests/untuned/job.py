"""One set and one seed, in a process of its own: `init` writes an experiment, it is trained, the scores are printed.

The one argument is JSON: cores, file, name, words for `init`, and the words after `rnnexp train`.
"""

from __future__ import annotations

import json
import os
import sys
from time import monotonic, process_time

SCORES = "scores: "  # begins the line that the parent reads


def main() -> int:
    asked = json.loads(sys.argv[1])
    if asked["cores"] and hasattr(os, "sched_setaffinity"):  # before anything counts them
        os.sched_setaffinity(0, asked["cores"])
    import rnnexp
    from rnnexp.cli.main import main as rnnexp_command
    from rnnexp.task import primary

    began = monotonic()
    code = rnnexp_command(["init", asked["file"], "--name", asked["name"], *asked["init"]])
    if code:
        return int(code)
    written = monotonic()
    result = rnnexp.run(f"experiment={asked['name']}", *asked["train"], run_dir="run", quiet=True)
    metric = primary(result.metrics, result.scored)
    scores = {
        name.split("/")[1]: value
        for name, value in result.metrics.items()
        if name.startswith("baseline/") and name.split("/")[2:] == [metric]
    }
    found = {
        "metric": metric,
        "network": result.metrics[f"{result.scored}/{metric}"],
        "baselines": scores,
        "skipped": {name: why for name, why in result.report.skipped.items() if name.startswith("baseline/")},
        "seconds": {"init": written - began, "all": monotonic() - began, "processor": process_time()},
    }
    print(f"\n{SCORES}{json.dumps(found)}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
