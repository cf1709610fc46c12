"""Every optimizer of the installed Keras as a settings class, read from its source without importing it."""

from __future__ import annotations

import ast
import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from rnnexp.errors import ConfigError
from rnnexp.registry import settings
from rnnexp.synonyms import suggest_value

if TYPE_CHECKING:
    import keras

CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
Bounds = dict[str, Any]
UNIT: Bounds = {"ge": 0, "lt": 1}
POSITIVE: Bounds = {"gt": 0}
NOT_NEGATIVE: Bounds = {"ge": 0}
BOUNDS: dict[str, Bounds] = {
    **dict.fromkeys(("beta_1", "beta_2", "adam_beta_1", "adam_beta_2", "rho", "momentum", "ema_momentum"), UNIT),
    **dict.fromkeys(("learning_rate", "loss_scale_factor", "clip_threshold", "adam_lr_ratio", *CLIPS), POSITIVE),
    **dict.fromkeys(("weight_decay", "adam_weight_decay", "initial_accumulator_value", "beta"), NOT_NEGATIVE),
    **dict.fromkeys(("epsilon", "epsilon_1", "epsilon_2", "warmup_steps"), NOT_NEGATIVE),
    "l1_regularization_strength": NOT_NEGATIVE,
    "l2_regularization_strength": NOT_NEGATIVE,
    "l2_shrinkage_regularization_strength": NOT_NEGATIVE,
    "learning_rate_power": {"le": 0},
    "ns_steps": {"ge": 1},
    "ema_overwrite_frequency": {"ge": 1},
    "gradient_accumulation_steps": {"ge": 2},
}
FIRST_WORD = {
    "int": int,
    "integer": int,
    "number": int,
    "float": float,
    "bool": bool,
    "boolean": bool,
    "list": list[str],
}

TYPE_ONLY = r"(a )?(small )?(float|floating point|bool|boolean|int|integer)( value)?( or .*|, defaults to \S+)?$"
SUMMARIES = {
    "learning_rate": "size of a step; a schedule multiplies it",
    "beta_1": "decay rate of the mean of gradients",
    "beta_2": "decay rate of the mean of squared gradients",
    "adam_beta_1": "decay rate of the mean of gradients where Adam is used",
    "adam_beta_2": "decay rate of the mean of squared gradients where Adam is used",
    "rho": "decay rate of the mean of squared gradients",
    "momentum": "share of the last step that is kept in the next",
    "nesterov": "look ahead along the momentum before the gradient is taken",
    "epsilon": "small number that keeps denominators from zero",
    "weight_decay": "decoupled weight decay, as a share of each weight per unit of learning rate",
    "adam_weight_decay": "decoupled weight decay where Adam is used",
    "clipnorm": "largest norm of the gradient of each weight",
    "clipvalue": "largest size of each entry of a gradient",
    "global_clipnorm": "largest norm of all gradients together",
    "use_ema": "keep a moving average of the weights and end with it",
    "ema_momentum": "decay rate of the moving average of the weights",
    "ema_overwrite_frequency": "steps after which the weights become their moving average; null: at the end",
    "loss_scale_factor": "factor on the loss against underflow in mixed precision",
    "l1_regularization_strength": "L1 penalty on the weights",
    "l2_regularization_strength": "L2 penalty on the weights",
    "l2_shrinkage_regularization_strength": "L2 penalty on the weights, by shrinking gradients",
    "learning_rate_power": "how the learning rate falls: power of the sum of squared gradients; 0 keeps it",
    "gradient_accumulation_steps": "batches whose gradients are averaged into one step",
}


@dataclass(frozen=True)
class Argument:
    """One argument of an optimizer: what Keras's signature and docstring say of it."""

    name: str
    default: Any
    description: str

    def type(self) -> Any:
        """Guess the type from the default, or where that is None or a whole number from the description."""
        text = self.description.lower()
        described = FIRST_WORD.get(re.split(r"\W", text, maxsplit=1)[0])
        if self.default is None:
            return (described or float) | None
        known = (described or int) if type(self.default) is int else type(self.default)
        return known | None if "set to `none`" in text else known

    def summary(self) -> str:
        """Return our words for what optimizers share, else the first sentence that says more than a type."""
        sentences = re.split(r"(?<=[a-z0-9`\])])\.\s+", self.description.rstrip(". "))
        telling = (text for text in sentences if not re.match(TYPE_ONLY, text, flags=re.IGNORECASE))
        return SUMMARIES.get(self.name) or next(telling, self.description)


