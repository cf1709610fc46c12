"""The report of a sweep: whole, self-contained, escaped, small, and what it says is what compare says."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sweep_maker import VARIED, Job, Made, curve, make_sweep
from test_compare import clients_page, processor_time, thousand_runs

from rnnexp.cli.main import main
from rnnexp.compare import find, pictures
from rnnexp.compare.report import html
from rnnexp.compare.shown import verdict
from rnnexp.tracking.store import open_store, tracking_uri

NASTY = "<script>alert('&')</script> $x_1$"


class Page(HTMLParser):
    """Collects tags, attributes and the text of a page; a tag that is not closed is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [str(value) for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop() if tag not in ("meta", "img", "br") else None

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def report(made: Made) -> str:
    return html(made.uri, made.run_id)


def test_the_page_is_whole_and_needs_nothing_else(report: str) -> None:
    page = Page(report)
    assert page.open == []
    assert not [link for link in page.links if not link.startswith(("data:image/png;base64,", "#"))]
    assert "script" not in page.tags
    assert not re.search(r"@import|url\((?!#)", report)


def test_the_verdict_is_that_of_compare(made: Made, report: str) -> None:
    assert verdict(find.sweep(made.uri).compared()) in Page(report).text


def test_every_section_is_there(report: str) -> None:
    titles = re.findall(r"<h2>(.*?)</h2>", report)
    assert titles == [
        "Settings, the best first",
        "Learning curves",
        "Parallel coordinates of the settings",
        "Score by parameter",
        "Importance of the parameters",
        "Jobs that did not finish",
        "The best setting as an experiment",
        "Provenance",
    ]
    assert report.count("<figure") == 4


@pytest.mark.fault("I7")
def test_a_failed_job_says_why_and_its_text_is_escaped(report: str) -> None:
    assert "ValueError: &lt;b&gt;no&lt;/b&gt; data" in report
    assert "<b>" not in report


def test_the_winner_and_the_command_are_given(report: str) -> None:
    text = Page(report).text
    assert "- override /model: gru" in text
    assert "rnnexp train -m experiment=sine_lstm model optimizer.learning_rate seed" in text


def test_pictures_have_ids_of_their_own(report: str) -> None:
    ids = re.findall(r'\bid="([^"]+)"', report)
    assert ids
    assert len(ids) == len(set(ids))
    targets = set(re.findall(r'(?:href="|url\()#([^")]+)', report))
    assert targets <= set(ids)


@pytest.fixture
def empty(tmp_path: Path) -> str:
    uri = tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    open_store(uri)
    return uri


@pytest.mark.fault("I7")
def test_names_cannot_inject_anything(empty: str) -> None:
    jobs = {i: [Job((f"data.unit='{units}'",), curve(0.1 + i))] for i, units in enumerate(("<i>cm</i>", "&amp; $m$"))}
    sweep = make_sweep(empty, NASTY, ["data.unit"], jobs, **{"rnnexp.command": f"{NASTY}\n{NASTY}"})
    text = html(empty, sweep.run_id)
    assert not re.search("<script>|<i>|<b>", text)
    assert "&amp;amp; $m$" in text
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt; $x_1$" in text
    assert Page(text).open == []


def test_a_sweep_without_any_result_has_a_report_that_says_so(empty: str) -> None:
    failed = Job(("seed=0",), [1.0], outcome="failed", status="FAILED")
    sweep = make_sweep(empty, "broken-1", ["seed"], {0: [failed]})
    text = Page(html(empty, sweep.run_id)).text
    assert "nothing can be ranked" in text
    assert "ValueError" in text


def test_a_sweep_without_jobs_has_a_report_too(empty: str) -> None:
    sweep = make_sweep(empty, "nothing-1", VARIED, {})
    assert "0 jobs" in Page(html(empty, sweep.run_id)).text


@pytest.mark.end_to_end
def test_a_thousand_jobs_are_a_page_under_two_megabytes(tmp_path: Path) -> None:
    uri = thousand_runs(tmp_path)
    text = html(uri, "many-1")
    assert len(text.encode()) < 2_000_000
    assert Page(text).open == []
    assert "175 more" in text
    pages = processor_time(lambda: html(uri, "many-1")) / clients_page(uri)
    assert pages < 25, f"{pages:.1f}, of which five are usual"


def test_the_command_writes_the_file(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", made.name, "--uri", made.uri]) == 0
    assert capsys.readouterr().out.startswith("wrote sine_lstm-3fa2c1.html (")
    assert Path("sine_lstm-3fa2c1.html").read_text().startswith("<!DOCTYPE html>")
    assert main(["report", made.name, "--uri", made.uri, "-o", "no/such/folder.html"]) == 2
    assert "choose another with -o FILE" in capsys.readouterr().err


def test_few_values_are_spread_evenly_and_many_numbers_are_where_they_are() -> None:
    assert pictures.axis([0.1, 0.001, 0.01]).places == [1.0, 0.0, 0.5]
    assert pictures.axis(["gru", "lstm", None]).marks == {"gru": 0.0, "lstm": 0.5, "unset": 1.0}
    decades = pictures.axis([10.0**i for i in range(9)])
    assert decades.places[4] == pytest.approx(0.5)
    linear = pictures.axis([float(i) for i in range(1, 12)])
    assert linear.places[5] == pytest.approx(0.5)


def test_constant_and_negative_objectives_can_be_drawn() -> None:
    points = [{"a": i, "b": "x"} for i in range(3)]
    for values in ([1.0, 1.0, 1.0], [-1.0, 0.0, 1.0]):
        names = {"a": "a", "b": "b"}
        assert pictures.parallel(points, values, names, "goal").startswith("<svg")
        assert pictures.slices(points, values, names, "goal").startswith("<svg")


def test_logarithmic_axes_are_marked_with_plain_numbers() -> None:
    points = [{"rate": 10 ** (-i / 4)} for i in range(20)]
    drawn = pictures.slices(points, [10.0**i for i in range(20)], {"rate": "r"}, "goal")
    assert "mathdefault" not in drawn
    assert ">0.001<" in drawn
