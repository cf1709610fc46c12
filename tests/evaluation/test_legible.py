"""Names in any script and with any sign can be drawn, without a warning and without being taken for a formula."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from rnnexp.evaluation import legible
from rnnexp.evaluation.figures import new_figure

SCRIPTS = ("温度", "気温です", "온도", "สวัสดี", "तापमान", "\U0001f321")


@pytest.fixture(autouse=True)
def warnings_fail() -> None:
    warnings.simplefilter("error")


def draw(name: str) -> Figure:
    """Write a name wherever a picture may have one."""
    figure, (ax,) = new_figure()
    ax.plot([1.0, 2.0], label=name)
    ax.set_xticks([0, 1], [name, "other"])
    ax.set(title=name, ylabel=name)
    ax.annotate(name, (0.5, 1.5))
    ax.legend()
    return figure


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_name_in_any_script_is_drawn_without_a_warning(name: str, tmp_path: Path) -> None:
    figure = draw(name)
    figure.savefig(tmp_path / "picture.png")
    title = figure.axes[0].title
    assert len(title.get_fontfamily()) > 1 or title.get_text().startswith("U+")
    figure.savefig(tmp_path / "picture.svg")


def test_two_names_without_a_font_can_be_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legible, "_list_fonts", lambda: iter(()))
    figure, (ax,) = new_figure()
    ax.plot([1.0, 2.0])
    ax.set_xticks([0, 1], ["好", "坏"])
    ax.set(title="x: 好评")
    figure.savefig(tmp_path / "picture.png")
    assert [mark.get_text() for mark in ax.get_xticklabels()] == ["U+597D", "U+574F"]
    assert ax.title.get_text() == "x: U+597D U+8BC4"
    assert legible.NOTE in [text.get_text() for text in figure.texts]


def test_names_that_a_font_has_are_drawn_as_they_are(tmp_path: Path) -> None:
    figure = draw("température")
    figure.savefig(tmp_path / "picture.png")
    assert figure.axes[0].title.get_text() == "température"
    assert figure.texts == []


def test_of_a_long_text_the_first_codes_are_written() -> None:
    assert legible.write_codes("好" * 20, {"好"}) == " ".join(["U+597D"] * 8 + ["…"])


def test_signs_without_a_font_would_warn(tmp_path: Path) -> None:
    figure = Figure()
    figure.suptitle(SCRIPTS[0])
    with pytest.raises(UserWarning, match="missing from"):
        figure.savefig(tmp_path / "picture.png")


@pytest.mark.parametrize("name", ["price $", "cost ($), tax ($)", r"$\frac{", "a_b^c", "100 %", "ångström Ω тест"])
def test_a_name_is_no_formula_and_keeps_the_usual_font(name: str, tmp_path: Path) -> None:
    figure = draw(name)
    figure.savefig(tmp_path / "picture.png")
    assert figure.axes[0].title.get_text() == name
    assert not figure.axes[0].title.get_parse_math()
    assert len(figure.axes[0].title.get_fontfamily()) == 1


@pytest.mark.parametrize("highest", [1e6, 5.0])
def test_the_marks_of_a_logarithmic_axis_stay_formulas(highest: float, tmp_path: Path) -> None:
    figure, (ax,) = new_figure()
    ax.semilogy([1.1, highest])
    figure.savefig(tmp_path / "picture.png")
    marks = [mark for mark in ax.get_yticklabels(which="both") if "$" in mark.get_text()]
    assert marks
    assert all(mark.get_parse_math() for mark in marks)
