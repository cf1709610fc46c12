"""What README and docs say, as far as it can be looked up without training: commands, keys, files, tables and counts.

What can only be seen in a run is tested beside the code.
"""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from argparse import Action
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from hydra._internal.utils import get_args_parser
from hydra.conf import HydraConf
from readme import BLOCKS, GUIDE, HEADERS, PAGES, PROSE, README, ROOT, blocks_of, commands_of, rows_under

import rnnexp as rx
from rnnexp import errors, registry
from rnnexp.cli import train
from rnnexp.cli.main import COMMANDS, main, parser_of, read_words
from rnnexp.config.explain import every_key
from rnnexp.config.grammar import GROUPS
from rnnexp.config.source import options
from rnnexp.config.written import write_overrides
from rnnexp.models.layers import Pooling
from rnnexp.sweeps.definition import define, sweep_name
from rnnexp.sweeps.launcher import default, read_launcher
from rnnexp.sweeps.plugin import Sweeps
from rnnexp.sweeps.read_space import read_space
from rnnexp.sweeps.request import Request
from rnnexp.sweeps.search import search
from rnnexp.sweeps.settings import Sweep, read_sweep
from rnnexp.sweeps.state import JOURNAL
from rnnexp.task import metric_of, rises
from rnnexp.tasks.tagging.predict import CUT
from rnnexp.training.compiled import dispatch

SPANS = tuple(dict.fromkeys(re.findall(r"`([^`]+)`", PROSE.replace("\n", " "))))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, MARKERS = PYPROJECT["project"], PYPROJECT["tool"]["pytest"]["ini_options"]["markers"]


def check(words: list[str]) -> Request | None:
    """Do what a command does before it reads data, trains or looks for a run; a mistake is an error or exit code 2."""
    name, *rest = words
    if name == "train":
        args = get_args_parser().parse_intermixed_args([word for word in rest if word not in train.SWEEP_FLAGS])
        (train.check_sweep if args.multirun else train.check)(args)
        request, Sweeps.request = Sweeps.request, None
        return request
    args = read_words(parser_of(name), rest) if name in COMMANDS else sys.exit(2)
    if name == "show":
        rx.compose(*args.overrides)
    return None


# Commands


def shown_commands() -> Iterator[tuple[str, list[str]]]:
    """Yield each command that a block of README or of a page of docs shows, with the page."""
    for page, text in PAGES.items():
        for block in blocks_of(text):
            yield from ((page, words) for words in commands_of(block))


SHOWN = list(shown_commands())


@pytest.mark.parametrize(("page", "words"), SHOWN, ids=lambda part: part if isinstance(part, str) else " ".join(part))
def test_a_command_is_one_that_the_program_takes(page: str, words: list[str]) -> None:
    for file, content in written_by_the_reader(PAGES[page]).items():
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text(content)
    check(words)


STAND_IN = "# @package _global_\ndefaults:\n  - override /data: airline_passengers\n"


def written_by_the_reader(text: str) -> dict[str, str]:
    """Return the files whose contents a page shows, and a stand-in for each experiment that `init` writes on it."""
    shown = re.findall(r"\n```(?:python|yaml)\n# ([\w/]+\.(?:py|yaml))\n(.*?)\n```", text, re.DOTALL)
    commands = [words for block in blocks_of(text) for words in commands_of(block)]
    begun = [Path(words[1]).stem for words in commands if words[0] == "init"]
    return {f"experiments/{name}.yaml": STAND_IN for name in begun} | dict(shown)


def test_the_commands_of_each_page_are_looked_at() -> None:
    found = [page for page, _ in SHOWN]
    assert len(found) >= 90
    assert {"README.md", "docs/guide/sweeps.md", "docs/audio.md", "docs/architecture.md"} < set(found)


