"""The words of a command: options stand before, between or after what they belong to."""

from __future__ import annotations

from argparse import Action

import pytest

from rnnexp.cli.main import COMMANDS, main, parser_of, read_words

OWN = [name for name in COMMANDS if name != "train"]  # Hydra reads those of `train`
GREEDY = ("level", "data")  # they take all words that follow: another option, or `--`, ends them


def words_of(action: Action) -> list[str]:
    """Return words that an option or a positional takes."""
    value = action.choices[0] if action.choices else "1" if action.type is not None else "word"
    values = [] if action.nargs == 0 else [str(value)]
    return [*action.option_strings[-1:], *values]


def parts(name: str) -> tuple[list[str], list[list[str]]]:
    """Return the positional words of a command, and each of its options with its value."""
    actions = [action for action in parser_of(name)._actions if action.dest not in ("help", *GREEDY)]
    options = [words_of(action) for action in actions if action.option_strings]
    return [word for action in actions if not action.option_strings for word in words_of(action)], options


@pytest.mark.parametrize("name", OWN)
def test_options_stand_anywhere(name: str) -> None:
    own, options = parts(name)
    usual = {tuple(option): read_words(parser_of(name), [*own, *option]) for option in options}
    for option, meant in usual.items():
        for at in range(len(own)):
            found = read_words(parser_of(name), [*own[:at], *option, *own[at:]])
            assert vars(found) == vars(meant), (option, at)
    assert len({repr(meant) for meant in usual.values()}) == len(usual)


def test_what_follows_two_dashes_is_no_option() -> None:
    args = read_words(parser_of("predict"), ["--uri", "a", "--", "run", "--json"])
    assert (args.uri, args.run, args.input, args.json) == ("a", "run", "--json", False)


def test_a_setting_as_messages_write_it_is_one_of_the_data() -> None:
    for words in (["run", "a.csv", "data.gaps=ffill"], ["run", "data.gaps=ffill", "a.csv"]):
        args = read_words(parser_of("predict"), [*words, "--json"])
        assert (args.run, args.input, args.data, args.json) == ("run", "a.csv", ["data.gaps=ffill"], True)
    assert read_words(parser_of("predict"), ["run", "a.csv", "--data", "data.gaps=ffill"]).data == ["data.gaps=ffill"]
    assert read_words(parser_of("predict"), ["--", "run", "data.x=1"]).input == "data.x=1"


def test_an_unknown_option_is_refused_wherever_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--jsno", "run"], ["run", "--jsno"]):
        with pytest.raises(SystemExit, match="2"):
            read_words(parser_of("evaluate"), words)
        assert "there is no flag --jsno; did you mean `--json`?" in capsys.readouterr().err


def test_a_file_after_levels_is_told_where_to_stand(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        read_words(parser_of("predict"), ["run", "--level", "80", "sales.csv"])
    said = "`sales.csv` is not a level in percent; give 50 to 99, or none, and INPUT before --level"
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "words",
    [
        "seed=5 model=gru --cfg job",
        "seed=5 --cfg job model=gru",
        "--cfg job seed=5 model=gru",
        "seed=5 -c job model=gru",
    ],
)
def test_train_takes_its_words_in_any_order(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *words.split()]) == 0
    shown = capsys.readouterr().out
    assert "seed: 5\n" in shown
    assert "model:\n  name: gru\n" in shown
