"""A file that came from elsewhere sets plain values: whatever it says to Hydra, no code of its choice runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.conf import HydraConf
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from rnnexp.cli.main import main
from rnnexp.config import allow_list as hydra_settings
from rnnexp.config.compose import hydra_state, loaded, loader
from rnnexp.config.trust import Untrusted
from rnnexp.errors import ConfigError
from rnnexp.sweeps.settings import Sweep

CALLBACK = "callbacks: {x: {_target_: os.mkdir, path: canary}}"
FACTORY = "{version: 1, root: {handlers: [x]}, handlers: {x: {(): os.mkdir, path: canary}}}"

UP = "../" * 12

# name: (what stands in experiments/evil.yaml, the key of the answer)
HOSTILE = {
    "a callback": (f"hydra: {{{CALLBACK}}}", "hydra.callbacks.x._target_"),
    "a logger's factory": (f"hydra: {{job_logging: {FACTORY}}}", "hydra.job_logging.handlers.x.()"),
    "a factory of Hydra's logger": (f"hydra: {{hydra_logging: {FACTORY}}}", "hydra.hydra_logging.handlers.x.()"),
    "a log elsewhere": ("hydra: {job_logging: {handlers: {file: {filename: /tmp/x}}}}", "hydra.job_logging.handlers"),
    "a logger's class": ("hydra: {job_logging: {handlers: {f: {class: evil.X}}}}", "hydra.job_logging.handlers.f"),
    "an external object": ("hydra: {job_logging: {x: 'ext://os.system'}}", "hydra.job_logging.x"),
    "a launcher's class": ("hydra: {launcher: {_target_: evil.Launcher}}", "hydra.launcher._target_"),
    "a sweeper's class": ("hydra: {sweeper: {_target_: evil.Sweeper}}", "hydra.sweeper._target_"),
    "a class in a setting": ("hydra: {sweeper: {sampler: {_target_: os.mkdir}}}", "hydra.sweeper.sampler._target_"),
    "a class in a list": ("hydra: {sweeper: {zip: [{_target_: os.mkdir}]}}", "hydra.sweeper.zip"),
    "an unknown setting": ("hydra: {sweeper: {storage: sqlite:///x}}", "hydra.sweeper.storage"),
    "further configuration": ("hydra: {searchpath: ['pkg://evil']}", "hydra.searchpath"),
    "an environment variable": ("hydra: {job: {env_set: {LD_PRELOAD: evil.so}}}", "hydra.job.env_set.LD_PRELOAD"),
    "a copied environment": ("hydra: {job: {env_copy: [SECRET]}}", "hydra.job.env_copy"),
    "another directory": ("hydra: {job: {chdir: true}}", "hydra.job.chdir"),
    "a folder for Hydra's files": ("hydra: {output_subdir: ../..}", "hydra.output_subdir"),
    "a mode": ("hydra: {mode: MULTIRUN}", "hydra.mode"),
    "overrides": ("hydra: {overrides: {task: ['plugins=[evil]']}}", "hydra.overrides.task"),
    "what is known at runtime": ("hydra: {runtime: {output_dir: /tmp}}", "hydra.runtime.output_dir"),
    "a name with a folder": ("hydra: {job: {name: ../../evil}}", "hydra.job.name"),
    "an absolute folder": ("hydra: {run: {dir: /tmp/evil}}", "hydra.run.dir"),
    "a folder above": ("hydra: {run: {dir: runs/../../evil}}", "hydra.run.dir"),
    "the working directory": ("hydra: {run: {dir: .}}", "hydra.run.dir"),
    "a folder of the environment": ("hydra: {run: {dir: '${oc.env:HOME}/evil'}}", "hydra.run.dir"),
    "a folder by a reference": ("x: ../evil\nhydra: {run: {dir: '${x}'}}", "hydra.run.dir"),
    "a sweep's folder": ("hydra: {sweep: {dir: /tmp/evil}}", "hydra.sweep.dir"),
    "a job's folder": ("hydra: {sweep: {subdir: '../${hydra.job.num}'}}", "hydra.sweep.subdir"),
    "a whole node by a reference": (f"x: {{{CALLBACK}}}\nhydra: ${{x}}", "hydra"),
    "a part by a reference": ("x: {_target_: os.mkdir}\nhydra: {launcher: '${x}'}", "hydra.launcher"),
    "callbacks by a reference": ("x: {_target_: os.mkdir}\nhydra: {callbacks: {x: '${x}'}}", "hydra.callbacks.x"),
    "a setting by a reference": (
        "x: {_target_: os.mkdir}\nhydra: {sweeper: {sampler: '${x}'}}",
        "hydra.sweeper.sampler",
    ),
    "a space by a reference": (
        "x: {plugins: '[evil]'}\nhydra: {sweeper: {params: '${x}'}}",
        "hydra.sweeper.params.plugins",
    ),
    "an anchor": (f"x: &x {{{CALLBACK}}}\nhydra: *x", "hydra.callbacks.x._target_"),
    "a merge key": (f"x: &x {{{CALLBACK}}}\nhydra: {{<<: *x, verbose: true}}", "hydra.callbacks.x._target_"),
    "a swept key of Hydra's": (
        "hydra: {sweeper: {params: {hydra.job.chdir: 'true'}}}",
        "hydra.sweeper.params.hydra.job",
    ),
    "a swept group of Hydra's": (
        "hydra: {sweeper: {params: {hydra/callbacks: x}}}",
        "hydra.sweeper.params.hydra/callb",
    ),
    "an added key of Hydra's": (
        "hydra: {sweeper: {params: {+hydra.callbacks.x: 1}}}",
        "hydra.sweeper.params.+hydra.cal",
    ),
    "a key hidden in a key": ("hydra: {sweeper: {params: {'hydra.mode=x,y': 1}}}", "hydra.sweeper.params.hydra.mode"),
    "swept plugins": ("hydra: {sweeper: {params: {plugins: '[evil]'}}}", "hydra.sweeper.params.plugins"),
    "a swept package": ("hydra: {sweeper: {params: {model@hydra.x: lstm}}}", "hydra.sweeper.params.model@hydra.x"),
    "a script of SLURM": (
        "hydra: {launcher: {resources: {slurm_setup: [touch x]}}}",
        "hydra.launcher.resources.slurm_se",
    ),
    "a line for SLURM": (
        'hydra: {launcher: {resources: {slurm_partition: "a\\ntouch x"}}}',
        "hydra.launcher.resources",
    ),
    "an environment of Ray": (
        "hydra: {launcher: {resources: {runtime_env: {pip: [x]}}}}",
        "hydra.launcher.resources.r",
    ),
    "a cluster of Ray": ("hydra: {launcher: {address: 'ray://evil:10001'}}", "hydra.launcher.address"),
    "other logging": ("defaults: [override /hydra/job_logging: none]", "hydra/job_logging"),
    "another sweeper": ("defaults: [override /hydra/sweeper: basic]", "hydra/sweeper"),
    "another launcher": ("defaults: [override /hydra/launcher: joblib]", "hydra/launcher"),
    "two launchers": ("defaults: [override /hydra/launcher: [serial, local]]", "hydra/launcher"),
    "logging by a reference": ("defaults: [override /hydra/job_logging: '${hydra/help}']", "hydra/job_logging"),
    "logging that is deleted": ("defaults: [override /hydra/job_logging: null]", "hydra/job_logging"),
    "a package of callbacks": ("defaults: [/callbacks@hydra.callbacks: early_stopping]", "hydra.callbacks"),
    "a package with brackets": ("defaults: ['/hydra/launcher@hydra[callbacks].x': serial]", "hydra"),
    "a launcher's file elsewhere": ("defaults: [/hydra/launcher@hydra.callbacks.x: serial]", "hydra.callbacks.x"),
    "logging that is added": ("defaults: [/hydra/job_logging@hydra.hydra_logging: stdout]", "hydra.hydra_logging"),
    "a file of Hydra's by its path": ("defaults: [/hydra/job_logging/none]", "hydra.job_logging"),
    "an experiment beside": ("defaults: [payload@hydra.callbacks.x]", "hydra.callbacks.x._target_"),
    "an experiment in the place of all": ("defaults: [other]", "hydra.callbacks.x._target_"),
    "a path that leads out of a package": (
        f"defaults: ['/{UP}{{here}}/experiments/other@_global_']",
        "hydra.callbacks",
    ),
    "an absolute path": ("defaults: ['/{here}/experiments/other@_global_']", "hydra.callbacks"),
    "a path through Hydra's group": (
        f"defaults: ['/hydra/{UP}{{here}}/experiments/other@_global_']",
        "hydra.callbacks",
    ),
    "nothing but an empty node": ("hydra:", "hydra"),
}
BESIDE = {"payload": "_target_: os.mkdir\npath: canary\n", "other": f"hydra: {{{CALLBACK}}}\n"}
MODES = {
    "train": ("train",),
    "a sweep": ("train", "-m", "seed=0,1"),
    "a dry run": ("train", "-m", "seed=0,1", "--dry-run"),
    "Hydra's sweeper": ("train", "-m", "seed=0,1", "hydra/sweeper=basic"),
    "the configuration": ("train", "--cfg", "job"),
    "Hydra's configuration": ("train", "--cfg", "hydra", "--resolve"),
    "all configuration": ("train", "--cfg", "all"),
    "information": ("train", "--info", "all"),
    "the search path": ("train", "--info", "searchpath"),
    "help": ("train", "--help"),
    "show": ("show",),
    "show as JSON": ("show", "--json"),
}


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Return the dotted keys of nested values, those of empty mappings too."""
    for key, value in values.items():
        yield from flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else [f"{prefix}{key}"]


