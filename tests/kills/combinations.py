"""Twelve experiments that bring task, engine, backend, cell, optimizer and callback together, each of them small."""

from __future__ import annotations

from pathlib import Path

SMALL = ("model.units=[3]", "model.dropout=0.2")
TEXT = ("model.embedding_dim=3", *SMALL)
DATA: dict[str, tuple[str, ...]] = {
    "forecasting": ("data.points=80", *SMALL),
    "regression": ("data=adding", "data.examples=60", "data.sequence_length=8", *SMALL),
    "classification": ("data=text_lines", "data.path=lines.txt", *TEXT),
    "tagging": ("data=text_tags", "data.path=tags.conll", *TEXT),
    "language_modeling": ("data=corpus", "data.path=book.txt", "data.sequence_length=5", "trainer.batch_size=8", *TEXT),
    "sequence_to_sequence": ("data=reverse_digits", "data.examples=80", *TEXT),
}
EPOCHS = {"compiled": 2000, "keras": 200}
WRITING = {"checkpoints": 60}  # epochs: as long as a loss falls, each of them is written
# task, engine, backend, cell, optimizer, callback
ROWS = (
    ("forecasting", "compiled", "jax", "lstm", "adam", "csv_log"),
    ("forecasting", "keras", "tensorflow", "gru", "rmsprop", "plateau"),
    ("regression", "compiled", "jax", "gru", "sgd", "plateau"),
    ("regression", "keras", "jax", "simple_rnn", "adam", "checkpoints"),
    ("classification", "compiled", "jax", "simple_rnn", "rmsprop", "early_stopping"),
    ("classification", "keras", "tensorflow", "lstm", "sgd", "csv_log"),
    ("tagging", "compiled", "jax", "lstm", "sgd", "none"),
    ("tagging", "keras", "jax", "gru", "adam", "csv_log"),
    ("language_modeling", "compiled", "jax", "gru", "adam", "csv_log"),
    ("language_modeling", "keras", "tensorflow", "simple_rnn", "rmsprop", "checkpoints"),
    ("sequence_to_sequence", "compiled", "jax", "lstm", "rmsprop", "plateau"),
    ("sequence_to_sequence", "keras", "jax", "gru", "sgd", "early_stopping"),
)
PATIENCE = {name: (f"callbacks.{name}.patience=100",) for name in ("early_stopping", "plateau")}
ALWAYS = ("trainer.checkpoint_every_s=0.01", "tracking.figures=false")


def words_of(row: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words of `rnnexp train` for a row."""
    task, engine, backend, cell, optimizer, callback = row
    pair = task == "sequence_to_sequence"
    model = ("model=encoder_decoder", f"model.cell={cell}") if pair else (f"model={cell}",)
    chosen = (
        f"backend={backend}",
        f"trainer.engine={engine}",
        f"trainer.epochs={WRITING.get(callback, EPOCHS[engine])}",
    )
    return (*DATA[task], *model, f"optimizer={optimizer}", f"callbacks={callback}", *PATIENCE.get(callback, ()),
            *chosen, *ALWAYS)  # fmt: skip


def write_data(folder: Path) -> None:
    """Write what some of them read."""
    folder.mkdir(parents=True, exist_ok=True)
    book = "it was the best of times, it was the worst of times. " * 6
    lines = "".join(f"{i % 3 // 2} word{i % 3} word{i % 5}{' and' * (i % 4)}\n" for i in range(30))
    tags = "".join(f"a X\nb Y\n{'c Y' if i % 2 else 'd X'}\n\n" for i in range(30))
    for name, text in {"book.txt": book, "lines.txt": lines, "tags.conll": tags}.items():
        (folder / name).write_text(text)