def test_a_page_that_is_given_a_wrong_command_would_be_found() -> None:
    page = PAGES["docs/guide/own_texts.md"].replace("data.label=topic", "data.lable=topic")
    wrong = [words for block in blocks_of(page) for words in commands_of(block) if "data.lable=topic" in words]
    assert len(wrong) == 1
    with pytest.raises(errors.ConfigError, match="data.lable: unknown key; did you mean `data.label`"):
        check(wrong[0])


@pytest.mark.parametrize(
    "words", ["train model.unit=3", "train -m sede=0,1", "predict RUN --levels 80", "evaluate RUN --part rest"]
)
def test_a_command_that_is_wrong_would_be_found(words: str) -> None:
    with pytest.raises((errors.ConfigError, SystemExit), match="unknown key|^2$"):
        check(words.split())


def test_every_command_is_mentioned() -> None:
    assert [name for name in COMMANDS if f"rnnexp {name}" not in GUIDE] == []


def header_commands() -> Iterator[tuple[str, list[str]]]:
    """Yield each command in the header of an experiment, without what is said of it behind blanks or a semicolon."""
    for name, header in HEADERS.items():
        for line in re.findall(r"^# (?:Command:)? +(rnnexp .*)", header, re.MULTILINE):
            yield name, shlex.split(re.split(r";|   ", line)[0])[1:]


@pytest.mark.parametrize(("name", "words"), list(header_commands()), ids=str)
def test_the_header_of_an_experiment_has_its_own_command_and_counts_its_jobs(name: str, words: list[str]) -> None:
    assert f"experiment={name}" in words
    plain = {"train", "-m", f"experiment={name}", "data.root=FOLDER", "seed=range(3)", "seed=range(5)"}
    if set(words) <= plain and "hydra:" not in (ROOT / f"experiments/{name}.yaml").read_text():
        return  # the experiment itself is composed in test_compose
    request = check(words)
    assert request is not None
    space = read_space(request.lines, request.settings)
    trials = search(space, request.settings, "minimize").total
    jobs = trials * request.settings.repeats * (request.settings.folds or 1)
    assert re.findall(r"\((\d+) jobs[ )]", HEADERS[name])[:1] in ([], [str(jobs)])
    if name == "cell_comparison":  # the sweep whose table the README shows
        shown = sweep_name(define(space, request.settings, request.settings.objective), None)
        assert re.findall(r"^sweep (\S+)$", "\n".join(BLOCKS), re.MULTILINE) == [shown]


# Keys, options, files: everything in backticks