@pytest.fixture(autouse=True)
def usual_logging() -> Iterator[None]:
    """Take away what Hydra's flag --info leaves in this process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def write(folder: str, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        file = Path(folder, f"{name}.yaml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")


@pytest.mark.parametrize(("text", "key"), HOSTILE.values(), ids=HOSTILE)
@pytest.mark.fault("I3")
def test_an_experiment_is_refused_for(text: str, key: str) -> None:
    write("experiments", {"evil": text.replace("{here}", os.getcwd()), **BESIDE})
    with pytest.raises(ConfigError) as caught, hydra_state():
        loaded(["experiment=evil"], None)
    assert key in str(caught.value)
    assert "experiments/evil.yaml" in str(caught.value) or "experiments/other" in str(caught.value)
    assert not Path("canary").exists()


CONTENTS = ("payload", "/experiment/other", "/model/lstm", "/hydra/launcher/serial", "/hydra/job_logging/stdout")
PACKAGES = (
    "",
    "@_global_",
    "@hydra",
    "@_global_.hydra",
    "@hydra.callbacks.x",
    "@hydra[callbacks].x",
    "@[hydra].callbacks",
)


def reached(lines: Sequence[str], with_loader: ConfigLoaderImpl | None = None) -> dict[str, Any]:
    """Return what Hydra would build or obey of its node, without what follows from the command line."""
    config = (with_loader or loader()).load_configuration("config", list(lines), RunMode.RUN)
    node = OmegaConf.to_container(config.hydra)
    assert isinstance(node, dict)
    return {key: node[key] for key in ("callbacks", "job_logging", "hydra_logging", "launcher", "env", "output_subdir")}


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.fault("I3")
def test_wherever_defaults_put_a_file_hydra_hears_nothing_of_it(content: str, package: str) -> None:
    write("experiments", {"evil": f"defaults: ['{content}{package}']", **BESIDE})
    with hydra_state():
        usual = reached([])
        with suppress(ConfigError, HydraException):
            assert reached(["experiment=evil"]) == usual


def test_hydras_own_loader_would_hear_it() -> None:
    write("experiments", {"evil": "defaults: [payload@hydra.callbacks.x]", **BESIDE})
    with hydra_state():
        stock = ConfigLoaderImpl(loader().config_search_path)
        assert reached(["experiment=evil"], stock)["callbacks"]["x"]["_target_"] == "os.mkdir"


@pytest.mark.parametrize(
    "chosen",
    [
        "{/extra: '${experiment}'}",  # looked up among the choices of other files
        "{/extra: [mine, other]}",
        "/extra/mine",
    ],
)
def test_parts_are_chosen_as_hydras_own_loader_does(chosen: str) -> None:
    for name, rate in (("mine", 1), ("other", 2)):
        write("conf/extra", {name: f"rate_of_{name}: {rate}"})
    write("experiments", {"mine": f"defaults: [{chosen}, override /optimizer: sgd, _self_]\nseed: 3", **BESIDE})
    with hydra_state():
        stock = ConfigLoaderImpl(loader().config_search_path)
        ours, usual, other = (
            OmegaConf.to_container(one.load_configuration("config", [f"experiment={name}"], RunMode.RUN))
            for one, name in ((loader(), "mine"), (stock, "mine"), (stock, "airline_lstm"))
        )
    assert ours == usual != other
    assert ours["extra"]["rate_of_mine"] == 1  # type: ignore[index,call-overload]


# What a file may say, and what Hydra must have in the end.
HARMLESS = {
    "a folder": ("hydra: {run: {dir: 'runs/${model.name}/${now:%Y}'}}", "run.dir"),
    "an absolute folder below": ("hydra: {run: {dir: '${hydra.runtime.cwd}/runs/a'}}", "run.dir"),
    "a sweep's folders": ("hydra: {sweep: {dir: runs/mine, subdir: 'job-${hydra.job.num}'}}", "sweep.dir"),
    "a name": ("hydra: {job: {name: table-1}}", "job.name"),
    "a name by a reference": ("hydra: {job: {name: '${model.name}'}}", "job.name"),
    "help": ("hydra: {help: {header: 'Table 1 of the paper', footer: '${oc.env:HOME}'}}", "help.header"),
    "loggers": ("hydra: {verbose: [rnnexp]}", "verbose"),
    "a sampler": ("hydra: {sweeper: {sampler: {name: tpe, multivariate: true}, n_trials: 9}}", "sweeper.sampler.name"),
    "a space": ("hydra: {sweeper: {params: {model: 'lstm,gru', +data.points: '80,90'}}}", "sweeper.params.model"),
    "a space by a reference": ("x: {seed: '1,2'}\nhydra: {sweeper: {params: '${x}'}}", "sweeper.params.seed"),
    "numbers for SLURM": (
        "defaults: [override /hydra/launcher: submitit]\n"
        "hydra: {launcher: {resources: {slurm_partition: gpu, timeout_min: 60, slurm_gres: 'gpu:2'}}}",
        "launcher.resources.slurm_partition",
    ),
    "our launcher by its class": (
        "defaults: [override /hydra/launcher: ray]\n"
        "hydra: {launcher: {_target_: hydra_plugins.rnnexp.RnnexpLauncher, address: auto, gpus: [0, 1]}}",
        "launcher.address",
    ),
}


@pytest.mark.parametrize(("text", "key"), HARMLESS.values(), ids=HARMLESS)
def test_an_experiment_may_give(text: str, key: str) -> None:
    write("experiments", {"good": text})
    with hydra_state():
        assert OmegaConf.select(loaded(["experiment=good"], None).hydra, key) is not None


def test_the_settings_that_may_pass_are_those_of_our_sweeper_and_launchers() -> None:
    assert set(Sweep.__dataclass_fields__) == hydra_settings.SETTINGS
    assert set(hydra_settings.launcher_settings()) == {
        *("name", "n_jobs", "threads", "gpus", "slots_per_gpu", "vectorize", "group_size", "fresh"),
        *("address", "cluster", "ranks", "resources"),
    }


@pytest.mark.parametrize("key", sorted(flat(OmegaConf.to_container(OmegaConf.structured(HydraConf)))))
@pytest.mark.fault("I3")
def test_of_hydras_own_keys_only_those_named_pass(key: str) -> None:
    free = (
        "run.dir",
        "sweep.dir",
        "sweep.subdir",
        "job.name",
        "verbose",
        *(f"help.{name}" for name in hydra_settings.HELP),
    )
    problems = list(hydra_settings.problems_of(("hydra", *key.split(".")), "plain", "a file"))
    assert (problems == []) == (key in free)


@pytest.mark.parametrize("before", [(), ("experiment=payload",)], ids=["alone", "with an experiment"])
def test_what_is_typed_stays_free(tmp_path: Path, before: tuple[str, ...]) -> None:
    write("experiments", {"payload": "hydra: {run: {dir: runs/x}}"})
    typed = (f"hydra.run.dir={tmp_path.parent}", "hydra.job.chdir=true", "+hydra.callbacks.x._target_=os.mkdir")
    with hydra_state():
        config = loaded([*before, *typed, "hydra/launcher=joblib", "+hydra.job.env_set.A=b"], None)
    assert config.hydra.run.dir == str(tmp_path.parent)
    assert config.hydra.callbacks.x._target_ == "os.mkdir"


def test_what_is_typed_wins_over_a_reference_that_would_be_refused(tmp_path: Path) -> None:
    write("experiments", {"evil": "hydra: {run: {dir: '${oc.env:HOME}/x'}}"})
    with hydra_state():
        assert loaded(["experiment=evil", f"hydra.run.dir={tmp_path}"], None).hydra.run.dir == str(tmp_path)


def test_a_mapping_that_comes_later_does_not_hide_what_a_reference_stands_for() -> None:
    later = "defaults: [evil]\nhydra: {sweeper: {params: {seed: '1,2'}}}"
    write("experiments", {"evil": HOSTILE["a space by a reference"][0], "both": later})
    with hydra_state(), pytest.raises(Untrusted, match=r"params.plugins: '\[evil\]' given by experiments/evil.yaml"):
        loaded(["experiment=both"], None)


def test_the_projects_own_conf_is_free() -> None:
    own = "_target_: my_cluster.Launcher\nqueue: long\n"
    hook = "# @package _global_\nhydra: {callbacks: {slurm: {_target_: my_cluster.Notify}}}"
    page = "hydra: {job: {env_set: {A: b}}}"
    write("conf", {"hydra/launcher/cluster": own, "hydra/hooks/site": hook, "config": page})
    with hydra_state():
        config = loaded(["hydra/launcher=cluster", "+hydra/hooks=site", "model=gru"], None)
    assert (config.hydra.launcher.queue, config.hydra.job.env_set.A) == ("long", "b")
    assert config.hydra.callbacks.slurm._target_ == "my_cluster.Notify"


def test_an_experiment_may_choose_the_projects_own_launcher_but_no_hook_of_it() -> None:
    hook = f"# @package hydra\n{CALLBACK}"
    write("conf", {"hydra/launcher/cluster": "_target_: my_cluster.Launcher", "hydra/hooks/site": hook})
    choices = {"good": "override /hydra/launcher: cluster", "evil": "/hydra/hooks: site"}
    write("experiments", {name: f"defaults: [{choice}]" for name, choice in choices.items()})
    with hydra_state():
        assert loaded(["experiment=good"], None).hydra.launcher._target_ == "my_cluster.Launcher"
        with pytest.raises(Untrusted, match="experiments/evil.yaml puts `hydra/hooks/site` there"):
            loaded(["experiment=evil"], None)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("model/evil", f"# @package hydra\n{CALLBACK}"),
        ("model/evil", f"# @package _global_\nhydra: {{{CALLBACK}}}"),
        ("model/evil", "# @package hydra.callbacks.x\n_target_: os.mkdir"),
        ("model/evil", "name: lstm\ndefaults: [/trainer@_global_.hydra.callbacks: default]"),
    ],
)
@pytest.mark.parametrize("folder", ["conf", "elsewhere"])
@pytest.mark.fault("I4")
def test_no_other_group_writes_what_hydra_runs(folder: str, path: str, text: str) -> None:
    write(folder, {path: text})
    with pytest.raises(Untrusted, match=r"hydra\.callbacks.*model/evil.yaml"), hydra_state():
        loaded([path.replace("/", "=")], str(Path(folder).absolute()) if folder == "elsewhere" else None)


# What is chosen of a folder given by --config-dir, and what the file says that is chosen.
ELSEWHERE = {
    "experiment=evil": f"# @package _global_\nhydra: {{{CALLBACK}}}",
    "hydra/launcher=evil": "_target_: os.mkdir",
    "hydra/sweeper=evil": "_target_: os.mkdir",
    "hydra/callbacks=evil": "x: {_target_: os.mkdir}",
    "hydra/job_logging=evil": FACTORY,
    "hydra/hydra_logging=evil": FACTORY,
    "hydra/env=evil": f"# @package _global_\nhydra: {{{CALLBACK}}}",
    "+other=evil": f"# @package hydra\n{CALLBACK}",
}


@pytest.mark.parametrize("choice", ELSEWHERE)
@pytest.mark.fault("I4")
def test_a_folder_from_elsewhere_is_refused_whatever_is_chosen_in_it(choice: str) -> None:
    write("elsewhere", {choice.strip("+").replace("=", "/"): ELSEWHERE[choice]})
    with hydra_state(), pytest.raises(Untrusted, match=r"elsewhere/.*evil.yaml"):
        loaded([choice], os.path.abspath("elsewhere"))


def test_a_launcher_of_ours_may_come_from_elsewhere() -> None:
    target = hydra_settings.CLASSES["launcher"]
    write("elsewhere", {"hydra/launcher/wide": f"_target_: {target}\nname: local\nn_jobs: 8"})
    with hydra_state():
        assert loaded(["hydra/launcher=wide"], os.path.abspath("elsewhere")).hydra.launcher.n_jobs == 8


def test_a_search_path_that_is_typed_is_a_folder_from_elsewhere() -> None:
    write("elsewhere", {"model/evil": f"# @package hydra\n{CALLBACK}"})
    with hydra_state(), pytest.raises(Untrusted, match=r"elsewhere/model/evil.yaml"):
        loaded([f"hydra.searchpath=[file://{os.path.abspath('elsewhere')}]", "model=evil"], None)


@pytest.mark.parametrize("words", MODES.values(), ids=MODES)
@pytest.mark.fault("I3", "I4")
def test_nothing_is_made_or_imported_by(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("experiments", {"evil": HOSTILE["a callback"][0].replace("os.mkdir", "evil_module.run")})
    Path("evil_module.py").write_text("from pathlib import Path\nPath('canary').touch()\n")
    before = sorted(tmp_path.rglob("*"))
    assert main([*words, "experiment=evil"]) == 2
    assert "hydra.callbacks.x._target_: 'evil_module.run' given by experiments/evil.yaml" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("more", [(), ("--dry-run",), ("hydra/sweeper=basic",)], ids=" ".join)
@pytest.mark.parametrize("asked", ["evil,sine_lstm", "sine_lstm,evil"])
@pytest.mark.fault("I3", "I4")
def test_nothing_is_made_by_a_sweep_over(
    asked: str, more: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write("experiments", {"evil": HOSTILE["a callback"][0]})
    before = sorted(tmp_path.rglob("*"))
    assert main(["train", "-m", *more, f"experiment={asked}"]) == 2
    assert "hydra.callbacks.x._target_: 'os.mkdir' given by experiments/evil.yaml" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before
