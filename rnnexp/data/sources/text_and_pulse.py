"""Texts and pulses of which neither tells the label: drawn examples of two inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from rnnexp.data.inputs.source import Input, MultiInputSource, make_input
from rnnexp.data.source import MAX_DRAWN
from rnnexp.registry import register

if TYPE_CHECKING:
    from rnnexp.data.inputs.examples import Examples

WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty", "knoll", "ledge")
SIGNS = ("calm", "storm")


@register("data")
class text_and_pulse(MultiInputSource):
    """Draw a report of words and a pulse: alarm where the report tells of a storm or the pulse rises, but not both.

    One word of a report is a sign, the others are noise; a pulse of two channels rises or falls by two deviations of
    its noise on its way. The label is the exclusive or of the two: each input alone tells nothing, and no sum of
    what each tells does either (Minsky and Papert, Perceptrons, 1969).
    """

    own_files: ClassVar[bool] = False

    name: Literal["text_and_pulse"] = "text_and_pulse"
    examples: int = Field(2000, ge=10, le=MAX_DRAWN, description="Examples to draw.")
    words: int = Field(8, ge=1, description="Words of a report.")
    steps: int = Field(20, ge=4, description="Steps of the longest pulse; the shortest has half of them.")

    def list_inputs(self) -> dict[str, Input]:
        return {"report": make_input("text"), "pulse": make_input("sequence")}

    def read(self, labeled: bool = True) -> Examples:
        import numpy as np

        from rnnexp.data.inputs.examples import Examples

        generator = np.random.default_rng(self.seed)
        stormy, rising = generator.integers(0, 2, (2, self.examples)).astype(bool)
        reports = generator.choice(WORDS, (self.examples, self.words)).astype("U8")
        at = generator.integers(0, self.words, self.examples)
        reports[np.arange(self.examples), at] = np.array(SIGNS)[stormy.astype(int)]
        lengths = generator.integers(self.steps // 2, self.steps + 1, self.examples)
        pulses = [
            np.linspace(-1, 1, length)[:, None] * (1 if up else -1) * [1.0, 0.5] + generator.normal(size=(length, 2))
            for length, up in zip(lengths, rising)
        ]
        return Examples(
            {"report": [" ".join(words) for words in reports], "pulse": pulses},
            {"report": ("report",), "pulse": ("0", "1")},
            np.where(stormy ^ rising, "alarm", "quiet"),
            np.arange(self.examples),
            source=self.name,
        )
