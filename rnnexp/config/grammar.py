"""Hydra's grammar of overrides, its functions mended where they do not do what they say.

In Hydra 1.3.8 `sort` miscounts ranges, casts forget that a sweep is shuffled, and a list is shuffled anew each
time its line is read. Sweeps inside lists or other sweeps, which end in nonsense there, are refused.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from functools import cache
from typing import Any

from hydra._internal.grammar import grammar_functions
from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions
from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, RangeSweep, Sweep
from hydra.errors import HydraException

from rnnexp.config import letters
from rnnexp.config.source import COMPONENT_GROUPS
from rnnexp.errors import ConfigError, did_you_mean

letters.use_letters()

GROUPS = (*COMPONENT_GROUPS, "trainer", "callbacks", "tracking", "experiment")

# A quoted text, which is left alone, or a word that stands by itself and that Hydra would read as a number or a truth.
_WORD = re.compile(
    r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|(?<![^\s,(=])(?P<bare>[+-]?\.?\d[\w.+-]*|true|false|nan|[+-]?inf)(?![^\s,)])""",
    re.IGNORECASE,
)
# A quoted text, or what stands between the marks that divide a value.
_PIECE = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\s,()\[\]{}'"=][^,()\[\]{}'"=]*""")
QUOTES = "put quotes around values with spaces, commas or brackets: 'key=\"a, b\"'"
FUNCTIONS = {  # of a space, by what they are called elsewhere
    "tag(log, interval(LOW, HIGH))": "log loguniform log_uniform logspace suggest_loguniform reciprocal",
    "interval(LOW, HIGH)": "uniform suggest_float suggest_uniform linspace real float_range between",
    "range(LOW, HIGH)": "randint suggest_int arange int_range integer quniform",
    "choice(A, B)": "categorical suggest_categorical grid grid_search one_of oneof list values",
}
_SEED = 0  # of lists that are shuffled: the same line is the same list, in every process


@cache
def parser() -> OverridesParser:
    """Return Hydra's parser with our functions; what they accept stays as Hydra declares it."""
    functions = create_functions()
    functions.functions |= {"sort": _sort, "shuffle": _shuffle}
    functions.functions |= {name: _cast(functions.functions[name]) for name in ("int", "float", "bool", "str")}
    return OverridesParser(functions)


def _sort(*args: Any, **named: Any) -> Any:
    found = grammar_functions.sort(*args, **named)
    if isinstance(found, RangeSweep):
        given = named.get("sweep") or args[0]
        return _sorted_range(given, bool(named.get("reverse", False)))
    return replace(found, shuffle=False) if isinstance(found, ChoiceSweep) else found


def _sorted_range(given: RangeSweep, reverse: bool) -> RangeSweep | ChoiceSweep:
    """Return the same numbers in order; of whole numbers it stays a range, from which a sampler can draw."""
    numbers = given.range()
    if isinstance(numbers, range):
        ordered = numbers if (numbers.step < 0) == reverse else numbers[::-1]
        return replace(given, start=ordered.start, stop=ordered.stop, step=ordered.step, shuffle=False)
    return ChoiceSweep(given.tags, sorted(numbers, reverse=reverse))


def _shuffle(*args: Any, **named: Any) -> Any:
    given = named.get("list") or (args[0] if len(args) == 1 else None)
    if isinstance(given, list):
        return random.Random(_SEED).sample(given, len(given))
    return grammar_functions.shuffle(*args, **named)


def _cast(function: Callable[..., Any]) -> Callable[..., Any]:
    def cast(*args: Any, **named: Any) -> Any:
        found = function(*args, **named)
        given = named.get("value") or (args[0] if len(args) == 1 else None)
        if isinstance(given, RangeSweep) and list(found.range()) != list(map(function, given.range())):
            raise ValueError("a cast changes the ends and the step of a range, not its values; list the values")
        if isinstance(given, ChoiceSweep | RangeSweep):
            return replace(found, shuffle=given.shuffle, tags=given.tags)
        return found

    return cast


def is_glob(override: Override) -> bool:
    """Say whether the choices are given as a pattern."""
    return override.value_type is not None and override.value_type.name == "GLOB_CHOICE_SWEEP"


def _refuse_nested_sweeps(override: Override) -> None:
    """Raise ConfigError for `[range(3)]`, `{a: choice(1,2)}`, `1,range(3)` and the like."""
    value = override._value
    inside = value.list if isinstance(value, ChoiceSweep) else [value] if isinstance(value, list | dict) else []
    if any(map(_holds_sweep, inside)):
        raise ConfigError(
            f"{override.key_or_group}: `{override.input_line}` has a sweep inside a list, a mapping or another sweep; "
            f"write out the values, separated by commas"
        )


def _holds_sweep(value: Any) -> bool:
    inside = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    return isinstance(value, Sweep | Glob) or any(map(_holds_sweep, inside))