# What stands there as an example of the reader's own, what belongs to other programs, and what a test elsewhere shows.
OWN = {"a", "b", "mine", "paper/table1"}
EXAMPLES = {"group=option", "group.key=value", "a=1,2", "my_models.py", "=1+1", "'", "B-x", "I-x", "O"}
EXAMPLES |= {
    "epoch",
    "epochs",
    "_scaled",
    "password",
    "API_TOKEN",
    "***",
    "${now:…}",
    "'${oc.env:MY_TOKEN}'",
}
OTHERS = {"mlflow ui", "kill -9", "jax.vmap", "du -sh", "_target_"}
# Where a test shows it, and by which words.
ELSEWHERE = {
    "members": ("runner/test_members.py", 'report.tables["members"]'),
    "members/rmse": ("runner/test_members.py", "members/rmse"),
    "members/deviation/rmse": ("runner/test_members.py", "members/deviation/rmse"),
    "MLFLOW_TRACKING_USERNAME": ("tracking/test_private_server.py", "MLFLOW_TRACKING_USERNAME"),
    "MLFLOW_TRACKING_PASSWORD": ("tracking/test_private_server.py", "MLFLOW_TRACKING_PASSWORD"),
    "MLFLOW_TRACKING_SERVER_CERT_PATH": ("tracking/test_private_server.py", "MLFLOW_TRACKING_SERVER_CERT_PATH"),
    "JAX_DEFAULT_MATMUL_PRECISION=highest": ("gpu/__main__.py", "JAX_DEFAULT_MATMUL_PRECISION"),
    "apt install postgresql": ("tracking/real_server.py", "postgresql"),
    "range(5)": ("sweeps/test_space.py", "seed=range(3)"),
    "choice": ("sweeps/test_space.py", "seed=choice(1,2)"),
    "sort": ("sweeps/test_space.py", "seed=sort(3,1,2)"),
    "interval(0,0.5)": ("sweeps/test_space.py", "=interval(0.1,1)"),
    "tag(log,interval(1e-4,1e-1))": ("sweeps/test_space.py", "tag(log,interval(1e-4,1e-1))"),
    "hydra/sweeper=basic hydra/launcher=joblib": ("cli/test_train.py", '"joblib"'),
    'eval "$(rnnexp -sc install=bash)"': ("cli/test_train.py", "test_completion_offers_the_choices"),
    "mlflow models serve -m runs:/RUN_ID/model --env-manager local": (
        "deploy/test_served.py",
        '"--env-manager", "local"',
    ),
    'mlflow.pyfunc.load_model("runs:/RUN_ID/model").predict(rows)': ("tracking/test_model.py", "load_model"),
    '.predict(rows, {"levels": [80, 95]})': ("deploy/test_predict.py", '{"levels"'),
    "HYDRA_FULL_ERROR=1": ("test_failures.py", "HYDRA_FULL_ERROR"),
    "RNNEXP_PLUGINS=my_models": ("deploy/test_served.py", "RNNEXP_PLUGINS"),
    "mkdocs build --strict": ("test_docs.py", '"build", "--strict"'),
    "~/.cache/rnnexp": ("test_runtime.py", "test_compiled_programs_are_kept_for_the_next_process"),
    "earlier-1": ("test_run_folder.py", "earlier-1"),
    "-": ("deploy/test_predict.py", "test_rows_come_from_standard_input_too"),
    ".gz": ("data/texts/test_text_sources.py", ".gz"),
    ".ts": ("data/test_sequence_sources.py", ".ts"),
    ".npz": ("data/test_sequence_sources.py", ".npz"),
    ".txt": ("data/texts/test_text_sources.py", ".txt"),
}
# What the program makes, and what a reader may make.
PLACES = {"./mlflow.db", "./mlartifacts", "runs/", f"runs/sweeps/NAME/{JOURNAL}", "./experiments/sales.yaml", "./conf"}
PLACES |= {"./conf/config.yaml", "./conf/model/mine.yaml", "./conf/hydra/", "./conf/hydra/launcher/cluster.yaml"}


@cache
def keys() -> dict[str, set[str]]:
    """Return every key of the configuration with what its values may be, in the words of `rnnexp explain`."""
    known: dict[str, set[str]] = {group: {"anything"} for group in (*GROUPS, "hydra", "hydra.sweeper")}
    for item in every_key():
        known.setdefault(item.key, set()).update(re.split(r" or |list of \(|\)", item.type))
    for group, settings in (("sweeper", [Sweep]), ("launcher", registry.components("executor").values())):
        known |= {f"hydra.{group}.{one.name}": {"anything"} for cls in settings for one in fields(cls)}
    return known


def is_key(span: str) -> bool:
    """Tell a key of the configuration, or one of Hydra's own; of what stands in a table the part after a dot."""
    if span in keys() or any(f"hydra.{group}.{span}" in keys() for group in ("sweeper", "launcher")):
        return True
    node: Any = HydraConf()
    for name in span.removeprefix("hydra.").split("."):
        if isinstance(node, Mapping) or node is None:  # these take any name
            return True
        if not hasattr(node, name):
            return False
        node = getattr(node, name)
    return True


def is_setting(span: str) -> bool:
    """Tell settings as they are typed, whose keys and choices there are."""
    pairs = [word.partition("=") for word in shlex.split(span)]
    return all(equals and is_value(key, value) for key, equals, value in pairs)


