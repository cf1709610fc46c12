"""Columns that a table does not have are told where absent files are: before anything heavy, in its reader's words."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import rnnexp as rx
from rnnexp import compose, registry
from rnnexp.data.located import InRoot, refuse_absent
from rnnexp.data.tables import table
from rnnexp.data.tables.dialect import Dialect
from rnnexp.data.tables.layout import Layout
from rnnexp.errors import DataError
from tests.data.audio.recorded import tone, write

MODELS = {"multi_input_table": "multi_input", "frames": "cnn_lstm"}  # of sources that no other model reads
ABSENT = "there is no column"
STEPS = {"kind": "sequence", "path": "pulse.csv", "time": "second", "columns": ["beats"]}
SEVERAL = {"path": "wards.csv", "label": "ill", "inputs": {"notes": {"kind": "text"}, "pulse": STEPS}}
WORDS = {"path": "texts.csv"}
SOUNDS = {"path": "sounds", "labels": "said.csv"}
RIGHT: dict[str, dict[str, Any]] = {
    "audio_folder": {**SOUNDS, "groups": "who"},
    "audio_strings": {**SOUNDS, "speaker": "who"},
    "csv": {"path": "sales.csv", "time": "month", "series": "shop", "target": "sold", "features": ["price"]},
    "frames": {"path": "clips", "labels": "said.csv"},
    "multi_input_table": SEVERAL,
    "sensors": {"path": "sales.csv", "target": ["sold", "price"], "labels": "fault"},
    "sequence_folder": {"path": "walks", "channels": ["x"]},
    "sequence_table": {"path": "rows.csv", "channels": ["x"]},
    "text_table": {**WORDS, "val_path": "texts.csv"},
}
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("audio_folder", {"label": "lable"}, "did you mean `label`"),
    ("audio_folder", {"groups": "whom"}, "whom"),
    ("audio_strings", {"speaker": "speaker"}, "speaker"),
    ("csv", {"time": "mnth"}, "data.time: .*did you mean `month`"),
    ("csv", {"series": "Shop"}, 'data.series: .*did you mean "shop"'),
    ("csv", {"target": "salse"}, "data.target"),
    ("csv", {"target": 9}, "positions run from 0 to 4"),
    ("csv", {"known": ["holiday"]}, "data.features, data.known or data.weight"),
    ("csv", {"weight": "w"}, '"w"'),
    ("frames", {"file": "clip"}, "data.file"),
    ("multi_input_table", {"groups": "familly"}, "data.groups: .*did you mean `family`"),
    ("multi_input_table", {"inputs": {**SEVERAL["inputs"], "note": {"kind": "text"}}}, "data.inputs.note.columns"),
    ("multi_input_table", {"inputs": {**SEVERAL["inputs"], "pulse": {**STEPS, "id": "idd"}}}, "data.inputs.pulse.id"),
    ("multi_input_table", {"inputs": {**SEVERAL["inputs"], "pulse": {**STEPS, "time": "s"}}}, "data.inputs.pulse.time"),
    ("multi_input_table", {"inputs": {**SEVERAL["inputs"], "pulse": {**STEPS, "columns": ["beat"]}}}, "pulse.columns"),
    ("sensors", {"labels": "faulty"}, "data.features, data.known or data.labels"),
    ("sensors", {"labels": 7}, "there is no column 7"),
    ("sequence_folder", {"file": "name"}, "data.file or data.label"),
    ("sequence_folder", {"channels": ["x", "z"]}, "a.csv: data.channels"),
    ("sequence_table", {"recording": ["recording", "trial"]}, "data.recording or data.label"),
    ("sequence_table", {"channels": ["z"]}, "rows.csv: data.channels"),
    ("sequence_table", {"channels": [], "label": "lable"}, "did you mean `label`"),
    ("sequence_table", {"test_path": "others.csv", "channels": ["y"]}, "others.csv: data.channels"),
    ("text_table", {"text": "txt"}, "data.text: .*data.header=none"),
    ("text_table", {"label": "Label"}, 'did you mean "label"'),
    ("text_table", {"quoting": False, "weight": "much"}, "data.weight"),
    ("text_table", {"separator": ";"}, "the separator is taken to be `;`"),
]


@pytest.fixture(autouse=True)
def tables(tmp_path: Path) -> None:
    rows = [f"2020-{m:02},north,{m}.5,{m * m},0" for m in range(1, 13)]
    write_table("sales.csv", "month,shop,sold,price,fault", *rows)
    write_table("wards.csv", "id,notes,family,ill", *(f"p{i},word {i},f{i % 3},{'ny'[i % 2]}" for i in range(20)))
    write_table("pulse.csv", "id,second,beats", *(f"p{i},{s},{60 + s + i}" for i in range(20) for s in range(3)))
    write_table("rows.csv", "recording,x,y,label", *(f"r{i},{i * s},{s},{'ab'[i % 2]}" for i in (0, 1) for s in (1, 2)))
    write_table("others.csv", "recording,x,label", "q,1,a", "q,2,a")
    write_table("texts.csv", "label,text", 'good,"so,\nso"', "bad,no")
    write_table("walks/labels.csv", "file,label", "a.csv,up", "b.csv,down")
    for name in "ab":
        write_table(f"walks/{name}.csv", "x,y", "1,2", "2,3")
        write(Path("sounds"), f"{name}.wav", tone(440))
    write_table("sounds/said.csv", "file,label,who", "a.wav,one,ann", "b.wav,two,bob")
    write_table("clips/said.csv", "file,label", "a,up")


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the texts whose heads are looked at."""
    files, examine = list[str](), table.examine

    def listen(file: Path, layout: Layout) -> Dialect:
        files.append(str(file))
        return examine(file, layout)

    monkeypatch.setattr(table, "examine", listen)
    return files


