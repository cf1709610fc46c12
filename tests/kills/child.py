"""A training that goes on from the newest checkpoint in its folder: `python -m tests.kills.child FOLDER ENGINE`.

It ends with a file `digest`, of its history, its weights and its optimizer.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
EPOCHS = 60


def train(folder: Path, engine: str) -> str:
    """Train to the end and return the digest of all that is left."""
    sys.path.insert(0, str(ROOT / "training"))
    from rnnexp import runtime

    runtime.configure("jax")
    import keras
    import toy

    from rnnexp.registry import lookup
    from rnnexp.training import keeper
    from rnnexp.training.compiled import ensemble
    from rnnexp.training.fit import make_training, run_all

    keeper.SHARE, ensemble.MAX_EPOCHS = 1e9, 2  # a checkpoint after every chunk, and many chunks
    callbacks = {"plateau": lookup("callback", "plateau")(patience=2), "csv_log": lookup("callback", "csv_log")()}
    plan = toy.plan(
        epochs=EPOCHS, engine=engine, checkpoint_every_s=0.0, plan={"run_dir": folder, "callbacks": callbacks}
    )
    model = toy.network(dropout=0.3)
    training = make_training(model, toy.windows(21, val=6), plan)
    keeper.restore_newest(training, folder / keeper.FOLDER)
    history = run_all(training.steps(lambda *_: None))
    untimed = [{k: v for k, v in row.items() if not k.startswith("time/")} for row in history.epochs]
    arrays = [keras.ops.convert_to_numpy(variable) for variable in (*model.variables, *plan.optimizer.variables)]
    left = repr((untimed, history.best_epoch, history.stopped)).encode()
    return hashlib.sha256(left + b"".join(array.tobytes() for array in arrays)).hexdigest()


if __name__ == "__main__":
    (Path(sys.argv[1]) / "digest").write_text(train(Path(sys.argv[1]), sys.argv[2]))
