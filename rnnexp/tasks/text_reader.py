"""Label texts, or predict their numbers: python predict.py "A TEXT" ...

Needs NumPy and ONNX Runtime.
"""

import json
import re
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

UNKNOWN, RESERVED = 1, 2  # token 0 is padding


class TextPredictor:
    """What is in the folder of an exported model; `classes` are its labels, empty where it predicts numbers."""

    def __init__(self, folder: str | Path) -> None:
        import onnxruntime

        self.told = json.loads((Path(folder) / "preprocessing.json").read_text(encoding="utf-8"))
        self.ids = {token: place + RESERVED for place, token in enumerate(self.told["vocabulary"])}
        self.session = onnxruntime.InferenceSession(str(Path(folder) / "model.onnx"))
        self.classes = json.loads(self.session.get_modelmeta().custom_metadata_map["classes"])
        marks = "".join(chr(point) for point in range(0x20000) if unicodedata.category(chr(point))[0] == "M")
        run = rf"\w+(?:[{re.escape(marks)}\u200c\u200d]+\w*)*"
        self.words = re.compile(rf"{run}(?:['’]{run})*|\S")

    def predict(self, texts: list[str]) -> Any:
        """Return probabilities (n, classes), or numbers, for texts."""
        tokens = [self.split(text) for text in texts]
        lengths = np.array([len(one) for one in tokens])
        if not lengths.all():
            raise ValueError("a text is empty")
        past = np.zeros((len(tokens), lengths.max()), np.int32)
        for row, one in zip(past, tokens):
            row[: len(one)] = [self.ids.get(token, UNKNOWN) for token in one]
        given = {"past": past, "mask": np.arange(lengths.max()) < lengths[:, None]}
        outputs = self.session.run(None, given)[0]
        return self.restore(outputs) if self.told.get("targets") else outputs

    def restore(self, outputs: Any) -> Any:
        """Return numbers in the units of the data; the quantiles of a target stand side by side."""
        scaling = np.array([self.told["targets"][key] for key in ("deviation", "mean")])
        deviation, mean = np.repeat(scaling, outputs.shape[-1] // scaling.shape[-1], axis=1)
        return outputs.astype(np.float64) * deviation + mean

    def split(self, text: str) -> Any:
        text = unicodedata.normalize("NFC", text.strip())
        text = unicodedata.normalize("NFC", text.lower() if self.told["lowercase"] else text).strip()
        rules: Any = {"word": self.words.findall, "blank": str.split, "character": list}
        tokens = rules[self.told["tokens"]](text)
        most = self.told["max_length"] or len(tokens)
        return tokens[:most] if self.told["keep"] == "first" else tokens[-most:]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit('usage: python predict.py "a text" "another text"')
    predictor = TextPredictor(Path(__file__).parent)
    print(",".join(predictor.classes))
    for values in predictor.predict(sys.argv[1:]):
        print(",".join(map(repr, values.tolist())))