BOOLEAN = {"true": "boolean", "false": "boolean"}


def is_value(key: str, value: str) -> bool:
    if key in GROUPS or key.startswith("hydra/"):
        return value in ("", "glob(*,exclude=cnn_rnn)") or set(value.split(",")) <= options(key) | OWN
    taken = keys().get(key, set())
    a_word = re.fullmatch("[a-z_]+", value)
    return is_key(key) and (not a_word or not taken or bool(taken & {value, "string", "anything", BOOLEAN.get(value)}))


def is_yaml(span: str) -> bool:
    """Tell a line of YAML that is taken under `hydra.sweeper`, `hydra.launcher` or at the top of a file."""
    try:
        values = yaml.safe_load(span)
    except yaml.YAMLError:
        return False
    if not isinstance(values, dict):
        return False
    problems: dict[str, list[str]] = {"sweeper": [], "launcher": []}
    read_sweep(values, problems["sweeper"])
    read_launcher(values, problems["launcher"])
    return [] in problems.values() or values in ({"plugins": ["my_models"]}, {"name": "lstm"}, SAMPLER)


SAMPLER = {"name": "tpe", "multivariate": True}  # shown as a value of `sampler`


def is_flag(span: str) -> bool:
    parsers = [get_args_parser(), *(parser_of(name) for name in COMMANDS if name != "train")]
    actions: list[Action] = [action for parser in parsers for action in parser._actions]
    known = {name for action in actions for name in action.option_strings}
    return span.partition(" ")[0] in known | set(train.SWEEP_FLAGS)


def is_command(span: str) -> bool:
    if span.startswith("python -m "):
        module, *words = span.split()[2:]
        place = ROOT / module.replace(".", "/")
        file = place / "__main__.py" if place.is_dir() else place.with_suffix(".py")
        return file.is_file() and all(f'"{flag}"' in file.read_text() for flag in words if flag.startswith("--"))
    if not span.startswith("rnnexp "):
        return False
    written = re.sub(r"\[SWEEP or filter\]", "SWEEP", span)
    if written.removeprefix("rnnexp ") in (*COMMANDS, "train --help"):
        return True
    try:
        for words in commands_of(written):
            check(words)
    except (errors.ConfigError, SystemExit):
        return False
    return True


def is_installation(span: str) -> bool:
    found = re.fullmatch(r"(?:pip install )?(?:-e )?'(?:rnnexp|\.)\[([a-z-]+)\]'", span)
    return found is not None and found[1] in PROJECT["optional-dependencies"]


def is_line_of_tests(span: str) -> bool:
    """Tell a choice of tests by a marker that the project has."""
    found = re.fullmatch(r"pytest -m (\w+)", span)
    return found is not None and any(marker.startswith(f"{found[1]}:") for marker in MARKERS)


def is_metric(span: str) -> bool:
    return bool(re.match("(test|train|val)/", span)) and metric_of(span) is not None


def is_file(span: str) -> bool:
    return span in PLACES or ("/" in span and (ROOT / span).exists())


def is_word(span: str) -> bool:
    """Tell a command, a component, a value that a key takes, or what is registered."""
    registered = {f'"{kind}"' for kind in registry._registered} | {
        f'@register("{kind}")' for kind in registry._registered
    }
    values = {value for taken in keys().values() for value in taken}
    names = {name for kind in registry._registered for name in registry.names(kind)}
    more = {
        *rx.__all__,
        '@register("metric", greater_is_better=True)',
        *CUT,
    }
    return span in registered | values | names | set(COMMANDS) | more


KINDS: tuple[Callable[[str], bool], ...] = (
    is_word,
    is_key,
    is_setting,
    is_yaml,
    is_flag,
    is_command,
    is_installation,
    is_line_of_tests,
    is_metric,
    is_file,
)


def known(span: str) -> bool:
    return span in EXAMPLES | OTHERS | set(ELSEWHERE) or any(kind(span) for kind in KINDS)


