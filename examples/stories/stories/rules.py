"""What was written by hand: the meaning of verbs, and what follows from who went where with what.

A reader of sentences, written here or trained, turns each into an `Event`; `find_place` does the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stories.babi import split_words

GO = ("went back to", "went to", "moved to", "travelled to", "journeyed to")
GET = ("took", "grabbed", "picked up", "got")
DROP = ("dropped", "discarded", "put down", "left")
VERBS = {verb: act for act, verbs in (("go", GO), ("get", GET), ("drop", DROP)) for verb in verbs}
FILLERS = {"the", "there"}


class Event(NamedTuple):
    """Who (`person`) did what (`act`: go, get, drop) with or to which place or thing (`object`)."""

    act: str
    person: str
    object: str


def parse_sentence(sentence: str) -> Event | None:
    """Read a sentence by the verbs above; None for one of another form."""
    person, *others = [word for word in split_words(sentence) if word not in FILLERS] or [""]
    said = " ".join(others)
    verb = next((verb for verb in VERBS if said.startswith(f"{verb} ")), None)
    return None if verb is None else Event(VERBS[verb], person, said.removeprefix(f"{verb} "))


def find_place(events: Iterable[Event | None], asked: str) -> str | None:
    """Return where a person or thing is after all events; None if they do not tell."""
    place: dict[str, str] = {}
    holder: dict[str, str] = {}
    for event in events:
        if event is None:
            continue
        if event.act == "go":
            place[event.person] = event.object
        elif event.act == "get":
            holder[event.object] = event.person
        elif holder.pop(event.object, None) == event.person and event.person in place:
            place[event.object] = place[event.person]
    return place.get(holder.get(asked, asked))


def answer_by_rules(facts: Sequence[str], question: str) -> str | None:
    """Answer `where is ...` by the written reader and the written rules; None if they cannot."""
    words = split_words(question)
    return find_place(map(parse_sentence, facts), words[-1]) if words else None
