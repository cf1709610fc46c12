"""The pages of settings: every key, as `rnnexp explain` knows it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from rnnexp import registry
from rnnexp.config import plugins
from rnnexp.config.explain import GROUPS, Explanation, every_key, merge, of_settings
from rnnexp.config.source import COMPONENT_GROUPS, options
from rnnexp.sweeps.settings import Sweep
from tests.reference.markdown import code, page, prose, sentence, table

MADE = "(Made from the settings classes by `python -m tests.reference`.)"
MANY = 8  # choices that are named; of more those are named that lack the key, if they are fewer

INTRODUCTION = f"""\
# Settings

Every key of the configuration with its type and range, its default and its meaning. Keys of `data` have a page of their
own: [Settings of data](settings-data.md). The same facts are printed by `rnnexp explain KEY`, for example
`rnnexp explain model.units`, `rnnexp explain model=lstm` or `rnnexp explain trainer`.

A key is set on the command line (`rnnexp train trainer.epochs=20`), in an experiment (`experiments/NAME.yaml`) or in
Python (`rx.run(trainer={{"epochs": 20}})`). What is set later wins: first the defaults below, then the files of
`conf/`, then the experiment, then the command line. `rnnexp show` prints the values of a command, and where each comes
from.

`data`, `model`, `optimizer`, `schedule` and `loss` are **groups**: one **choice** of a group is taken as a whole, such
as `model=gru`, and its keys follow the name of the group, such as `model.units`. `loss` may be left out: the natural
loss of the task is taken. `callbacks` takes several choices at once: `callbacks=[early_stopping,plateau]`.

How to read the column of types:

| written | meaning |
| --- | --- |
| `integer, at least 1` | the type, then its range |
| `a or b` | one of these words |
| `list of (string)` | `[first,second]`; in a shell in quotes |
| `mapping` | keys below this one, which follow in the table |
| `or null` | `null` is allowed; the meaning says what it does |
| *must be given* | the key has no default |

{MADE}"""

DATA = f"""\
# Settings of data