def options_of(override: Override, choices: Collection[str] = (), seed: int = 0) -> tuple[str, ...]:
    """Return the values of a list, a range or a pattern as they are written on the command line, each once.

    `choices` are those of the group, for a pattern; `seed` is that of the order of a shuffled sweep.
    Raises ConfigError if there are none.
    """
    key, written = override.key_or_group, override.get_value_string()
    if is_glob(override):
        found = override.value().filter(sorted(choices))  # type: ignore[union-attr]
        if not found:
            known = (
                f"any of {', '.join(sorted(choices))}" if choices else "anything; only choices of a group have names"
            )
            raise ConfigError(f"{key}: `{written}` does not match {known}")
        return tuple(found)
    before = random.getstate()
    random.seed(seed)  # `shuffle` draws from Python's generator: the same command must give the same order
    try:
        options = tuple(dict.fromkeys(override.sweep_string_iterator()))
    except (HydraException, ValueError) as error:  # a step of zero
        raise ConfigError(f"{key}: `{written}` cannot be read: {error}") from None
    finally:
        random.setstate(before)
    if not options:
        raise ConfigError(f"{key}: `{written}` has no values")
    return options


@cache
def parsed(line: str) -> Override:
    """Parse one override; what is not one is a ConfigError that shows how to quote.

    The options of a group are names, also those that look like numbers: `model=64` chooses `conf/model/64.yaml`.
    """
    key = line.partition("=")[0]
    if not key.strip("+~ "):
        raise ConfigError(f"`{line}`: not `key=value`; there is no key before the `=`")
    try:
        override = parser().parse_override(_as_hydra_reads(line))
    except (HydraException, RecursionError, ValueError) as error:  # Hydra's parser lets through what `int` raises
        detail = "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        told = _find_function(line) or f"not `key=value` ({detail.partition(' expecting ')[0]}); {_repair(line)}"
        raise ConfigError(f"`{_shown(line)}`: {told}") from None
    _refuse_nested_sweeps(override)
    return override


def _find_function(line: str) -> str:
    """Say of a function that there is none of its name, and which one other packages call so; "" if there is."""
    name = re.match(r"[^=]*=\s*(\w+)\s*\(", line)
    known = parser().functions.functions
    if name is None or name[1] in known:
        return ""
    meant = next((ours for ours, words in FUNCTIONS.items() if name[1].lower() in words.split()), "")
    hint = f"; did you mean `{meant}`?" if meant else did_you_mean(name[1], known)
    return f"there is no function `{name[1]}`{hint or '; there are choice, range, interval and tag'}"


def _repair(line: str) -> str:
    """Say how what stands behind the `=` is written: several values, or one with marks in it."""
    key, _, value = line.partition("=")
    inner = value.strip().strip("(){};,| ")
    values = [one.strip() for one in re.split(r"[,;|]", inner) if one.strip()]
    if len(values) > 1 - value.rstrip().endswith(",") and all(re.fullmatch(r"[\w.+-]+", one) for one in values):
        return f"several values are separated by single commas: {key}={','.join(values)}"
    return QUOTES


def is_choice(key: str) -> bool:
    """Say whether a key chooses an option of a group: `model`, `model@other`, `hydra/launcher`."""
    group = key.lstrip("+~").partition("@")[0]
    return group in GROUPS or "/" in group


def _as_hydra_reads(line: str) -> str:
    return quote_letters(_named(line) if is_choice(line.partition("=")[0]) else line)


def quote_letters(line: str) -> str:
    """Put quotes around values with letters beyond ASCII, which Hydra reads in no other way."""
    if line.isascii():
        return line
    key, equals, value = line.partition("=")
    if "${" in value:  # which may stand within quotes, as a part of a text
        return line if {*value} & {*",[('\""} else f'{key}="{value}"'
    return key + equals + _PIECE.sub(lambda piece: _quoted(piece[0], value[: piece.start()]), value)


def _quoted(piece: str, before: str) -> str:
    """Quote a piece of a value; of `key: value` in a mapping the value."""
    name = ""
    if piece[0] not in "'\"" and before.count("{") > before.count("}") and ":" in piece:
        name, colon, piece = piece.partition(":")
        name += colon
    if piece.isascii() or piece[0] in "'\"" or "\\" in piece:
        return name + piece
    text = piece.strip()
    return name + piece.replace(text, f'"{text}"')


def _named(line: str) -> str:
    """Put quotes around options that Hydra would read as numbers or truths."""
    key, equals, value = line.partition("=")
    if value.lstrip().startswith(("[", "{")) or "range(" in value or "interval(" in value:
        return line
    return key + equals + _WORD.sub(lambda word: f"'{word['bare']}'" if word["bare"] else word[0], value)


def _shown(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:199]}…"


def as_hydra_reads(lines: Iterable[str]) -> list[str]:
    """Say choices of groups as Hydra reads them: `schedule=null` is `~schedule`, `model=64` is `model='64'`.

    Of several choices of a group the last counts.
    """
    kept: dict[str, str] = {}
    for number, line in enumerate(lines):
        key, _, value = line.partition("=")
        name = key.lstrip("+")
        if name not in GROUPS:
            kept[str(number)] = _as_hydra_reads(line)
            continue
        kept.pop(name, None)
        kept[name] = f"~{name}" if value.strip().lower() == "null" else _as_hydra_reads(line)
    return list(kept.values())
