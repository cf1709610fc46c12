"""The words of code and texts are spelled as those of Keras, MLflow and PyTorch are: the American way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = ("rnnexp", "conf", "experiments", "hydra_plugins", "docs", "tests", "README.md")

# Stems of words on -ise, -yse, -our, -lled and -re, and the endings that these may have.
ISE = (
    *("apolog", "author", "capital", "categor", "character", "critic", "custom", "discret", "emphas", "final"),
    *("general", "harmon", "initial", "local", "magnet", "maxim", "memor", "minim", "modern", "neutral", "normal"),
    *("optim", "organ", "parallel", "parameter", "parametr", "penal", "polar", "priorit", "quant", "random", "raster"),
    *("real", "recogn", "regular", "serial", "special", "stabil", "standard", "summar", "symbol", "synchron", "token"),
    *("util", "vector", "visual", "vocal"),
)
ENDINGS = ("e", "ed", "es", "er", "ers", "ing", "able", "ation", "ations", "ational")
YSE = ("anal", "catal", "dial", "electrol", "paral")
OUR = ("arm", "behavi", "col", "endeav", "fav", "flav", "harb", "hon", "lab", "neighb", "od", "rum", "sav", "vap")
OF_OUR = ("", "s", "ed", "ing", "able", "ably", "ite", "ites", "ful", "less", "hood", "hoods", "al", "ally")
DOUBLE = ("cance", "channe", "dia", "equa", "fue", "labe", "leve", "marsha", "mode", "pane", "signa", "tota", "trave")
RE = ("cent", "fib", "kilomet", "lit", "lust", "met", "millimet", "spect", "theat")
OTHERS = {
    "ageing": "aging", "aluminium": "aluminum", "amongst": "among", "artefact": "artifact", "artefacts": "artifacts",
    "benefitted": "benefited", "biassed": "biased", "burnt": "burned", "catalogue": "catalog",
    "catalogues": "catalogs", "centred": "centered", "centring": "centering", "defence": "defense",
    "dreamt": "dreamed", "dwelt": "dwelled", "enrol": "enroll", "enrolment": "enrollment", "focussed": "focused",
    "fulfil": "fulfill", "fulfils": "fulfills", "grey": "gray", "greyed": "grayed", "greyish": "grayish",
    "greys": "grays", "judgement": "judgment", "judgements": "judgments", "leant": "leaned", "leapt": "leaped",
    "learnt": "learned", "licence": "license", "licences": "licenses", "mould": "mold", "moulded": "molded",
    "moulds": "molds", "offence": "offense", "plough": "plow", "practise": "practice", "practised": "practiced",
    "practising": "practicing", "pretence": "pretense", "programme": "program", "programmes": "programs",
    "sceptical": "skeptical", "skilful": "skillful", "smelt": "smelled", "spelt": "spelled", "spoilt": "spoiled",
    "storey": "story", "storeys": "stories", "towards": "toward", "whilst": "while", "wilful": "willful",
}  # fmt: skip
WORDS = {
    **OTHERS,
    **{f"{stem}is{ending}": f"{stem}iz{ending}" for stem in ISE for ending in ENDINGS},
    **{f"{stem}ys{ending}": f"{stem}yz{ending}" for stem in YSE for ending in ("e", "ed", "er", "ing")},
    **{f"{stem}our{ending}": f"{stem}or{ending}" for stem in OUR for ending in OF_OUR},
    **{f"{stem}ll{ending}": f"{stem}l{ending}" for stem in DOUBLE for ending in ("ed", "ing", "er", "ers")},
    **{f"{stem}re{ending}": f"{stem}er{ending}" for stem in RE for ending in ("", "s")},
}
BEFORE = ("un", "mis", "re", "pre", "de", "non", "dis", "over", "auto", "mini")
# What must stay as it is: names that files on disk have, and the data of a test.
KEPT = ("language_modelling", '"modelling"', "cold bitter grey", "cold grey bitter", "cold grey\\n")
PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
SKIPPED = re.compile("|".join(map(re.escape, KEPT)))


@cache
def american(part: str) -> str | None:
    """Return a part of a word or identifier as it is spelled in America; None if that is how it is spelled."""
    lower = part.lower()
    before = next((one for one in BEFORE if lower.startswith(one) and lower.removeprefix(one) in WORDS), "")
    if lower not in WORDS and not before:
        return None
    found = WORDS.get(lower) or before + WORDS[lower.removeprefix(before)]
    return found.upper() if part.isupper() else found.capitalize() if part[0].isupper() else found


def misspelled(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield where in a text a part of a word is spelled the British way, the part, and what it should be."""
    if not any(map(american, set(PART.findall(text)))):
        return
    kept = [match.span() for match in SKIPPED.finditer(text)]
    for match in PART.finditer(text):
        inside = any(start <= match.start() < end for start, end in kept)
        if not inside and (found := american(match.group())):
            yield match.start(), match.group(), found


@cache
def texts() -> dict[str, str]:
    """Return the texts of all files but this one, by their path; no text of what is none."""
    files = [file for place in PLACES for file in (ROOT / place, *(ROOT / place).rglob("*")) if file.is_file()]
    kept = [file for file in files if file.suffix != ".pyc" and file.name != Path(__file__).name]
    contents = {file.relative_to(ROOT).as_posix(): file.read_bytes() for file in sorted(kept)}
    return {name: "" if b"\0" in content else content.decode("utf-8", "replace") for name, content in contents.items()}


def test_words_and_identifiers_are_spelled_the_american_way() -> None:
    found = [
        f"{name}:{text.count(chr(10), 0, at) + 1}: {word}, in American {better}"
        for name, text in texts().items()
        for at, word, better in misspelled(text)
    ]
    assert not found, "\n".join(found)


def test_files_are_named_the_american_way() -> None:
    found = {name: list(misspelled(name)) for name in texts()}
    assert not {name: words for name, words in found.items() if words}


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("The colours are normalised", ["colors", "normalized"]),
        ("class MyTokeniser:  # LEARNT = is_misspelt", ["Tokenizer", "LEARNED", "misspelled"]),
        ("unoptimised, prelabelled, Behaviour", ["unoptimized", "prelabeled", "Behavior"]),
        ("four hours of our noise, raised otherwise; analyses promise a precise exercise", []),
        ('"language_modelling" and modelling', ["modeling"]),
    ],
)
def test_a_word_that_is_spelled_otherwise_would_be_found(text: str, better: list[str]) -> None:
    assert [found for *_, found in misspelled(text)] == better


def test_all_places_are_looked_at() -> None:
    found = texts()
    assert {name.partition("/")[0] for name in found} >= {"rnnexp", "conf", "experiments", "tests", "README.md"}
    assert "rnnexp/registry.py" in found
