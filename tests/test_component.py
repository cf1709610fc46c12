"""What people write as a component becomes one, and what cannot become one is told with their file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rnnexp import registry
from rnnexp.config.explain import explain
from rnnexp.config.parse import build
from rnnexp.errors import ConfigError

HEAD = "from rnnexp import register\n"
MODEL = HEAD + '@register("model")\n'
# What a plugin may have wrong, where that is told, and how.
BROKEN = {
    "a syntax error": (MODEL + "def tiny(spec)\n    return None\n", 3, "SyntaxError: expected ':'"),
    "a package that is missing": ("import no_such_package\n", 1, "ModuleNotFoundError: No module named 'no_such"),
    "an error while it is imported": (HEAD + "{}['x']\n", 2, "KeyError: 'x'"),
    "an unknown kind": (HEAD + '@register("modell")\ndef tiny(spec): ...\n', 2, "unknown kind; did you mean `model`"),
    "a far kind": (HEAD + '@register("zzz")\ndef tiny(spec): ...\n', 2, "unknown kind; it must be one of data, mod"),
    "no kind": (HEAD + "@register\ndef tiny(spec): ...\n", 2, r'@register: say what it is: @register\("model"\)'),
    "no types": (MODEL + "def tiny(spec, units=3): ...\n", 2, r"`tiny`: give a type to the parameter\(s\) units"),
    "a default of another type": (MODEL + "def tiny(spec, units: int = 'a'): ...\n", 2, "units: the default 'a': must"),
    "null as a default": (MODEL + "def tiny(spec, units: int = None): ...\n", 2, "valid integer; add `| None` to its"),
    "a default out of bounds": (
        "from typing import Annotated\nfrom pydantic import Field\n"
        + MODEL
        + "def tiny(spec, units: Annotated[int, Field(ge=1)] = 0): ...\n",
        4,
        "units: the default 0: must be greater than or equal to 1",
    ),
    "an unknown type": (
        "from __future__ import annotations\n" + MODEL + "def tiny(spec, a: Foo = 3): ...\n",
        3,
        "'Foo'",
    ),
    "an unknown type of a class": (
        "from __future__ import annotations\n"
        + MODEL
        + "class tiny:\n    a: Foo = 3\n    def build(self, spec): ...\n",
        3,
        "'Foo' is not defined",
    ),
    "a tuple": (MODEL + "def tiny(spec, units: tuple[int, ...] = (3,)): ...\n", 2, "tuple cannot be written in YAML"),
    "a path": (
        "from pathlib import Path\n" + MODEL + "def tiny(spec, at: Path | None = None): ...\n",
        3,
        "at: Path cannot be written in YAML; use int, float, str",
    ),
    "a class without its method": (MODEL + "class tiny:\n    units: int = 3\n", 2, r"no method build\(self, spec\)"),
    "a function without a spec": (MODEL + "def tiny(): ...\n", 2, r"it is called with \(spec\), and takes \(\)"),
    "keywords of any name": (MODEL + "def tiny(spec, **more: int): ...\n", 2, r"`\*\*more: int` is no setting"),
    "any arguments": (MODEL + "def tiny(*given): ...\n", 2, r"it is called with \(spec\), and takes \(\*given\)"),
    "a setting called name": (MODEL + "def tiny(spec, name: str = 'a'): ...\n", 2, "cannot be called `name`"),
    "a setting called as a method": (
        HEAD + '@register("data")\ndef tiny(check: bool = True): ...\n',
        2,
        "cannot be called `check`",
    ),
    "a function without a name": (HEAD + 'register("model")(lambda spec: None)\n', 2, "register a class or a function"),
    "a number": (HEAD + 'register("model")(3)\n', 2, "3 given; register a class or a function that has a name"),
    "a name that no key can have": (
        MODEL + "class tiny:\n    name: str = 'a b'\n    def build(self, spec): ...\n",
        2,
        "its name 'a b' is not one of letters, digits, _ and -",
    ),
    "two of a name": (
        MODEL + "def tiny(spec): ...\n" + '@register("model")\ndef tiny(spec): ...\n',
        4,
        "there are two of this name; give one of them another",
    ),
    "a mutable default of a dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass tiny:\n    units: list[int] = []\n",
        2,
        "ValueError: mutable default .* use default_factory",
    ),
    "a metric that needs a setting": (
        HEAD + '@register("metric")\ndef tiny(actual, predicted, power: int): ...\n',
        2,
        "power: needs a default, since `metrics` names a metric and sets nothing",
    ),
    "a task that is none": (
        HEAD + '@register("task")\nclass tiny: ...\n',
        2,
        "must be a class that derives from rnnexp",
    ),
    "a task that lacks methods": (
        HEAD
        + "from rnnexp.tasks.base import TaskCode\n"
        + '@register("task")\nclass tiny(TaskCode):\n    def load(self, source): ...\n',
        3,
        "task `tiny`: has no answer, apply, figures, leaks, predict, preprocessor, report",
    ),
    "a source that reads nothing": (
        HEAD + '@register("data")\nclass tiny:\n    a: int = 3\n',
        2,
        "`tiny`: has no read",
    ),
}


def write(text: str, name: str = "own_parts") -> Path:
    file = Path(f"{name}.py")
    file.write_text(text)
    return file.resolve()


@pytest.mark.parametrize(("text", "line", "told"), BROKEN.values(), ids=BROKEN)
def test_a_mistake_in_a_plugin_names_its_file_and_line(text: str, line: int, told: str) -> None:
    file = write(text)
    with pytest.raises(ConfigError, match=told) as raised:
        registry.load_plugins(["own_parts"])
    assert all(f"{file}, line {line}" in problem for problem in raised.value.problems)


def test_two_plugins_of_one_name_are_told_too_and_a_shipped_one_can_be_replaced() -> None:
    write(MODEL + "def lstm(spec, size: int = 3): ...\n", "one")
    write(MODEL + "def lstm(spec, size: int = 4): ...\n", "other")
    with pytest.raises(ConfigError, match="other.py, line 2: model `lstm`: there are two of this name"):
        registry.load_plugins(["one", "other"])
    assert settings("model", "lstm").size == 3


# What becomes a component, with which settings.
WRITTEN = {
    "a function": MODEL + "def tiny(spec, units: int = 3): ...\n",
    "a class without a name": MODEL + "class tiny:\n    units: int = 3\n    def build(self, spec): ...\n",
    "a class with one": MODEL
    + "class other:\n    name: str = 'tiny'\n    units: int = 3\n    def build(self, spec): ...\n",
    "a dataclass": "from dataclasses import dataclass\n"
    + MODEL
    + "@dataclass\nclass tiny:\n    units: int = 3\n    def build(self, spec): ...\n",
    "a frozen dataclass": "from dataclasses import dataclass, field\n"
    + MODEL
    + "@dataclass(frozen=True)\nclass tiny:\n    units: int = field(default=3)\n    def build(self, spec): ...\n",
}


def settings(kind: str, name: str, **given: Any) -> Any:
    problems: list[str] = []
    found = build(kind, registry.lookup(kind, name), {"name": name, **given}, problems)
    if problems:
        raise ConfigError(*problems)
    return found


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_a_plain_class_is_as_strict_as_one_of_ours(text: str) -> None:
    write(text)
    registry.load_plugins(["own_parts"])
    assert settings("model", "tiny").units == 3
    assert settings("model", "tiny", units=5).units == 5
    with pytest.raises(ConfigError, match="model.units: '5' given; must be a valid integer"):
        settings("model", "tiny", units="5")
    with pytest.raises(ConfigError, match=r"model.unit: unknown key; did you mean `model.units`"):
        settings("model", "tiny", unit=5)
    (key,) = explain("model=tiny")
    assert (key.key, key.type, key.default) == ("model.units", "integer", 3)


def test_a_list_as_a_default_is_not_shared() -> None:
    write(MODEL + "class tiny:\n    units: list[int] = [3]\n    def build(self, spec): ...\n")
    registry.load_plugins(["own_parts"])
    settings("model", "tiny").units.append(4)
    assert settings("model", "tiny").units == [3]


NESTED = """
from __future__ import annotations
from dataclasses import dataclass, field
from pydantic import Field
from rnnexp import register