@settings
class KerasOptimizer:
    """An optimizer's arguments, under Keras's own names."""

    def check(self) -> list[str]:
        given = [clip for clip in CLIPS if getattr(self, clip, None) is not None]
        if len(given) < 2:
            return []
        return [f"{given[1]}: given together with {given[0]}; only one of {', '.join(CLIPS)} can be set"]

    def build(self) -> keras.Optimizer:
        """Return the Keras optimizer that these settings describe."""
        import keras

        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        name = values.pop("name")
        return getattr(keras.optimizers, _sources()[name].name)(name=name, **values)


def available() -> list[str]:
    """Return the names of all optimizers of the installed Keras, which are those of its modules."""
    return sorted(_sources())


@cache
def load(name: str) -> type:
    """Return the settings class of one optimizer; raises ConfigError with the choices for an unknown name."""
    if name not in _sources():
        choices = available()
        raise ConfigError(
            f"optimizer: `{name}` is not one of {', '.join(choices)}{suggest_value('optimizer', name, choices)}"
        )
    fields = {argument.name: argument for argument in arguments(name)}
    body: dict[str, Any] = {key: _field(argument) for key, argument in fields.items()}
    body["__annotations__"] = {"name": Literal[name], **{key: a.type() for key, a in fields.items()}}
    body |= {"name": name, "__module__": __name__, "__doc__": _first_line(_sources()[name])}
    return settings(type(name, (KerasOptimizer,), body))


def arguments(name: str) -> list[Argument]:
    """Read an optimizer's arguments, `name` left out, with their defaults and descriptions."""
    definition = _sources()[name]
    signature = _init(definition).args
    names = [argument.arg for argument in signature.args][1:]  # without self
    defaults = [ast.literal_eval(node) for node in signature.defaults]
    described = _base_descriptions() | _descriptions(ast.get_docstring(definition) or "")
    return [Argument(n, d, described.get(n, "")) for n, d in zip(names, defaults) if n != "name"]


def _field(argument: Argument) -> Any:
    return Field(argument.default, description=argument.summary(), **BOUNDS.get(argument.name, {}))


@cache
def _sources() -> dict[str, ast.ClassDef]:
    """Map module name to class for every optimizer of the installed Keras."""
    found = {}
    for path in sorted(_folder().glob("*.py")):
        if path.stem.endswith("_test") or path.stem in ("__init__", "base_optimizer", "optimizer"):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and _is_optimizer(node):
                found[path.stem] = node
    return found


def _folder() -> Path:
    spec = importlib.util.find_spec("keras")
    if spec is None or spec.origin is None:
        raise ConfigError("optimizer: Keras is not installed; run: pip install 'keras>=3.15.1'")
    return Path(spec.origin).parent / "src" / "optimizers"


def _is_optimizer(definition: ast.ClassDef) -> bool:
    """Tell optimizers from wrappers (LossScaleOptimizer, MultiOptimizer), which take another optimizer."""
    exported = any("keras.optimizers." in ast.unparse(node) for node in definition.decorator_list)
    init = _init(definition)
    names = [argument.arg for argument in init.args.args] if init else []
    return exported and "learning_rate" in names and len(names) == len(init.args.defaults) + 1


def _init(definition: ast.ClassDef) -> Any:
    functions = (node for node in definition.body if isinstance(node, ast.FunctionDef))
    return next((node for node in functions if node.name == "__init__"), None)


def _first_line(definition: ast.ClassDef) -> str:
    return (ast.get_docstring(definition) or "").partition("\n")[0]


@cache
def _base_descriptions() -> dict[str, str]:
    """Read what all optimizers share; their docstrings only hold a place for it."""
    tree = ast.parse((_folder() / "base_optimizer.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "base_optimizer_keyword_args":
            return _descriptions("Args:\n    " + ast.literal_eval(node.value).replace("\n        ", "\n    "))
    return {}


def _descriptions(docstring: str) -> dict[str, str]:
    """Read the entries under `Args:`, each on one line."""
    _, _, section = docstring.partition("Args:\n")
    entries = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}
