"""What the functions of Hydra's grammar do: what they say, or an error that names the key."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from rnnexp.config.grammar import options_of
from rnnexp.config.overrides import inspect_overrides, parsed
from rnnexp.errors import ConfigError


def values(line: str, seed: int = 0) -> tuple[str, ...]:
    return options_of(parsed(line), seed=seed)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("sort(range(4,17,5),reverse=true)", "14 9 4"),
        ("sort(range(4,17,5))", "4 9 14"),
        ("sort(range(16,4,-5))", "6 11 16"),
        ("sort(range(16,4,-5),reverse=true)", "16 11 6"),
        ("sort(sweep=range(4,17,5),reverse=true)", "14 9 4"),
        ("sort(range(0,1,0.25),reverse=true)", "0.75 0.5 0.25 0.0"),
        ("sort(float(range(4,17,5)),reverse=true)", "14.0 9.0 4.0"),
        ("sort(shuffle(range(4)))", "0 1 2 3"),
        ("sort(shuffle(3,1,2),reverse=true)", "3 2 1"),
        ("tag(a,sort(range(5,0,-2)))", "1 3 5"),
        ("float(range(1,4))", "1.0 2.0 3.0"),
        ("int(range(3))", "0 1 2"),
        ("int(1.0,2.0)", "1 2"),
        ("str(1,2)", "1 2"),
        ("choice(7)", "7"),
        ("choice([1,2],[3])", "[1,2] [3]"),
    ],
)
def test_a_function_does_what_it_says(written: str, found: str) -> None:
    assert values(f"seed={written}") == tuple(found.split())


@pytest.mark.parametrize("seed", range(20))
def test_a_sorted_range_has_the_numbers_of_the_range(seed: int) -> None:
    draw = random.Random(seed)
    start, stop, step = draw.randint(-9, 9), draw.randint(-9, 9), draw.choice([-4, -3, -1, 1, 2, 5])
    numbers = list(range(start, stop, step))
    if not numbers:
        return
    for reverse in ("false", "true"):
        line = f"seed=sort(range({start},{stop},{step}),reverse={reverse})"
        assert values(line) == tuple(map(str, sorted(numbers, reverse=reverse == "true")))


@pytest.mark.parametrize("cast", ["int", "float"])
def test_a_cast_of_a_shuffled_sweep_is_shuffled(cast: str) -> None:
    drawn = values(f"seed={cast}(shuffle(range(20)))")
    assert sorted(map(float, drawn)) == list(range(20))
    assert list(map(float, drawn)) != list(range(20))


@pytest.mark.parametrize(
    "written",
    [
        "range(1,5,0)",
        "range(5,1)",
        "range(0,1,0.0)",
        "int(range(0,2,0.5))",
        "int(range(0,3.5))",
        "str(range(3))",
        "choice(range(3))",
        "choice(choice(1,2),3)",
        "1,range(3)",
        "[range(3)]",
        "{a: choice(1,2)}",
        "[[1,shuffle(1,2)]]",
        "glob(*)",
        "sort(1,a)",
        "choice()",
    ],
)
@pytest.mark.fault("F7")
def test_what_has_no_meaning_is_refused_by_name(written: str) -> None:
    border = inspect_overrides([f"seed={written}"], sweep=True)
    assert border.lines == []
    (problem,) = border.problems
    assert "seed" in problem.partition("=")[0]


def test_a_pattern_makes_a_list_of_the_choices_that_match() -> None:
    assert inspect_overrides(["model=glob(*gru*)"], sweep=True).lines == ["model=choice(gru,min_gru)"]
    border = inspect_overrides(["model=glob(x*)", "model=interval(0,1)"], sweep=True)
    assert [problem.partition(" of ")[0] for problem in border.problems] == [
        "model: `glob(x*)` does not match any",
        "model: `interval(0,1)` is an interval; name the choices, separated by commas",
    ]


def test_a_shuffled_list_is_drawn_once_and_alike_in_every_process() -> None:
    line = "metrics=shuffle([a,b,c,d,e,f,g])"
    (here,) = inspect_overrides([line]).lines
    assert here.startswith("++metrics=[")
    assert here != "++metrics=[a,b,c,d,e,f,g]"
    program = f"from rnnexp.config.overrides import inspect_overrides as i; print(*i([{line!r}]).lines)"
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert there.strip() == here


def test_a_shuffled_sweep_follows_the_seed_of_the_sampler() -> None:
    assert values("seed=shuffle(range(9))", 1) == values("seed=shuffle(range(9))", 1)
    assert values("seed=shuffle(range(9))", 1) != values("seed=shuffle(range(9))", 2)


def test_settings_of_hydra_cannot_be_swept_but_a_space_needs_no_quotes() -> None:
    border = inspect_overrides(["hydra.job.name=a,b", "hydra.sweeper.params.seed=3,4"], sweep=True)
    assert border.problems == [
        "hydra.job.name: `hydra.job.name=a,b`: Hydra's own settings cannot be swept; give one value"
    ]
    assert parsed(border.lines[0]).value() == "3,4"


@pytest.mark.fault("F7")
def test_an_error_of_a_function_is_told_without_a_traceback() -> None:
    with pytest.raises(ConfigError, match=r"`seed=sort\(1,a\)`"):
        parsed("seed=sort(1,a)")
