"""A trained run for programs without Keras: its network, its preprocessing, and how far the answers lie apart."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp import disk
from rnnexp.deploy.quantized import Quantized, compare_quantized, measure_calls
from rnnexp.deploy.trained import Trained, own_data
from rnnexp.errors import ConfigError, RnnexpError
from rnnexp.models import inference, stateful
from rnnexp.models.bundle import PREPROCESSING, Bundle
from rnnexp.models.logits import convention
from rnnexp.models.stateful import NEXT

if TYPE_CHECKING:
    from rnnexp.data.spec import TaskSpec
    from rnnexp.models.exporter import FileExporter

READER = "predict.py"
BATCHES = (1, 16, 64)
RELATIVE, ABSOLUTE = 10.0, 1e-6  # tolerance: of each number, of which this is the multiple, and of the largest one
RANDOM_STEPS = 12  # of inputs that are drawn, where lengths vary


@dataclass(frozen=True)
class Parity:
    """How far the answers for a batch of this size lie from those of Keras at most, and which share that is of what is
    allowed.
    """

    batch: int
    difference: float
    share: float


@dataclass(frozen=True)
class Exported:
    """What was written, how it was checked, and what to mind; `latency` in microseconds by percentile."""

    folder: Path
    files: Mapping[str, int]
    parity: Sequence[Parity]
    examples: int
    latency: Mapping[str, float] | None = None
    quantized: Quantized | None = None
    notes: Sequence[str] = field(default_factory=list)


def export(found: Trained, folder: Path, chosen: FileExporter, examples: int, latency: bool = False) -> Exported:
    """Write a run's model into a folder that is not there yet, and check it on so many examples of its data.

    Raises ConfigError, and leaves nothing behind, for a network that the format cannot hold, or whose answers differ.
    """
    if folder.exists():
        raise ConfigError(f"{folder}: is there already; give another folder with -o, or remove it")
    trained = found.load()
    x, notes = _take_examples(found, trained, examples)
    reader, why = None, "it prepares whole windows for ONNX Runtime"
    if chosen.reads_whole:
        reader, why = found.task.choose_reader(found.preprocessor, found.spec)
    if reader is None:
        notes.append(f"without {READER}: {why}")
    done: list[Exported] = []

    def write(new: Path) -> None:
        path = new / f"model{chosen.suffix}"
        chosen.export(path, trained)
        for name in (PREPROCESSING, *found.task.exported_files):
            (new / name).write_bytes((found.bundle / name).read_bytes())
        if reader is not None:
            (new / READER).write_text(reader, encoding="utf-8")
        predict = chosen.load(path)
        parity = check_parity(trained, predict, x, chosen.tolerance)
        quantized = None
        if chosen.quantize != "none":
            check = partial(_find_difference, trained, x)
            quantized = compare_quantized(path, chosen, trained, check, _take_batch(trained, x, 1))
        times = _measure(new, found, predict, x, reader is not None) if latency else None
        files = {file.name: file.stat().st_size for file in sorted(new.iterdir())}
        done.append(Exported(folder, files, parity, len(next(iter(x.values()))), times, quantized, notes))

    disk.put_whole(folder, write)
    return done[0]


def check_parity(
    trained: Bundle, predict: Callable[[Any], Any], x: Mapping[str, np.ndarray], tolerance: float = ABSOLUTE
) -> list[Parity]:
    """Compare with Keras at each size of a batch, twice in turn; ConfigError for answers that lie too far apart."""
    network = convention(trained.spec).export(trained.model, trained.spec)
    found = []
    for size in BATCHES:
        given = _take_batch(trained, x, size)
        batch = given if isinstance(given, Mapping) else {"past": given}
        expected = _list_answers(inference.predict(network, given), batch)
        apart = [
            _compare(one, known, tolerance)
            for _ in range(2)
            for one, known in zip(_list_answers(predict(given), batch), expected, strict=True)
        ]
        found.append(Parity(len(next(iter(batch.values()))), *(max(part) for part in zip(*apart))))
    if wrong := [one for one in found if not one.share <= 1]:
        raise ConfigError(
            f"the exported model answers otherwise than Keras: at batch {wrong[0].batch} by up to "
            f"{wrong[0].difference:.2g}, {wrong[0].share:.3g} times what is allowed; nothing is written"
        )
    return found


def _find_difference(
    trained: Bundle, x: Mapping[str, np.ndarray], predict: Callable[[Any], Any], tolerance: float
) -> float:
    return max(one.difference for one in check_parity(trained, predict, x, tolerance))


def _take_batch(trained: Bundle, x: Mapping[str, np.ndarray], size: int) -> Any:
    """Return the first examples as the network takes them, with states of zeros if it has any."""
    first = {name: values[:size] for name, values in x.items()}
    first |= stateful.make_zero_states(trained.model, len(next(iter(first.values()))))
    return first if len(first) > 1 else next(iter(first.values()))


def _list_answers(outputs: Any, x: Mapping[str, Any]) -> list[np.ndarray]:
    """Return outputs as arrays, without what lies after the end of a sequence: nobody reads that."""
    if isinstance(outputs, Mapping):  # in which a state that is given has another name than the one taken
        named = {name.removesuffix(NEXT): values for name, values in outputs.items()}
        return [np.asarray(named[name]) for name in sorted(named)]
    outputs = np.asarray(outputs)
    mask = x.get("mask")
    return [outputs if mask is None or outputs.shape[:2] != mask.shape else outputs[mask]]


def _compare(found: np.ndarray, expected: np.ndarray, tolerance: float) -> tuple[float, float]:
    """Return the largest difference, and the largest share of what each may be."""
    if found.shape != expected.shape:
        return float("inf"), float("inf")
    apart = np.abs(found.astype(np.float64) - expected)
    largest = max(1.0, float(np.abs(expected).max(initial=0)))
    allowed = tolerance * (RELATIVE * np.abs(expected) + largest)
    return float(apart.max(initial=0)), float((apart / allowed).max(initial=0))


def _take_examples(found: Trained, trained: Bundle, count: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return inputs of so many examples of a run's own data, or drawn ones where these are not there any more."""
    try:
        dataset = own_data(found, "a check of parity").for_model(trained.spec)
        part = dataset.parts[dataset.scored]
        chosen = part.indices[:count]
        x = dataset.batch(part.arrays_for(chosen), chosen)[0]
        return dict(x) if isinstance(x, Mapping) else {"past": x}, []
    except RnnexpError as error:
        return draw_inputs(trained.spec, count), [f"checked on random inputs: {error}"]


