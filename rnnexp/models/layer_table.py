"""Keras's table of a network's layers, whole: as wide as it needs to be, and of the network alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rnnexp.models.averaging import list_members

WIDTH = 120  # of a line: names, shapes, parameters, and what each layer is connected to

_lock = threading.Lock()


def summarize(model: Any, width: int = WIDTH) -> str:
    """Return the table of layers with their shapes and numbers of parameters, in lines of this width.

    The optimizer's numbers are no parameters of the network, though Keras counts them once it is compiled. Behind the
    table of networks that are averaged stands that of the first one.
    """
    import keras

    try:
        alone = keras.Model(model.inputs, model.outputs, name=model.name)
    except AttributeError:  # a subclass of Keras's Model need not say what its inputs are
        alone = model
    lines: list[str] = []
    with _columns(width):
        alone.summary(print_fn=lambda text, **_: lines.append(text), line_length=width)
    table = "\n".join(line.rstrip() for text in lines for line in text.splitlines()).rstrip()
    return "\n\n".join([table, *(summarize(member, width) for member in list_members(model)[:1])])


@contextmanager
def _columns(width: int) -> Iterator[None]:
    """Have `rich`, with which Keras draws, take lines for so wide: without a terminal it cuts them off at 80.

    In a notebook rich would show an empty block beside the text that Keras hands over, so it is to see none.
    """
    import rich.console

    with _lock:
        before, sees_notebook = os.environ.get("COLUMNS"), rich.console._is_jupyter
        os.environ["COLUMNS"], rich.console._is_jupyter = str(width), lambda: False
        try:
            yield
        finally:
            rich.console._is_jupyter = sees_notebook
            if before is None:
                del os.environ["COLUMNS"]
            else:
                os.environ["COLUMNS"] = before
