"""The command as a person calls it: in a process of its own, judged by exit code and what it prints."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from readme import PAGES, blocks_of

from rnnexp.cli.main import main
from rnnexp.errors import ConfigError
from rnnexp.registry import load_plugins

COMMAND = [sys.executable, "-m", "rnnexp"]
TINY = ("data.points=80", "model.units=[4]", "trainer.epochs=2")
FAST = (*TINY, "tracking=off", "tracking.figures=false", "tracking.log_model=false")
HEAVY = ("keras", "jax", "tensorflow", "torch", "mlflow", "pandas", "matplotlib", "sklearn")


def rnnexp(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the current directory."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=170, env={**os.environ, **environment}
    )


def imported(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that says at the end which heavy libraries it has imported."""
    code = (
        "import sys; from rnnexp.cli.main import main\n"
        f"try: main({list(arguments)!r})\nexcept SystemExit: pass\n"
        f"print('HEAVY', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def heavy_modules(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return which heavy libraries a command has imported."""
    return done.stdout.splitlines()[-1].split()[1:]


@pytest.mark.end_to_end
def test_training_prints_the_score_and_imports_no_other_backend() -> None:
    done = imported("train", *TINY)
    assert "backend jax" in done.stdout
    assert "<- this run" in done.stdout
    assert "linear" in done.stdout
    assert "Traceback" not in done.stderr
    found = heavy_modules(done)
    assert {"keras", "jax"} <= set(found)
    assert "tensorflow" not in found
    assert "torch" not in found


@pytest.mark.end_to_end
def test_what_it_recommends_next_is_the_same_run_with_other_seeds(tmp_path: Path) -> None:
    (tmp_path / "a rhyme.txt").write_text("one two three four\n" * 20)
    asked = ("data=corpus", "data.path='a rhyme.txt'", "data.sequence_length=5", "trainer.batch_size=2", *FAST[1:])
    done = rnnexp("train", *asked, "seed=7")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("  next ")]
    words = shlex.split(line.removeprefix("  next").partition("   then")[0])
    assert words[:3] == ["rnnexp", "train", "-m"]
    assert sorted(words[3:]) == sorted([*asked, "seed=0,1,2"])
    again = rnnexp(*words[1:], "--dry-run")
    assert again.returncode == 0
    assert "3 jobs" in again.stdout
    assert rnnexp("train", "-m", "data=corpus", "seed=0,1,2", "--dry-run").returncode == 2


@pytest.mark.fault("F1", "F3")
def test_a_mistake_ends_with_2_without_a_traceback_and_without_a_run(tmp_path: Path) -> None:
    done = rnnexp("train", "model.unit=3", "trainer.epochs=x")
    assert done.returncode == 2
    assert "model.unit: unknown key; did you mean `model.units`?" in done.stderr
    assert "trainer.epochs: 'x' given; must be a valid integer" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("F1")
def test_hydras_advice_to_add_a_plus_never_appears() -> None:
    assert "use +" not in rnnexp("train", "modle=gru").stderr