def write_table(name: str, *lines: str) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def source(name: str, **settings: Any) -> Any:
    return compose(f"data={name}", f"model={MODELS.get(name, 'lstm')}", data={**RIGHT[name], **settings}).data


def tell_early(chosen: Any) -> str:
    """Return what a command would say at once."""
    try:
        refuse_absent(chosen)
    except DataError as error:
        return str(error)
    return ""


def tell_late(chosen: Any) -> str:
    """Return what the reader says."""
    with pytest.raises(DataError, match=r"\w") as raised:
        chosen.read()
    return str(raised.value)


def test_these_are_all_sources_whose_settings_name_columns() -> None:
    known = {name: registry.lookup("data", name) for name in registry.names("data")}
    silent = InRoot.find_absent_columns
    assert {name for name, one in known.items() if getattr(one, "find_absent_columns", silent) is not silent} == {
        *RIGHT
    }


@pytest.mark.parametrize(("name", "wrong", "said"), WRONG)
@pytest.mark.fault("E1")
def test_a_source_says_which_column_is_absent_as_its_reader_does(name: str, wrong: dict[str, Any], said: str) -> None:
    chosen = source(name, **wrong)
    with pytest.raises(DataError, match=f"(?s){said}") as raised:
        refuse_absent(chosen)
    assert ABSENT in str(raised.value)
    assert str(raised.value) == tell_late(chosen)


@pytest.mark.parametrize("name", sorted(RIGHT))
def test_columns_that_are_there_are_not_missed(name: str) -> None:
    assert tell_early(source(name)) == ""


WRITTEN: dict[str, tuple[bytes, Mapping[str, Any]]] = {
    "semicolons": (b"day;n\n1;2,5\n2;3,5\n", {"decimal": ","}),
    "a mark of bytes": (b"\xef\xbb\xbfday,n\n1,2\n2,3\n", {}),
    "UTF-16": ("day\tn\n1\t2\n2\t3\n".encode("utf-16"), {}),
    "another encoding": ("day,größe,n\n1,3,2\n2,4,3\n".encode("latin-1"), {"encoding": "latin-1"}),
    "lines above": (b"A title\nof two lines\nday,n\n1,2\n2,3\n", {"skip_lines": 2}),
    "rows left out": (b"day,n\nd,EUR\n1,2\n2,3\n", {"skip_rows": [2]}),
    "comments": (b"# made by hand\nday,n\n1,2\n2,3\n", {"comment": "#"}),
    "names in the settings": (b"1,2\n2,3\n", {"header": ["day", "n"]}),
    "a separator of its own": (b"day~n\n1~2\n2~3\n", {"separator": "~"}),
    "a separator that is declared": (b"sep=;\nday;n\n1;2\n2;3\n", {}),
    "blanks": (b"day  n\n1    2\n2    3\n", {}),
    "quotes": (b'"day","n"\n"1","2"\n"2","3"\n', {}),
    "gzip": (gzip.compress(b"day,n\n1,2\n2,3\n"), {}),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_a_table_is_looked_at_as_it_is_written(case: str) -> None:
    content, settings = WRITTEN[case]
    Path("t.csv").write_bytes(content)
    plain: dict[str, Any] = {"path": "t.csv", "time": None, "series": None, "features": [], **settings}
    assert tell_early(source("csv", **plain, target="n")) == ""
    wrong = source("csv", **plain, target="m")
    assert f't.csv: data.target: {ABSENT} "m"' in tell_early(wrong)
    assert tell_early(wrong) == tell_late(wrong)


def test_columns_without_names_are_counted() -> None:
    write_table("t.csv", "1,2", "2,3")
    plain: dict[str, Any] = {"path": "t.csv", "time": None, "series": None, "features": [], "header": "none"}
    assert [tell_early(source("csv", **plain, target=place)) for place in (0, 1, -2)] == ["", "", ""]
    wrong = source("csv", **plain, target=2)
    assert tell_early(wrong) == tell_late(wrong) == f"t.csv: data.target: {ABSENT} 2; positions run from 0 to 1"


@pytest.mark.parametrize("files", [["p.parquet"], ["p/one.parquet", "p/two.parquet"]])
def test_parquet_names_its_columns_itself(files: list[str]) -> None:
    for file in files:
        Path(file).parent.mkdir(exist_ok=True)
        pd.DataFrame({"n": [1.0, 2.0], "day": [1, 2]}).to_parquet(file)
    plain: dict[str, Any] = {"path": Path(files[0]).parts[0], "time": None, "series": None, "features": []}
    assert tell_early(source("csv", **plain, target="n")) == ""
    assert tell_early(source("csv", **plain, target="m")) == tell_late(source("csv", **plain, target="m"))


def test_of_many_files_the_first_is_looked_at(looked: list[str]) -> None:
    for number in range(1, 100):
        write_table(f"y{number:02}.csv", "month,sold", f"20{number:02}-01,1")
    many: dict[str, Any] = {"path": "y*.csv", "series": None, "features": []}
    assert tell_early(source("csv", **many)) == ""
    assert looked == ["y01.csv"]
    assert tell_early(source("csv", **many, target="n")) == tell_late(source("csv", **many, target="n"))


def test_all_columns_are_told_at_once_by_the_reader_too() -> None:
    chosen = source("csv", time="mnth", series="shops", features=["cost"])
    lines = tell_early(chosen).splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "data.time",
        "data.series",
        "data.features, data.known or data.weight",
    ]
    assert lines == tell_late(chosen).splitlines()
    other = source("text_table", label="lable", text=["txt"])
    assert len(tell_early(other).splitlines()) == 2
    assert tell_early(other) == tell_late(other)


