"""The pieces of work, their contestants and the targets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import memory
from .contestants import Contestant, Work, best_per_seed, our_rate, printed, printed_rate, scored

HERE = Path(__file__).parent / "peers"
RANGE = 518.0  # thousand passengers, of the whole series: the yardsticks' losses are scaled by it
RATES = "optimizer.learning_rate=1e-3,2e-3,3e-3,5e-3,1e-2,2e-2,3e-2,5e-2"
PASSENGERS = printed(r"test_mse=([\d.]+)", lambda mse: math.sqrt(mse) * RANGE)
SINE_LOSS = printed(r"lstm loss=([\d.]+)")
COLD = {"XDG_CACHE_HOME": "{folder}/cache"}
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Places:
    """yardsticks: folder of the scripts by hand;  data: folder of the data sets."""

    yardsticks: Path
    data: Path

    @property
    def airline(self) -> str:
        return str(self.data / "airline_passengers" / "airline-passengers.csv")

    @property
    def ett(self) -> str:
        return str(self.data / "ett" / "ETTh1.csv.gz")

    @property
    def ettm1(self) -> str:
        return str(self.data / "ett" / "ETTm1.csv.gz")

    @property
    def ptb(self) -> str:
        return str(self.data / "ptb" / "ptb.valid.txt.gz")


def works(places: Places, quick: bool) -> list[Work]:
    """Return all pieces of work; `quick` ones are so small that only their running means anything."""
    make = (airline, sine, airline_64, sine_64, steps_sine, steps_etth1, steps_ptb, long_windows, many, tracking)
    return [function(places, quick) for function in make]


def ours(*words: str, many: bool = False) -> tuple[str, ...]:
    return ("-m", "rnnexp", "train", *(["-m"] if many else []), *words)


def yardstick(places: Places, name: str, script: str, *words: object, warm: tuple = (), **more: object) -> Contestant:
    path = places.yardsticks / script
    argv, warm_up = ((str(path), *map(str, given)) for given in (words, warm or words))
    return Contestant(name, "peers", argv, needs=path, warm_up=warm_up, **more)


def peer(name: str, script: str, *words: object, warm: tuple = (), **more: object) -> Contestant:
    path = HERE / script
    argv, warm_up = ((str(path), *map(str, given)) for given in (words, warm or words))
    return Contestant(name, "peers", argv, warm_up=warm_up, **more)


def keras(backend: str) -> Mapping[str, str]:
    return {"KERAS_BACKEND": backend}


def airline(places: Places, quick: bool) -> Work:
    epochs, csv = (20 if quick else 1000), places.airline
    words = ("experiment=airline_lstm", f"trainer.epochs={epochs}", "seed={turn}")
    tensorflow = {"variables": keras("tensorflow"), "losses": PASSENGERS, "warm": (csv, 20)}
    return Work(
        "airline",
        "airline, one run",
        (
            Contestant("rnnexp, tracked and scored", "ours", ours(*words), losses=scored("test/rmse")),
            Contestant("the first run ever: an empty cache", "ours", ours(*words), variables=COLD),
            Contestant(
                "the import of Keras and JAX alone", "ours", ("-c", "import keras, jax"), variables=keras("jax")
            ),
            yardstick(places, "Keras on TensorFlow", "airline_keras.py", csv, epochs, **tensorflow),
            yardstick(places, "the same, tuned", "airline_keras_tuned.py", csv, epochs, **tensorflow, target=1.0),
            yardstick(
                places, "PyTorch", "airline_torch.py", csv, epochs, warm=(csv, 20), losses=PASSENGERS, target=0.6
            ),
        ),
    )


def sine(places: Places, quick: bool) -> Work:
    epochs = 3 if quick else 100
    words = (*SINE, f"trainer.epochs={epochs}", "seed={turn}")
    more = {"warm": ("lstm", 3), "losses": SINE_LOSS}
    tensorflow = {"variables": keras("tensorflow"), **more}
    return Work(
        "sine",
        "sine, LSTM 50, one run",
        (
            Contestant("rnnexp, tracked and scored", "ours", ours(*words), losses=scored("train/mse")),
            yardstick(places, "Keras on TensorFlow", "sine_keras.py", "lstm", epochs, **tensorflow, target=0.6),
            yardstick(places, "PyTorch", "sine_torch.py", "lstm", epochs, **more, target=1.5),
        ),
    )


SINE = ("experiment=sine_lstm", "data.split=none", "trainer.batch_size=32")


def airline_64(places: Places, quick: bool) -> Work:
    """The parts that are measured all have learning rate 0.01; a run costs the same with any."""
    csv, epochs = places.airline, (20 if quick else 1000)
    few, more = (2, 4) if quick else (4, 8)
    words = ("experiment=airline_lstm", f"trainer.epochs={epochs}", "hydra/launcher=vectorized", RATES, "seed=range(8)")
    tensorflow = {"variables": keras("tensorflow"), "losses": PASSENGERS, "of": 64}
    hydra = ("-m", f"csv={csv}", f"epochs={epochs}", f"seed=range({few})")
    hydra_warm = ("-m", f"csv={csv}", "epochs=20", "seed=0")
    joblib = ("-m", f"csv={csv}", f"epochs={epochs}", f"seed=range({more})", "hydra/launcher=joblib")
    return Work(
        "airline_64",
        "airline, 64 runs (8 learning rates, 8 seeds)",
        (
            Contestant(
                "rnnexp, vectorized, tracked, scored, resumable",
                "ours",
                ours(*words, many=True),
                losses=scored("test/rmse", {"optimizer.learning_rate": 0.01}),
            ),
            yardstick(
                places,
                "one JAX program by hand",
                "airline_vmap.py",
                csv,
                epochs,
                warm=(csv, 20),
                variables=keras("jax"),
                losses=printed(r"best test_mse=([\d.]+)", lambda mse: math.sqrt(mse) * RANGE),
                beside=best_per_seed("test/rmse", 8),
                best_of_all=True,
                target=1.7,
            ),
            yardstick(
                places,
                "Keras on TensorFlow, tuned",
                "airline_keras_tuned.py",
                csv,
                epochs,
                few,
                warm=(csv, 20, 1),
                runs=few,
                **tensorflow,
                target=1 / 8,
            ),
            peer(
                "PyTorch, two processes",
                "airline_torch_many.py",
                *(csv, epochs, more, "{process}", 2),
                warm=(csv, 20, 2, "{process}", 2),
                variables=ONE_THREAD,
                losses=PASSENGERS,
                processes=2,
                lanes=2,
                runs=more,
                of=64,
                target=1 / 2,
            ),
            peer("KerasTuner, grid", "airline_tuner.py", csv, epochs, few, warm=(csv, 20, 1), runs=few, **tensorflow),
            peer("Hydra, basic launcher", "airline_hydra.py", *hydra, warm=hydra_warm, runs=few, **tensorflow),
            peer(
                "Hydra, joblib, two processes",
                "airline_hydra.py",
                *(*joblib, "hydra.launcher.n_jobs=2"),
                warm=(*hydra_warm, "hydra/launcher=joblib"),
                runs=more,
                lanes=2,
                **tensorflow,
            ),
        ),
    )


def sine_64(places: Places, quick: bool) -> Work:
    epochs, few, each = (3, 2, 2) if quick else (100, 4, 4)
    words = (*SINE, f"trainer.epochs={epochs}", "hydra/launcher=vectorized", "seed=range(64)")
    more = {"warm": ("lstm", 3, 1), "losses": SINE_LOSS, "of": 64}
    tensorflow = {"variables": keras("tensorflow"), **more}
    return Work(
        "sine_64",
        "sine, LSTM 50, 64 runs",
        (
            Contestant(
                "rnnexp, vectorized, tracked, scored, resumable",
                "ours",
                ours(*words, many=True),
                losses=scored("train/mse"),
            ),
            yardstick(
                places,
                "Keras on TensorFlow",
                "sine_keras.py",
                "lstm",
                epochs,
                few,
                runs=few,
                **tensorflow,
                target=1 / 8,
            ),
            yardstick(
                places,
                "PyTorch, two processes",
                "sine_torch.py",
                *("lstm", epochs, each),
                variables=ONE_THREAD,
                processes=2,
                lanes=2,
                runs=2 * each,
                **more,
                target=2 / 3,
            ),
        ),
    )


def steps_sine(places: Places, quick: bool) -> Work:
    epochs = 3 if quick else 50
    words = (*SINE, f"trainer.epochs={epochs}", "tracking=off")
    return _steps("steps_sine", "sine, LSTM 50, batch 32", places, words, ("sine", epochs, 1000, 990))


def steps_etth1(places: Places, quick: bool) -> Work:
    rows, epochs = (400, 2) if quick else (8640, 2)
    words = (
        *oil(places.ett, f"data.split={{train: {rows}, val: 0, test: 2880}}", 96, 24),
        *("model=gru", "model.units=[128]", "trainer.batch_size=32", f"trainer.epochs={epochs}", "tracking=off"),
    )
    return _steps(
        "steps_etth1", "ETTh1, GRU 128, window 96, batch 32", places, words, ("etth1", epochs, rows, rows - 119)
    )


def long_windows(places: Places, quick: bool) -> Work:
    """Windows that overlap by all but one of 720 rows: whoever writes each of them out needs 720 times the memory."""
    rows, epochs = (1600, 2) if quick else (34560, 2)
    words = (
        *oil(places.ettm1, f"data.split={{train: {rows}, val: 0, test: 11520}}", 720, 96),
        *("model=lstm", "model.units=[16]", "trainer.batch_size=256", f"trainer.epochs={epochs}", "tracking=off"),
    )
    title = "ETTm1, LSTM 16, window 720, batch 256"
    return _steps("long_windows", title, places, words, ("ettm1", epochs, rows, rows - 815), 256)


def many(places: Places, quick: bool) -> Work:
    """A sweep of many members, two epochs each: what matters is the memory."""
    members, few = (20, 5) if quick else (1000, 10)
    script = str(HERE / "airline_vmap_many.py")
    by_hand, warm = ((script, places.airline, str(count), "2") for count in (members, few))
    return Work(
        "many",
        f"airline, {members:,} members of a vectorized sweep, two epochs",
        (
            Contestant("rnnexp", "ours", tuple(memory.sweep_words(members)), warm_up=tuple(memory.sweep_words(few))),
            Contestant("one JAX program by hand", "ours", by_hand, warm_up=warm, variables=keras("jax")),
        ),
    )


def oil(path: str, split: str, window: int, horizon: int) -> tuple[str, ...]:
    """Return what reads the oil temperature of an ETT file."""
    data = ("data=csv", f"data.path={path}", "data.time=date", "data.target=[OT]", split)
    return (*data, f"data.sequence_length={window}", f"data.horizon={horizon}")


def _steps(
    name: str, title: str, places: Places, words: tuple[str, ...], size: tuple[str, int, int, int], batch: int = 32
) -> Work:
    """Steps per second of the epochs after the first. size: task, epochs, rows, windows of the training part."""
    task, epochs, rows, examples = size
    file = places.ettm1 if task == "ettm1" else places.ett
    given = {"rate": printed_rate, "warm": (task, file, 2, 300 + 720 * (task == "ettm1"))}
    arguments = (task, file, epochs, rows)
    return Work(
        name,
        f"{title}: training steps per second",
        (
            Contestant("rnnexp", "ours", ours(*words), rate=our_rate(-(-examples // batch), examples)),
            peer("PyTorch by hand", "steps_torch.py", *arguments, **given),
            peer("darts", "steps_darts.py", *arguments, **given, target=2.0),
            peer("neuralforecast", "steps_neuralforecast.py", *arguments, **given, target=2.0),
        ),
        unit="steps/s",
    )


def steps_ptb(places: Places, quick: bool) -> Work:
    """A step is 400 words, 20 lanes of 20; the text is the validation part, 73,760 words: 184 steps."""
    epochs, steps, words_a_step = (2 if quick else 4), 184, 400
    words = (
        *("experiment=ptb_small", f"data.path={places.ptb}", "data.val_path=null", "data.test_path=null"),
        *("data.split=none", f"trainer.epochs={epochs}", "tracking=off", "tracking.figures=false"),
    )
    return Work(
        "steps_ptb",
        "Penn Treebank, two LSTM 200, 20 lanes of 20 words: training steps per second",
        (
            Contestant("rnnexp", "ours", ours(*words), rate=our_rate(steps, steps * words_a_step)),
            peer("PyTorch by hand", "steps_ptb_torch.py", places.ptb, epochs, rate=printed_rate, target=1.0),
        ),
        unit="steps/s",
    )


def tracking(places: Places, quick: bool) -> Work:
    """A minute of many short epochs, each logged: the dearest case for tracking."""
    words = (*SINE, f"trainer.epochs={5 if quick else 5000}", "seed={turn}")
    losses = scored("train/mse")
    return Work(
        "tracking",
        "sine, LSTM 50, a minute",
        (
            Contestant("rnnexp, tracked", "ours", ours(*words), losses=losses),
            Contestant("rnnexp, tracking=off", "ours", ours(*words, "tracking=off"), losses=losses, target=1.05),
        ),
    )