def test_bad_data_end_with_3(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("y\n1\nx\n3\n")
    done = rnnexp("train", "data=csv", "data.path=bad.csv", "tracking=off")
    assert done.returncode == 3
    assert done.stderr.startswith("rnnexp: bad.csv: ")
    assert "bad.csv" not in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture(scope="module")
def no_gpu(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Ask for jax and a GPU where Keras is told to use TensorFlow and there is none."""
    asked = ("train", "device=gpu", "backend=jax", *FAST)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("no_gpu"))
        return rnnexp(*asked, KERAS_BACKEND="tensorflow", JAX_PLATFORMS="cpu")


@pytest.mark.fault("G6")
def test_a_gpu_that_is_not_there_ends_with_6(no_gpu: subprocess.CompletedProcess[str]) -> None:
    assert no_gpu.returncode == 6
    assert "device: gpu asked for, but jax sees none" in no_gpu.stderr
    assert "pip install 'rnnexp[cuda]'" in no_gpu.stderr


def test_keras_backend_is_heard_and_said() -> None:
    done = rnnexp("train", *FAST, KERAS_BACKEND="thano")
    assert done.returncode == 2
    assert "KERAS_BACKEND: `thano` given; must be one of jax, tensorflow, torch" in done.stderr


@pytest.mark.end_to_end
def test_the_command_line_wins_over_keras_backend(no_gpu: subprocess.CompletedProcess[str]) -> None:
    heard = rnnexp("train", "device=gpu", *FAST, KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="")
    assert "tensorflow sees none" in heard.stderr
    assert "jax sees none" in no_gpu.stderr


@pytest.fixture
def broken(tmp_path: Path) -> tuple[str, ...]:
    """Write a model that cannot be built and return the command that asks for it."""
    (tmp_path / "my_parts.py").write_text(
        "from rnnexp import register\n"
        "@register('model')\n"
        "def broken(spec, units: int = 3):\n"
        "    raise RuntimeError('this model cannot be built')\n"
    )
    return ("train", "plugins=[my_parts]", "model=broken", "data.points=80", "tracking=off")


@pytest.mark.fault("A9")
def test_a_failure_of_the_users_own_code_ends_with_1_and_keeps_its_traceback(
    tmp_path: Path, broken: tuple[str, ...]
) -> None:
    done = rnnexp(*broken)
    assert done.returncode == 1
    assert "rnnexp: RuntimeError: this model cannot be built\nThe traceback is in " in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (trace,) = tmp_path.glob("runs/*/*/error.txt")
    assert trace.read_text().startswith("Traceback")


@pytest.mark.end_to_end
def test_hydra_verbose_prints_the_traceback(broken: tuple[str, ...]) -> None:
    assert "Traceback" in rnnexp(*broken, "hydra.verbose=true").stdout


@pytest.mark.end_to_end
@pytest.mark.fault("I6")
def test_a_secret_is_masked_in_what_is_printed_and_written(tmp_path: Path) -> None:
    address = "tracking.uri=http://user:hunter2@127.0.0.1:9/"
    done = rnnexp("train", address, *TINY, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    assert done.returncode == 0
    assert "http://***@127.0.0.1:9/: " in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert "journal.jsonl" in {file.name for file in written}
    assert [file.name for file in written if b"hunter2" in file.read_bytes()] == []


def test_cfg_job_shows_every_value() -> None:
    shown = rnnexp("train", "--cfg", "job", "--resolve", "seed=7").stdout
    assert "recurrent_initializer: orthogonal" in shown
    assert shown.count("seed: 7") == 2


def test_cfg_job_leaves_references_unless_asked() -> None:
    assert "seed: ${seed}" in rnnexp("train", "--cfg", "job").stdout


@pytest.mark.fault("F11")
def test_the_installed_script_is_the_same_command() -> None:
    script = Path(sys.executable).with_name("rnnexp")
    done = subprocess.run([script, "train", "seed=no"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (2, rnnexp("train", "seed=no").stderr)
    assert "seed: 'no' given" in done.stderr


def test_info_lists_our_plugins() -> None:
    shown = rnnexp("train", "--info", "plugins").stdout
    assert "RnnexpConfigSource" in shown
    assert "JoblibLauncher" in shown


def test_help_lists_the_choices_with_examples() -> None:
    shown = rnnexp("train", "--help").stdout
    models = (
        "cnn_lstm, cnn_rnn, encoder_decoder, gru, lstm, lstm_fcn, min_gru, min_lstm, multi_input, simple_rnn, slstm"
    )
    assert f"model: {models}" in shown
    assert "rnnexp train -m model=simple_rnn,lstm,gru seed=0,1,2" in shown


def test_completion_offers_the_choices() -> None:
    done = rnnexp("-sc", "query=bash", COMP_LINE="rnnexp train model=")
    assert {"model=gru", "model=lstm", "model=simple_rnn"} <= set(done.stdout.split())


def test_a_configuration_folder_of_the_users_own_is_searched(tmp_path: Path) -> None:
    (tmp_path / "mine" / "model").mkdir(parents=True)
    (tmp_path / "mine" / "model" / "wide.yaml").write_text("name: lstm\nunits: [99]\n")
    done = rnnexp("train", "--config-dir", "mine", "--cfg", "job", "model=wide")
    assert "- 99" in done.stdout, done.stderr
    assert "configuration is also read from" in done.stderr


@pytest.mark.fault("F3")
def test_a_mistake_in_one_job_of_a_sweep_is_found_before_the_first(tmp_path: Path) -> None:
    done = rnnexp("train", "-m", "model.dropout=0.1,1.5", *TINY)
    assert done.returncode == 2
    assert "model.dropout: 1.5 given; must be less than 1" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.end_to_end
@pytest.mark.parametrize("launcher", ["basic", "joblib"])
def test_hydras_own_sweeper_is_tracked_and_goes_on_after_a_job_that_fails(tmp_path: Path, launcher: str) -> None:
    from mlflow import MlflowClient

    (tmp_path / "bad.csv").write_text("y\n1\nx\n3\n")
    (tmp_path / "good.csv").write_text("y\n" + "\n".join(f"{i % 7}" for i in range(60)))
    (tmp_path / "other.csv").write_text("y\n" + "\n".join(f"{i % 5}" for i in range(60)))
    settings = ("model.units=[4]", "trainer.epochs=2", "tracking.experiment=sweep", *FAST[-2:])
    files = ("data=csv", "data.path=bad.csv,good.csv,other.csv")
    stock = ("hydra/sweeper=basic", f"hydra/launcher={launcher}")
    done = rnnexp("train", "-m", *stock, *files, *settings)
    assert done.returncode == 10
    assert "rnnexp: job 0 of the sweep has failed" in done.stderr
    assert "bad.csv" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("sweep").experiment_id])
    assert sorted(run.data.params["data.path"] for run in runs) == ["good.csv", "other.csv"]
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.end_to_end
@pytest.mark.fault("C17")
def test_a_terminated_run_ends_killed(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    process = subprocess.Popen(
        [*COMMAND, "train", "data.points=80", "trainer.epochs=1000000"], stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("runs/*/*/metrics.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 143
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("sine").experiment_id])
    assert (run.info.status, run.data.tags["rnnexp.outcome"]) == ("KILLED", "killed")


@pytest.mark.fault("A11")
def test_a_run_in_a_thread_works_without_a_word_about_signals(capfd: pytest.CaptureFixture[str]) -> None:
    """As in a notebook, or a server of one's own."""
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(main, ["train", *FAST]).result() == 0
    printed = capfd.readouterr()
    assert "<- this run" in printed.out
    assert "signal" not in printed.out + printed.err
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == handlers


@pytest.mark.end_to_end
def test_a_plugin_that_imports_keras_at_its_top_gets_the_runs_backend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    (tmp_path / "my_parts.py").write_text(
        "import keras\nfrom rnnexp import register\n\n"
        "@register('model')\n"
        "def flat(spec, units: int = 3):\n"
        "    past = keras.Input(spec.inputs['past'].shape, name='past')\n"
        "    x = keras.layers.Dense(1, name='output')(keras.layers.Flatten(name='flat')(past))\n"
        "    return keras.Model(past, keras.layers.Reshape(spec.output_shape, name='shape')(x))\n"
    )
    light = ("data.points=80", "trainer.epochs=2", "tracking=off", "tracking.figures=false")
    done = rnnexp("train", "plugins=[my_parts]", "model=flat", *light)
    assert done.returncode == 0, done.stderr
    assert "backend jax (default)" in done.stdout
    (folder,) = tmp_path.glob("runs/*/*")
    code = (
        "import sys; from rnnexp.cli.main import main\n"
        f"code = main(['predict', {str(folder)!r}, '--plugins', 'my_parts', '-o', 'next.csv'])\n"
        "import keras; print(code, keras.config.backend())"
    )
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert again.stdout.splitlines()[-1] == "0 jax", again.stderr


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("def (", "line 1: SyntaxError: invalid syntax"),
        ("\n\n1 / 0", "line 3: ZeroDivisionError: division by zero"),
        ("import no_such_module", "line 1: ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_named_with_its_line(written: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "wrong_parts.py").write_text(written)
    sys.modules.pop("wrong_parts", None)
    importlib.invalidate_caches()
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_plugins(["wrong_parts"])
    with pytest.raises(ConfigError, match="`wrong_parts.py` is a file; write the name of its module, `wrong_parts`"):
        load_plugins(["wrong_parts.py"])


def test_a_command_is_kept_as_it_can_be_typed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnexp.cli.train import command_line

    words = ["train", "-m", "seed=range(3)", "data.path={pos: a.txt, neg: b.txt}", "model=gru,lstm"]
    monkeypatch.setattr(sys, "argv", ["/bin/rnnexp", *words])
    assert shlex.split(command_line()) == ["rnnexp", *words]
    assert "'seed=range(3)'" in command_line()


def readable(command: str) -> bool:
    return subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False).returncode == 0


def test_every_command_of_the_docs_can_be_read_by_a_shell() -> None:
    blocks = [block for text in PAGES.values() for block in blocks_of(text) if block.startswith("\n")]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    commands = [line for line in lines if line.startswith("rnnexp ")]
    assert len(commands) > 80
    for command in commands:
        assert readable(command), command
        bare = re.sub(r"'[^']*'|\"[^\"]*\"|#.*", "", command)
        assert not set("[](){}*") & set(bare), f"zsh would read {command}"
    assert not readable("rnnexp train seed=range(3)")


def test_the_command_leaves_at_once_but_calls_what_asked_to_be_called(tmp_path: Path) -> None:
    code = (
        "import atexit, sys; from rnnexp.cli.main import entry\n"
        "class Slow:\n    def __del__(self): print('taken apart')\n"
        "kept = Slow(); atexit.register(print, 'called')\n"
        "sys.argv = ['rnnexp', 'explain', 'model.unts']; entry()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "called\n")
    assert "did you mean" in done.stderr


@pytest.mark.parametrize("frequency", ["M", "Q", "T", "15T", "BM", "nonsense", "0D", "''", "3"])
def test_a_step_that_is_none_ends_before_the_data_are_looked_for(
    frequency: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data=csv", "data.path=absent.csv", "data.time=day", f"data.frequency={frequency}"]
    assert main(["train", *words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("rnnexp: data.frequency: ")
    assert "absent.csv" not in said
    assert list(Path.cwd().iterdir()) == []