@pytest.mark.parametrize("span", SPANS)
def test_what_stands_in_backticks_exists(span: str) -> None:
    assert known(span), f"`{span}` is no key, choice, command, file or word of the program"


@pytest.mark.parametrize(
    "span",
    [
        "model.unit",
        "data.on_short=skp",
        "model=gruu",
        "hydra.lancher.n_jobs=4",
        "hydra.job.env_sets",
        "zipp: [a, b]",
        "sampler: [tpe]",
        "--retry-fail",
        "rnnexp explains model.units",
        "rnnexp show model.unit=3",
        "python -m tests.benchmarks.run --peer ENVIRONMENT",
        "python -m tests.fault",
        "pip install 'rnnexp[gpu]'",
        "pytest -m end_to_ent",
        "test/unknown_acuracy",
        "tests/training/test_engine.py",
        "gruu",
    ],
)
def test_what_does_not_exist_would_be_found(span: str) -> None:
    assert not known(span)


def test_what_is_said_to_be_tested_elsewhere_has_a_test_there() -> None:
    absent = [span for span, (file, words) in ELSEWHERE.items() if words not in (ROOT / "tests" / file).read_text()]
    assert absent == []


# Tables and counts


def test_the_exit_codes_are_those_of_the_program() -> None:
    listed = {int(code) for codes, _ in rows_under("exit code |") for code in codes.split(",")}
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.RnnexpError)]
    assert listed == {0, train.SWEEP_FAILED, 129, 130, 143} | {one.exit_code for one in classes}
    assert len(listed) == 12


def test_the_pattern_of_the_first_sweep_makes_a_job_of_each_model() -> None:
    assert "'model=glob(*,exclude=cnn_rnn)'" in SPANS  # which reads frames alone
    request = check(["train", "-m", "model=glob(*,exclude=cnn_rnn)"])
    assert request is not None
    (models,) = read_space(request.lines, request.settings).dimensions
    assert [*models.options] == [name for name in registry.names("model") if name != "cnn_rnn"]
    assert [rx.compose(f"model={name}").model.name for name in models.options] == list(models.options)


def test_every_launcher_is_listed_and_the_default_is_said() -> None:
    listed = [first for first, _ in rows_under("`hydra/launcher=`")]
    assert {name.split("`")[1] for name in listed} == options("hydra/launcher") - {"basic"}
    assert [name for name in listed if "default" in name] == [f"`{default()}` (default)"]


def test_the_defaults_that_are_told_are_those_of_the_program() -> None:
    alone = rx.compose()
    assert (alone.model.name, alone.data.name, alone.tracking.name) == ("lstm", "sine", "mlflow")
    assert Sweep().retries == 2  # "started again, twice at most"
    assert Sweep().objective is None
    assert dispatch.PROMPT_S == 1  # "as many epochs per call as take a second"
    assert set(get_args(Pooling)) == {"last", "mean", "max", "attention"}
    listed = re.search(r"so (`simple_rnn`.*?) all take them", PROSE.replace("\n", " "))
    assert listed
    assert set(re.findall(r"`(\w+)`", listed[1])) == set(registry.names("model")) - {
        "encoder_decoder",
        "cnn_rnn",
        "multi_input",
    }


def test_versions_extras_and_the_two_commands_are_those_of_the_project() -> None:
    ((first, last),) = set(re.findall(r"Python (3\.\d+) to (3\.\d+)", GUIDE))
    assert PROJECT["requires-python"] == f">={first},<3.{int(last[2:]) + 1}"
    versions = [line.split()[-1] for line in PROJECT["classifiers"] if "Python :: 3." in line]
    assert (versions[0], versions[-1]) == (first, last)
    extras = set(re.findall(r"(?:rnnexp|\.)\[([a-z-]+)\]'", GUIDE))
    assert extras == set(PROJECT["optional-dependencies"])
    assert "pip install -e '.[dev]' && pytest" in README.splitlines()