def draw_inputs(spec: TaskSpec, count: int) -> dict[str, np.ndarray]:
    """Return inputs that a network of this spec takes, of nothing in particular."""
    generator, drawn = np.random.default_rng(0), dict[str, np.ndarray]()
    for name, one in spec.inputs.items():
        shape = (count, *(RANDOM_STEPS if size is None else size for size in one.shape))
        if one.dtype == "bool":
            lengths = generator.integers(1, shape[1] + 1, (count, 1))
            drawn[name] = np.arange(shape[1]) < lengths
        elif one.vocabulary is not None:
            drawn[name] = generator.integers(0, one.vocabulary, shape).astype(one.dtype)
        else:
            drawn[name] = generator.normal(size=shape).astype(one.dtype)
    return drawn


def _measure(
    folder: Path, found: Trained, predict: Callable[[Any], Any], x: Mapping[str, np.ndarray], prepared: bool
) -> dict[str, float]:
    """Return percentiles of the time of one answer, in microseconds, from raw data on where there is a reader."""
    call = _make_raw_call(folder, x) if prepared else partial(predict, _take_batch(found.load(), x, 1))
    return dict(zip(("p50", "p99"), measure_calls(call)))


def _make_raw_call(folder: Path, x: Mapping[str, np.ndarray]) -> Callable[[], Any]:
    """Return a call of the reader that was written, on values as they might be."""
    code = runpy.run_path(str(folder / READER))
    if "Forecaster" in code:
        forecaster = code["Forecaster"](folder)
        rows = np.linspace(1, 2, forecaster.plan["sequence_length"] + forecaster.lost)[:, None]
        raw = np.repeat(rows, len(forecaster.columns), axis=1)
        return partial(forecaster.forecast, raw)
    if "TextPredictor" in code:
        predictor = code["TextPredictor"](folder)
        return partial(predictor.predict, [" ".join(predictor.told["vocabulary"][:RANDOM_STEPS])])
    sequence = np.asarray(x["past"][0], np.float64)
    return partial(code["SequencePredictor"](folder).predict, [sequence])