def test_of_very_many_columns_the_first_are_told() -> None:
    lines = tell_early(source("csv", features=[f"f{i}" for i in range(40)])).splitlines()
    assert len(lines) == 6
    assert lines[-1] == "sales.csv: 35 more columns not there"


def test_absent_files_are_told_beside_absent_columns() -> None:
    with pytest.raises(DataError, match="sold2") as raised:
        refuse_absent(source("csv", target="sold2"), source("text_table", path="gone.csv", val_path=None))
    assert [line.partition(":")[0] for line in str(raised.value).splitlines()] == ["sales.csv", "gone.csv"]


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        (b"", {}),
        (b"PAR1 is no table", {}),
        (b"\x1f\x8bdamaged", {}),
        (b"a,b\n", {}),
        (b"7.5,2\n7.5,3\n", {}),
        (b"n,\xff\n1,2\n", {}),
        (b"n,n\n1,2\n", {"target": "n"}),
        (b"day,m\n1,2\n2,3\nTotal,5\n\nSource: us\n", {}),
    ],
)
def test_what_else_is_wrong_is_left_to_the_reader(content: bytes, settings: dict[str, Any]) -> None:
    Path("t.csv").write_bytes(content)
    usual: dict[str, Any] = {"path": "t.csv", "time": None, "series": None, "features": [], "target": "zz"}
    assert tell_early(source("csv", **{**usual, **settings})) == ""


def test_a_plugin_may_read_more_than_its_files_have() -> None:
    Path("mine.py").write_text(
        "from rnnexp.data.sources.sequence_table import sequence_table\nimport rnnexp as rx\n\n"
        "@rx.register('data')\nclass joined(sequence_table):\n    name: str = 'joined'\n"
    )
    chosen = compose("plugins=[mine]", "data=joined", data={"path": "rows.csv", "label": "made by the plugin"}).data
    assert tell_early(chosen) == ""


def test_a_head_is_looked_at_once_for_all_jobs(looked: list[str]) -> None:
    refuse_absent(*(source("csv", sequence_length=length) for length in range(1, 6)))
    assert looked == ["sales.csv"]


@pytest.mark.fault("E1")
@pytest.mark.parametrize(
    "words",
    [["data.target=slod"], ["-m", "data.target=slod", "seed=0,1"], ["-m", "data.target=sold,slod"]],
)
def test_a_command_tells_it_first_and_leaves_nothing(words: list[str]) -> None:
    before = sorted(path.name for path in Path().iterdir())
    script = (
        "import sys; from rnnexp.cli.main import main; code = main(sys.argv[1:]);"
        "print([name for name in ('keras', 'jax', 'mlflow', 'tensorflow', 'torch') if name in sys.modules], code)"
    )
    command = [sys.executable, "-c", script, "train", "data=csv", "data.path=sales.csv", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stderr.startswith(f'rnnexp: sales.csv: data.target: {ABSENT} "slod"; did you mean')
    assert ended.stdout.splitlines() == ["[] 3"]
    assert sorted(path.name for path in Path().iterdir()) == before


def test_from_python_nothing_is_left_either() -> None:
    before = sorted(Path().iterdir())
    with pytest.raises(DataError, match='no column "salse"'):
        rx.run("data=csv", data={"path": "sales.csv", "target": "salse"})
    assert sorted(Path().iterdir()) == before