A source of data is chosen by `data=NAME`. First come all sources with the names of their keys; the
[table of keys](#keys-of-data) says what each key means. How a table of your own is read is shown in
[Your table](../tables.md); the types are explained in [Settings](settings.md).

{MADE}"""

TOLD = {
    "": "Keys that stand at the top of the configuration.",
    "trainer": "How long and how a network is trained. Choose a file of `conf/trainer/` by `trainer=NAME`.",
    "tracking": "What is written to MLflow. `tracking=off` writes nothing to it.",
    "pretrain": "Training of the layers of the network on unlabeled data first. See [Pretraining](../pretraining.md).",
    "model": "The network. What is common to the recurrent ones is explained once, in the table of keys.",
    "optimizer": "Every optimizer of the installed Keras, with its own names and defaults.",
    "schedule": "The learning rate over the epochs, as a factor of `optimizer.learning_rate`.",
    "loss": "What training minimizes. `null`, the default, takes the natural loss of the task.",
    "callbacks": "What happens at the end of an epoch. Each has its own keys below `callbacks.NAME`.",
    "hydra.sweeper": "What a sweep runs, and when it stops. Set in an experiment below `hydra: sweeper:`, or on the "
    "command line as `hydra.sweeper.n_trials=20`.",
    "hydra.launcher": "Where the jobs of a sweep run. Chosen by `hydra/launcher=NAME`.",
}
TITLES = {"": "Top level", "hydra.sweeper": "Sweeps: hydra.sweeper", "hydra.launcher": "Launchers: hydra.launcher"}


def sweeper_keys() -> list[Explanation]:
    """Return the keys of sweeps."""
    return [*of_settings("hydra.sweeper", Sweep)]


def launcher_keys() -> list[Explanation]:
    """Return the keys of executors, those that mean the same once."""
    found = [of_settings("hydra.launcher", cls, name) for name, cls in registry.components("executor").items()]
    return [*merge(chain.from_iterable(found))]


def keys_of(group: str) -> list[Explanation]:
    """Return the keys of a group."""
    return [item for item in every_key(group) if item.key.partition(".")[0] == group]


def all_keys() -> Iterator[Explanation]:
    """Yield every key of a configuration, of sweeps and of launchers."""
    plugins.load_plugins([])
    yield from every_key()
    yield from sweeper_keys()
    yield from launcher_keys()


def write_settings() -> str:
    """Write the page of all settings but those of data."""
    plugins.load_plugins([])
    top = [item for item in every_key() if item.key.partition(".")[0] not in GROUPS]
    pretrain = [item for item in top if item.key.startswith("pretrain")]
    parts = [INTRODUCTION, _section("", [item for item in top if item not in pretrain])]
    parts += [_section(group, keys_of(group)) for group in ("trainer", "tracking")]
    parts += [_section("pretrain", pretrain)]
    for group in COMPONENT_GROUPS:
        if group != "data":
            parts += _group(group)
    parts += [_heading("callbacks"), _choices("callbacks", "callback"), _keys(keys_of("callbacks"), [])]
    parts += [_section("hydra.sweeper", sweeper_keys())]
    names = [*registry.components("executor")]
    parts += [_heading("hydra.launcher"), _choices("hydra/launcher", "executor"), _keys(launcher_keys(), names)]
    return page(*parts)


def write_data() -> str:
    """Write the page of the settings of data."""
    plugins.load_plugins([])
    names = registry.names("data")
    keys = keys_of("data")
    parts = [DATA, "## Sources", _overview(names)]
    parts += [_source(name, keys) for name in names]
    return page(*parts, "## Keys of data", _keys(sorted(keys, key=lambda item: item.key.split(".")), names))


def _overview(names: list[str]) -> str:
    rows = ((f"[data={name}](#data{name})", tasks_of(name), summary("data", name)) for name in names)
    return table(("source", "tasks", "what it is"), rows)


def tasks_of(name: str) -> str:
    """Return the tasks that a source may have: what its key `task` takes, else its only one."""
    cls = registry.lookup("data", name)
    keys = (item.type.replace(" or ", ", ") for item in of_settings("data", cls) if item.key == "data.task")
    return next(keys, str(cls.task))


def _source(name: str, keys: list[Explanation]) -> str:
    own = [item for item in keys if name in item.choices]
    required = ", ".join(code(item.key) for item in own if item.required and item.key.count(".") == 1)
    top = [item.key.removeprefix("data.") for item in own if item.key.count(".") == 1]
    must = f"Must be given: {required}." if required else "Nothing must be given."
    return page(f"### data={name}", summary("data", name), must, f"Keys: {', '.join(map(code, top))}.")


def _group(group: str) -> list[str]:
    """Write a group: its choices, then its keys."""
    return [_heading(group), _choices(group, group), _keys(keys_of(group), registry.names(group))]


def _choices(group: str, kind: str) -> str:
    rows = [(code(f"{group}={name}"), summary(kind, name)) for name in registry.names(kind)]
    table_of = table(("choice", "what it is"), rows)
    more = sorted(set(options(group)) - set(registry.names(kind))) if "/" not in group else []
    files = ", ".join(code(f"{group}={name}") for name in more)
    return f"{table_of}\n\nFiles of `conf/{group}/` with other values: {files}." if files else table_of


def summary(kind: str, name: str) -> str:
    """Return the first paragraph of what a component says of itself."""
    text = registry.lookup(kind, name).__doc__ or ""
    return prose(sentence(" ".join(text.split("\n\n")[0].split())))


def _heading(group: str) -> str:
    return f"## {TITLES.get(group, group)}\n\n{TOLD[group]}"


def _section(group: str, keys: Iterable[Explanation]) -> str:
    return f"{_heading(group)}\n\n{_keys(keys, [])}"


def _keys(keys: Iterable[Explanation], names: list[str]) -> str:
    """Write a table of keys; `names` are all choices of their group, of which a column says who has the key."""
    head = ("key", "type", "default", "meaning")
    if not names:
        return table(head, (_row(item) for item in keys))
    return table((*head, "of"), ((*_row(item), _who(item.choices, names)) for item in keys))


def _row(item: Explanation) -> tuple[str, str, str, str]:
    default = "*must be given*" if item.required else code(write_value(item.default))
    return code(item.key), prose(item.type), default, prose(sentence(item.description, item.type))


def write_value(value: Any) -> str:
    """Write a value as it is typed on the command line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {write_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(write_value, value)) + "]"
    return value if isinstance(value, str) and value.strip() else json.dumps(value, default=str)


def _who(choices: tuple[str, ...], names: list[str]) -> str:
    missing = [name for name in names if name not in choices]
    if not missing:
        return "all"
    if len(missing) < len(choices) and len(choices) > MANY:
        return f"all but {', '.join(missing)}"
    return ", ".join(choices)