@dataclass
class Inner:
    depth: int = 1

@dataclass
class Head:
    size: int = 2
    inner: Inner = field(default_factory=Inner)

@register("model")
@dataclass
class tiny:
    heads: list[Head] = field(default_factory=list)
    first: Head = Field(default_factory=Head, description="the first of them")

    def build(self, spec): ...

@register("callback")
def hello(word: str = "hi"):
    'Say a word.'

@register("callback")
def silent():
    'Say nothing.'
"""


def test_nested_dataclasses_are_checked_and_explained_as_deep_as_they_go() -> None:
    write(NESTED)
    registry.load_plugins(["own_parts"])
    built = settings("model", "tiny", heads=[{"size": 4}], first={"inner": {"depth": 3}})
    assert (built.heads[0].size, built.first.inner.depth) == (4, 3)
    with pytest.raises(ConfigError, match=r"unknown key; did you mean `model.first.inner.depth`"):
        settings("model", "tiny", first={"inner": {"deep": 3}})
    found = {item.key: item for item in explain("model.heads") + explain("model.first")}
    assert set(found) == {
        *("model.heads", "model.heads.size", "model.heads.inner", "model.heads.inner.depth"),
        *("model.first", "model.first.size", "model.first.inner", "model.first.inner.depth"),
    }
    assert (found["model.first"].description, found["model.heads.inner.depth"].type) == ("the first of them", "integer")


def test_a_callback_is_explained_by_its_key_and_as_a_choice() -> None:
    write(NESTED)
    registry.load_plugins(["own_parts"])
    assert [item.key for item in explain("callbacks=hello")] == ["callbacks.hello.word"]
    assert [item.key for item in explain("callbacks.hello")] == ["callbacks.hello.word"]
    assert [item.description for item in explain("callbacks=silent")] == ["Say nothing."]
    with pytest.raises(ConfigError, match=r"callbacks=hullo: `hullo` is not one of .*; did you mean `hello`"):
        explain("callbacks=hullo")


CLASSES = """
import keras
from rnnexp import register

