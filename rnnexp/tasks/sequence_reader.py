"""Label sequences, or predict their numbers: python predict.py FILE.npz, which holds `x` (n, time, channels)

Needs NumPy and ONNX Runtime. From Python, `SequencePredictor(folder).predict` takes sequences of any length.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


class SequencePredictor:
    """What is in the folder of an exported model; `classes` are its labels, empty where it predicts numbers."""

    def __init__(self, folder: str | Path) -> None:
        import onnxruntime

        self.told = json.loads((Path(folder) / "preprocessing.json").read_text())
        self.session = onnxruntime.InferenceSession(str(Path(folder) / "model.onnx"))
        self.classes = json.loads(self.session.get_modelmeta().custom_metadata_map["classes"])
        self.inputs = [one.name for one in self.session.get_inputs()]

    def predict(self, sequences: Any) -> Any:
        """Return probabilities (n, classes), or numbers, for raw sequences (time, channels)."""
        scaled = [self.scale(np.asarray(one, np.float64)) for one in sequences]
        lengths = np.array([len(one) for one in scaled])
        if self.told["length"] and (lengths != self.told["length"]).any():
            raise ValueError(f"sequences have {self.told['length']} steps")
        past = np.zeros((len(scaled), lengths.max(), scaled[0].shape[1]), np.float32)
        for row, one in zip(past, scaled):
            row[: len(one)] = one
        given = {"past": past, "mask": np.arange(lengths.max()) < lengths[:, None]}
        outputs = self.session.run(None, {name: given[name] for name in self.inputs})[0]
        return self.restore(outputs) if self.told.get("targets") else outputs

    def restore(self, outputs: Any) -> Any:
        """Return numbers in the units of the data; the quantiles of a target stand side by side."""
        scaling = np.array([self.told["targets"][key] for key in ("deviation", "mean")])
        deviation, mean = np.repeat(scaling, outputs.shape[-1] // scaling.shape[-1], axis=1)
        return outputs.astype(np.float64) * deviation + mean

    def scale(self, values: Any) -> Any:
        if self.told.get("frame"):
            return values / self.told["scale"]
        return (values - self.told["mean"]) / self.told["deviation"] if self.told["mean"] else values


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("usage: python predict.py FILE.npz, a file that is there, with sequences in its array x")
    predictor = SequencePredictor(Path(__file__).parent)
    print(",".join(predictor.classes))
    for values in predictor.predict(np.load(sys.argv[1], allow_pickle=False)["x"]):
        print(",".join(map(repr, values.tolist())))
