"""`rnnexp init` leads each kind of data to its source: what is written has been read."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from rnnexp.cli.main import main
from rnnexp.data.inspect.tagged_lines import is_tagged
from rnnexp.data.inspect.text_kinds import (
    TextFile,
    find_label_lines,
    find_pairs,
    find_text_table,
    is_prose,
)
from rnnexp.data.sources.npz import npz

WORDS = "rain sun market wins loses team price goal bank storm river cup coach shares wind snow".split()  # noqa: SIM905
TOPICS = ("sports", "business", "weather")


def sentence(dice: random.Random, words: int = 7) -> str:
    return " ".join(dice.choice(WORDS) for _ in range(dice.randrange(words - 2, words + 3)))


def news(dice: random.Random) -> str:
    rows = [f'{n},"{sentence(dice, 4)}","{sentence(dice, 12)}, {n}",{dice.choice(TOPICS)}' for n in range(60)]
    return "\n".join(["id,title,body,topic", *rows]) + "\n"


def pairs(dice: random.Random) -> str:
    return "".join(f"{(text := sentence(dice))} {n % 9}\t{text.upper()}\n" for n in range(60))


def tagged(dice: random.Random, between: str = " ", columns: int = 2) -> str:
    def line(word: str) -> str:
        return between.join([word, *["x"] * (columns - 2), "B-X" if word in WORDS[:5] else "O"])

    return "\n\n".join("\n".join(map(line, sentence(dice).split())) for _ in range(30)) + "\n"


def conllu(dice: random.Random) -> str:
    def row(place: int, word: str) -> str:
        return "\t".join([str(place), word, word, "NOUN" if word in WORDS[:5] else "VERB", *"______"])

    texts = [enumerate(sentence(dice).split(), start=1) for _ in range(30)]
    return "\n\n".join("# text\n" + "\n".join(row(*one) for one in text) for text in texts) + "\n"


def prose(dice: random.Random) -> str:
    return "\n".join(f"{sentence(dice).capitalize()}, and {sentence(dice)}." for _ in range(200)) + "\n"


def ts(labels: str) -> Callable[[random.Random], str]:
    def write(dice: random.Random) -> str:
        head = f"@problemName made\n@univariate true\n{labels}\n@data\n"
        numbers = labels.startswith("@target")
        rows = [",".join(f"{dice.random():.3f}" for _ in range(8)) for _ in range(30)]
        return head + "".join(f"{row}:{dice.random() if numbers else n % 2}\n" for n, row in enumerate(rows))

    return write


def lines(mark: str) -> Callable[[random.Random], str]:
    return lambda dice: "".join(f"{mark}{n % 2} {sentence(dice)}\n" for n in range(60))


Write = Callable[[random.Random], str]
SCALED = {"scaler": "standard"}  # values from 0 to 1 are not centered
KINDS: dict[str, tuple[str, Write, str, dict[str, Any]]] = {
    "news": ("news.csv", news, "text_table", {"text": ["title", "body"], "label": "topic"}),
    "texts by semicolons": (
        "texts.csv",
        lambda dice: "Kommentar;Klasse\n" + "".join(f"{sentence(dice)};{n % 2}\n" for n in range(60)),
        "text_table",
        {"text": "Kommentar", "label": "Klasse", "separator": ";"},
    ),
    "texts without a header": (
        "texts.csv",
        lambda dice: "".join(f'"{n % 3}","{sentence(dice)}"\n' for n in range(60)),
        "text_table",
        {"text": 1, "label": 0, "header": "none"},
    ),
    "texts with tabs": (
        "texts.tsv",
        lambda dice: "text\tlabel\n" + "".join(f'"{sentence(dice)}\t{n % 2}\n' for n in range(60)),
        "text_table",
        {"quoting": False},
    ),
    "labeled lines": ("train.txt", lines(""), "text_lines", {}),
    "labeled lines of fastText": ("ft.txt", lines("__label__"), "text_lines", {}),
    "pairs": ("pairs.tsv", pairs, "text_pairs", {}),
    "CoNLL": ("train.conll", tagged, "text_tags", {}),
    "CoNLL of four columns": ("ner.txt", lambda dice: tagged(dice, " ", 4), "text_tags", {}),
    "tags behind tabs": ("tags.tsv", lambda dice: tagged(dice, "\t"), "text_tags", {}),
    "CoNLL-U": ("en.conllu", conllu, "text_tags", {"word": 1, "tag": 3, "number": 0, "separator": "tab"}),
    "prose": ("book.txt", prose, "corpus", {}),
    "ts with labels": ("A_TRAIN.ts", ts("@classLabel true 0 1"), "ts", SCALED),
    "ts with numbers": ("B_TRAIN.ts", ts("@targetLabel true"), "ts", {"task": "regression"}),
}


def proposed(path: str, *flags: str) -> tuple[str, dict[str, Any]]:
    """Return the source that is written for a path, and its settings, but for buckets, which all labeled texts get,
    and the split and scaled targets, which few sequences and numbers get.
    """
    assert main(["init", path, "--name", "it", "--force", *flags]) == 0
    written = yaml.safe_load(Path("experiments/it.yaml").read_text())
    settings = {
        key: value for key, value in written["data"].items() if key not in ("buckets", "split", "target_scaler")
    }
    return written["defaults"][0]["override /data"], settings


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_leads_to_the_source_of_its_kind(kind: str) -> None:
    name, write, source, settings = KINDS[kind]
    Path(name).write_text(write(random.Random(kind)))
    written = proposed(name)
    assert written[0] == source
    assert {key: value for key, value in written[1].items() if key not in ("path", "comment")} == settings


def chinese(dice: random.Random) -> tuple[str, str]:
    """Return a label and a text of clauses."""
    good, bad = (
        ("服务非常好", "房间干净舒适", "早餐很丰富", "值得推荐"),
        ("服务太差了", "房间又小又脏", "早餐很难吃", "再也不来了"),
    )
    label = dice.choice(["好评", "差评"])
    return label, "".join(
        f"{clause}{dice.choice('，。！')}" for clause in dice.sample(good if label == "好评" else bad, 3)
    )


@pytest.mark.parametrize("kind", ["text_table", "text_lines", "text_files", "text_pairs", "corpus"])
def test_texts_without_blanks_between_words_are_cut_into_characters(kind: str) -> None:
    dice = random.Random(3)
    rows = [chinese(dice) for _ in range(60)]
    files = {
        "text_table": {"评论.csv": "标签,内容\n" + "".join(f"{label},{text}\n" for label, text in rows)},
        "text_lines": {"a.txt": "".join(f"{label} {text}\n" for label, text in rows)},
        "text_files": {f"d/{label}/{number}.txt": text for number, (label, text) in enumerate(rows)},
        "text_pairs": {"p.tsv": "".join(f"{sentence(dice)}\t{text}\n" for _, text in rows)},
        "corpus": {"b.txt": "".join(f"{text}\n" for _, text in rows)},
    }[kind]
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    source, settings = proposed("d" if kind == "text_files" else next(iter(files)))
    assert source == kind
    assert settings.get("tokens") == (None if kind == "corpus" else "character")  # which its source has as default


def test_the_test_part_beside_a_file_is_taken() -> None:
    for part in ("TRAIN", "TEST"):
        Path(f"A_{part}.ts").write_text(ts("@classLabel true 0 1")(random.Random(part)))
    assert proposed("A_TRAIN.ts")[1]["test_path"] == "A_TEST.ts"
    assert proposed(".")[1]["test_path"] == "A_TEST.ts"


def test_a_file_in_another_encoding_says_so() -> None:
    Path("book.txt").write_bytes(prose(random.Random(1)).replace("and", "für").encode("cp1252"))
    assert proposed("book.txt") == ("corpus", {"path": "book.txt", "encoding": "cp1252"})


def test_a_folder_of_folders_of_texts() -> None:
    dice = random.Random(2)
    for part in ("train", "test"):
        for label in ("pos", "neg"):
            (folder := Path("imdb", part, label)).mkdir(parents=True)
            for number in range(20):
                (folder / f"{number}.txt").write_text(f"{sentence(dice)} {part}{number}{label}")
    assert proposed("imdb/train") == ("text_files", {"path": "imdb/train"})
    assert proposed("imdb") == ("text_files", {"path": "imdb/train", "test_path": "imdb/test"})


@pytest.mark.parametrize("numbers", [False, True])
def test_a_folder_of_tables_with_labels(numbers: bool) -> None:
    dice = np.random.default_rng(3)
    Path("recordings").mkdir()
    rows = ["name,activity"]
    for number in range(24):
        (table := Path("recordings", f"r{number}.csv")).write_text("x,y\n")
        with table.open("a") as stream:
            np.savetxt(stream, dice.random((5, 2)), delimiter=",", fmt="%.4f")
        rows.append(f"r{number}.csv,{f'{dice.random():.4f}' if numbers else ['walk', 'run'][number % 2]}")
    Path("recordings/labels.csv").write_text("\n".join(rows) + "\n")
    expected = {"path": "recordings", "file": "name", "label": "activity"}
    expected |= {"task": "regression"} if numbers else SCALED
    assert proposed("recordings") == ("sequence_folder", expected)


@pytest.mark.parametrize(
    ("arrays", "settings"),
    [
        (("x", "y", "labels"), {"task": "classification", **SCALED}),
        (("x", "y", "numbers"), {}),
        (
            ("X_train", "y_train", "labels"),
            {"inputs": "X_train", "targets": "y_train", "task": "classification", **SCALED},
        ),
    ],
)
def test_arrays(arrays: tuple[str, str, str], settings: dict[str, Any]) -> None:
    dice = np.random.default_rng(4)
    inputs, targets, kind = arrays
    y = dice.integers(0, 2, 40) if kind == "labels" else dice.random(40)
    np.savez("a.npz", **{inputs: dice.random((40, 6, 2)), targets: y})
    assert proposed("a.npz") == ("npz", {"path": "a.npz", **settings})


def write_labeled_tables(folder: str, tables: int, labels: int) -> None:
    """Write so many tables, and a table of labels that names so many."""
    Path(folder).mkdir()
    for number in range(tables):
        Path(folder, f"r{number}.csv").write_text(f"x,y\n{number},1.5\n2.5,{number % 7}\n0.5,1\n")
    rows = [f"r{number}.csv,{'ab'[number % 2]}" for number in range(labels)]
    Path(folder, "labels.csv").write_text("\n".join(["file,label", *rows]) + "\n")


def test_a_folder_of_tables_is_counted_whole_and_what_has_no_label_is_told(capsys: Any) -> None:
    write_labeled_tables("many", tables=260, labels=258)
    assert proposed("many")[0] == "sequence_folder"
    assert "many: 258 tables that labels.csv names; 2 more have no label there (r258.csv)" in capsys.readouterr().out


def test_a_table_of_labels_that_names_an_absent_file_is_refused_with_its_line(capsys: Any) -> None:
    write_labeled_tables("some", tables=12, labels=13)
    assert main(["init", "some"]) == 3
    assert "labels.csv, line 14: there is no file `r12.csv`" in capsys.readouterr().err


def test_tables_in_folders_of_their_labels_need_a_table_of_labels(capsys: Any) -> None:
    rows = ["file,label"]
    for number in range(24):
        label = ["walk", "run"][number % 2]
        Path("moves", label).mkdir(parents=True, exist_ok=True)
        Path("moves", label, f"{number}.csv").write_text(f"x,y\n{number},1.5\n2.5,{number % 7}\n")
        rows.append(f"{label}/{number}.csv,{label}")
    assert main(["init", "moves"]) == 3
    assert (
        "put labels.csv into moves, with columns file and label, such as run/1.csv and run" in capsys.readouterr().err
    )
    Path("moves/labels.csv").write_text("\n".join(rows) + "\n")
    assert proposed("moves")[0] == "sequence_folder"


@pytest.mark.parametrize("text", ["text", "0", "Body of it"])
@pytest.mark.parametrize("label", ["label", "1", "kind"])
def test_columns_of_texts_that_are_named_are_taken(text: str, label: str, capsys: Any) -> None:
    dice = random.Random(3)
    names = ["a" if text.isdigit() else text, "b" if label.isdigit() else label]
    rows = [f"{sentence(dice)},{TOPICS[n % 3]}" for n in range(20)]
    Path("t.csv").write_text("\n".join([",".join(names), *rows, *rows, *rows]) + "\n")  # hardly any differ
    assert proposed("t.csv", "--text", text, "--label", label)[0] == "text_table"
    Path("t.csv").write_text("\n".join([",".join(names), *(row.split(",")[0] + ",one" for row in rows)]) + "\n")
    assert main(["init", "t.csv"]) == 3
    assert 'holds no numbers: line 2 "one". Texts with a label each are told by --text' in capsys.readouterr().err
    assert main(["init", "t.csv", "--text", text, "--label", label]) == 3
    assert '20 texts with only the label "one"' in capsys.readouterr().err


@pytest.mark.parametrize("empty", [1, 3])
def test_labels_that_are_missing_in_few_rows_are_named(empty: int, capsys: Any) -> None:
    dice = random.Random(3)
    rows = [f"{sentence(dice)} {n},{'' if n < empty else TOPICS[n % 3]}" for n in range(90)]
    Path("t.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    assert main(["init", "t.csv"]) == 3
    assert "without a label: t.csv, line" in capsys.readouterr().err


def test_texts_as_json_are_no_running_text(capsys: Any) -> None:
    dice = random.Random(3)
    lines = [f'{{"text": "{sentence(dice)}", "label": "{TOPICS[n % 3]}"}}' for n in range(60)]
    Path("t.jsonl").write_text("\n".join(lines) + "\n")
    assert main(["init", "t.jsonl"]) == 3
    assert "is JSON: write the table as CSV or Parquet" in capsys.readouterr().err


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("kind", [float, int, bool])
def test_one_hot_labels_are_no_numbers_to_predict(classes: int, kind: type, capsys: Any) -> None:
    dice = np.random.default_rng(4)
    y = np.eye(classes, dtype=kind)[dice.integers(0, classes, 40)]
    np.savez("a.npz", x=dice.random((40, 6, 2)), y=y)
    assert main(["init", "a.npz"]) == 3
    assert "`y` is one-hot, (40, " in capsys.readouterr().err
    np.savez("a.npz", x=dice.random((40, 6, 2)), y=dice.integers(0, 2, (40, classes)).astype(float))
    assert proposed("a.npz") == ("npz", {"path": "a.npz"})  # several numbers each


@pytest.mark.parametrize(("shape", "doubted"), [((40, 2, 30), True), ((40, 1, 5), True), ((40, 30, 2), False)])
def test_channels_before_steps_are_doubted(shape: tuple[int, ...], doubted: bool, capsys: Any) -> None:
    dice = np.random.default_rng(4)
    np.savez("a.npz", x=dice.random(shape), y=dice.integers(0, 2, 40))
    proposed("a.npz")
    order = f"`x` has more channels ({shape[2]}) than steps ({shape[1]})"
    assert (order in capsys.readouterr().out) == doubted
    assert (order in "".join(npz(path="a.npz").read().notes)) == doubted


def test_arrays_with_a_text_each_are_transcribed() -> None:
    dice = np.random.default_rng(4)
    texts = np.array(["".join(dice.choice(list("abc"), 5)) for _ in range(40)])
    np.savez("a.npz", x=dice.random((40, 12, 2)), y=texts, n=dice.integers(9, 13, 40))
    spoken = {"task": "transcription", "lengths": "n", "scaler": "standard"}
    assert proposed("a.npz") == ("npz", {"path": "a.npz", **spoken})


def test_tables_with_a_text_each_are_transcribed() -> None:
    dice = np.random.default_rng(4)
    Path("pens").mkdir()
    rows = ["file,text"]
    for number in range(24):
        rows.append(f"{number}.csv,word{number % 20} {'ab'[number % 2]}")
        steps = "\n".join(f"{x:.3f},{y:.3f}" for x, y in dice.random((20, 2)))
        Path(f"pens/{number}.csv").write_text(f"x,y\n{steps}\n")
    Path("pens/labels.csv").write_text("\n".join(rows) + "\n")
    found = {"path": "pens", "label": "text", "task": "transcription", "scaler": "standard"}
    assert proposed("pens") == ("sequence_folder", found)


def test_a_file_of_m4_leads_to_its_group() -> None:
    Path("m4").mkdir()
    dice = np.random.default_rng(5)
    for part, columns in (("train", 60), ("test", 18)):
        rows = [",".join([f"M{n}", *(f"{value:.1f}" for value in dice.random(columns) + 1)]) for n in range(1, 6)]
        Path(f"m4/Monthly-{part}.csv").write_text("\n".join([",".join(f"V{i}" for i in range(1, columns + 2)), *rows]))
    fitting = {"sequence_length": 13, "scaler": "standard"}  # a year, and one row; levels of noise do not last
    assert proposed("m4/Monthly-train.csv") == ("m4", {"group": "Monthly", "folder": "m4", **fitting})


@pytest.mark.parametrize(
    "table",
    [
        "date,remark,y\n" + "".join(f"2020-01-{d:02d},it was a {WORDS[d % 9]} day,{d % 7}.5\n" for d in range(1, 32)),
        "date,class,y\n" + "".join(f"2020-01-{d:02d},{'ab'[d % 2]},{d % 7}.5\n" for d in range(1, 32)),
        "y z\n" + "".join(f"{d % 7}.5 {d % 3}\n" for d in range(31)),
        "store,day,y\n" + "".join(f'{s},"May {d:02d}, 2020",{d}\n' for s in "ab" for d in range(1, 31)),
        "time,y\n" + "".join(f"01/{d:02d}/2020 09:00:00 PM,{d % 7}\n" for d in range(1, 31)),
    ],
)
def test_a_table_of_numbers_is_forecast(table: str) -> None:
    Path("table.csv").write_text(table)
    assert proposed("table.csv")[0] == "csv"


FORMS = ("%b %d, %Y", "%d-%b-%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p", "%A %d %B %Y", "%a, %d %b %Y", "%d de %B de %Y")
BESIDE: tuple[tuple[str, ...], ...] = ((), ("north", "south"), ("ok", "bad day"), ("", "it was a public holiday"))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("separator", "unit"),
    [("\t", ""), (";", " kr"), ("|", "%"), (",", " USD"), (" ", "%")],
    ids=["tab", ";", "|", ",", "blank"],
)
def test_a_table_of_dates_in_words_and_numbers_with_units_is_no_text(form: str, separator: str, unit: str) -> None:
    times = np.datetime64("2001-01-01") + np.arange(240)
    for words, first in product(BESIDE, ("date", None)):
        rows = [] if first is None else [[first, *["place"] * bool(words), "value"]]
        for row, time in enumerate(times):
            beside = [words[row * row % 7 % 2]] if words else []
            rows.append([f"{time.item():{form}}", *beside, f"{1200 + row * 37 % 41}.{row % 9}{unit}"])
        lines = (separator.join(f'"{cell}"' if separator in cell else cell for cell in row) for row in rows)
        text = TextFile("t.txt", Path("t.txt"), "utf-8", tuple(lines))
        found = [find for find in (find_pairs, find_label_lines, find_text_table, is_prose, is_tagged) if find(text)]
        assert not found, text.lines[:3]


def test_numbers_and_dates_within_texts_leave_them_texts() -> None:
    dice = random.Random(8)
    texts = [f"{sentence(dice)} on May {n % 30}, 2020 for {n} USD" for n in range(60)]

    def written(lines: Iterable[str]) -> TextFile:
        return TextFile("t.txt", Path("t.txt"), "utf-8", tuple(lines))

    assert find_pairs(written(f"{text}\t{text.upper()}" for text in texts))
    plain = (f"{n % 2} {sentence(dice)} {n}" for n in range(60))
    assert find_label_lines(written(plain)) == ["0", "1"]
    assert is_prose(written(f"{sentence(dice)}. {text}" for text in texts))


def test_several_labels_are_a_question_with_a_flag_each(capsys: pytest.CaptureFixture[str]) -> None:
    dice = random.Random(6)
    rows = [f"{sentence(dice)},{n % 2},{TOPICS[n % 3]}\n" for n in range(60)]
    Path("t.csv").write_text("review,a,b\n" + "".join(rows))
    assert main(["init", "t.csv"]) == 3
    said = capsys.readouterr().err
    assert "which column is the label?\n  --label a\n  --label b\n" in said
    assert proposed("t.csv", "--label", "b")[1] == {"path": "t.csv", "text": "review", "label": "b"}


def test_a_task_can_be_forced() -> None:
    Path("news.csv").write_text(news(random.Random(7)).replace("id,", "clicks,").replace("0,", "7,"))
    assert proposed("news.csv")[0] == "text_table"
    assert proposed("news.csv", "--task", "forecasting", "--target", "clicks")[0] == "csv"
    assert proposed("news.csv", "--target", "clicks")[0] == "csv"


def test_what_is_nothing_of_all_that_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert main(["init", "empty"]) == 3
    assert "empty: is a directory, not a file" in capsys.readouterr().err
    assert main(["init", "empty", "--task", "tagging"]) == 2
    assert "--task tagging: empty does not look like its data" in capsys.readouterr().err


@pytest.mark.parametrize("mark", [";", "|", ", "])
def test_several_labels_in_a_cell_are_refused_and_the_line_that_keeps_the_first_works(mark: str, capsys: Any) -> None:
    import pandas as pd

    dice = random.Random(0)
    kinds = [
        "sport",
        "tech",
        mark.join(("sport", "tech")),
        mark.join(("tech", "art")),
        "art",
        mark.join(("sport", "art")),
    ]
    pd.DataFrame({"text": [sentence(dice) for _ in range(60)], "labels": kinds * 10}).to_csv("t.csv", index=False)
    assert main(["init", "t.csv"]) == 3
    said = capsys.readouterr().err
    assert "hold several labels" in said
    frame = pd.read_csv("t.csv")
    exec(said[said.index("frame[") :].strip(), {"frame": frame})
    assert set(frame["labels"]) == {"sport", "tech", "art"}


def test_several_labels_at_the_beginning_of_a_line_are_refused(capsys: Any) -> None:
    dice = random.Random(0)
    first = [f"__label__{dice.choice('ab')} __label__{dice.choice('cd')} {sentence(dice)}" for _ in range(60)]
    Path("t.txt").write_text("\n".join(first))
    assert main(["init", "t.txt"]) == 3
    assert "several labels" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "columns"),
    [
        ("{i}\t{w}\t{t}\tO", {"word": 1, "number": 0, "tag": 2}),
        ("{i}\t{w}\t{t}", {"word": 1, "number": 0}),
        ("{t} {w}", {"word": 1, "tag": 0}),
        ("{w} {t}", {}),
    ],
)
def test_columns_of_tokens_and_tags_in_another_order(form: str, columns: dict[str, int]) -> None:
    dice = random.Random(0)
    sequences = [
        "# source\n"
        + "\n".join(
            form.format(
                i=place, w=word + dice.choice("aeiou") * 3 + str(number), t=dice.choice(("O", "B-PER", "I-PER"))
            )
            for place, word in enumerate(sentence(dice).split(), 1)
        )
        for number in range(20)
    ]
    Path("t.txt").write_text("\n\n".join(sequences) + "\n")
    source, data = proposed("t.txt")
    assert source == "text_tags"
    assert {key: data[key] for key in ("word", "tag", "number") if key in data} == columns