@register("callback")
class hello(keras.callbacks.Callback):
    def __init__(self, word: str = "hi"):
        super().__init__()
        self.word = word

register("callback")(keras.callbacks.CSVLogger)

@register("optimizer")
class mine(keras.optimizers.SGD): ...

@register("loss")
class absolute(keras.losses.Loss):
    def __init__(self, factor: float = 1.0, name="absolute"):
        super().__init__(name=name)
        self.factor = factor
    def call(self, y_true, y_pred):
        return self.factor * abs(y_true - y_pred)

@register("metric")
class worst:
    def __init__(self, power: int = 2):
        self.power = power
    def score(self, actual, predicted):
        return float((abs(actual - predicted) ** self.power).max())
"""


def test_a_class_with_an_init_takes_its_parameters_as_settings() -> None:
    import numpy as np

    write(CLASSES)
    registry.load_plugins(["own_parts"])
    assert settings("callback", "hello", word="you").build().word == "you"
    assert settings("callback", "CSVLogger", filename="a.csv", append=True).build().append is True
    assert float(settings("optimizer", "mine", learning_rate=0.5).build().learning_rate) == 0.5
    loss = settings("loss", "absolute", factor=3.0).build()
    assert float(loss(np.array([[1.0]]), np.array([[2.0]]))) == 3.0
    assert settings("metric", "worst").score(np.array([1.0, 2.0]), np.array([4.0, 2.0])) == 9.0
    with pytest.raises(ConfigError, match="callback.word: 3 given; must be a valid string"):
        settings("callback", "hello", word=3)