def test_mistakes_are_answered_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = [block for block in BLOCKS if "$ rnnexp" in block]
    command, answer = block.strip().split("\n", 1)
    assert main(shlex.split(command)[2:]) == 2
    assert capsys.readouterr().err == f"{answer}\n"


INITS = [block for block in BLOCKS if "rnnexp init sales.csv" in block]


@pytest.mark.parametrize("block", INITS, ids=["README", "guide"])
def test_init_writes_the_experiment_that_the_next_command_names(block: str, capsys: pytest.CaptureFixture[str]) -> None:
    init, then, *_ = commands_of(block)
    days = np.datetime64("2020-01-01") + np.arange(90)
    Path("sales.csv").write_text("date,sales\n" + "".join(f"{day},{n % 7}\n" for n, day in enumerate(days)))
    assert main(init) == 0
    assert f"rnnexp {' '.join(then)}" in capsys.readouterr().out
    check(then)


def test_a_misspelled_key_of_the_readers_model_is_answered_as_for_any_other(tmp_path: Path) -> None:
    (page,) = [text for name, text in PAGES.items() if name.endswith("guide/own_model.md")]
    for file, content in written_by_the_reader(page).items():
        (tmp_path / file).write_text(content)
    with pytest.raises(errors.ConfigError, match="model.filtres: unknown key; did you mean `model.filters`"):
        rx.compose("plugins=[my_models]", "model=conv_gru", "model.filtres=8")


def test_every_kind_of_component_that_is_named_can_be_registered_and_chosen() -> None:
    @rx.register("data")
    def steps(points: int = 40) -> Any:
        return np.arange(points, dtype=float)

    @rx.register("loss")
    def cubed(power: float = 3.0) -> Any:
        return power

    @rx.register("schedule")
    def halving(epoch: int, epochs: int, every: int = 2) -> float:
        return 0.5 ** ((epoch - 1) // every)

    @rx.register("callback")
    def shout(word: str = "") -> Any:
        return word

    @rx.register("metric", greater_is_better=True)
    def hits(actual: Any, predicted: Any) -> float:
        return float((actual == predicted).mean())

    assert {"data", "loss", "schedule", "callback", "metric"} <= set(re.findall(r'"(\w+)"', " ".join(SPANS)))
    own = ("data=steps", "data.points=30", "loss=cubed", "loss.power=4", "schedule=halving", "metrics=[hits]")
    config = rx.compose(*own, "callbacks.shout.word=a")
    assert config.data.read()[-1] == 29
    assert config.loss.build() == 4
    assert [config.schedule.factor(epoch, 4) for epoch in (1, 2, 3, 4)] == [1, 1, 0.5, 0.5]
    assert config.callbacks["shout"].build() == "a"
    assert rises("test/hits", registry.rising_metrics())
    with pytest.raises(errors.ConfigError, match="loss.powr: unknown key; did you mean `loss.power`"):
        rx.compose(*own, "loss.powr=2")


def test_the_lines_of_python_name_what_there_is() -> None:
    (block,) = [block for block in BLOCKS if "rx.run(" in block]
    (words,) = re.findall(r"rx\.run\((.*)\)$", block, re.M)
    experiment = eval(
        f"compose({words})", {"compose": lambda *texts, **more: rx.compose(*write_overrides(*texts, more))}
    )
    assert (experiment.model.units, experiment.seed) == ([8], 1)
    assert set(re.findall(r"rx\.(\w+)", block)) <= set(rx.__all__)
    known = {"result": rx.RunResult, "model": rx.TrainedRun, "swept": rx.SweepResult}
    for name, cls in known.items():
        used = set(re.findall(rf"(?<!\")\b{name}\.(\w+)", block))
        assert used
        assert used <= {*dir(cls), *(one.name for one in fields(cls))}
