"""A generator of stories, from the published description of bAbI's tasks 1 and 2 (arXiv 1502.05698, section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from stories.babi import Question
from stories.rules import DROP, GET, GO, Event

PERSONS = ("Mary", "John", "Sandra", "Daniel")
PLACES = ("kitchen", "garden", "office", "bathroom", "bedroom", "hallway")
THINGS = ("apple", "football", "milk")
VERBS = {"go": GO[1:], "get": GET, "drop": DROP}
ACTS, SHARES = ("go", "get", "drop"), (0.5, 0.3, 0.2)


@dataclass
class World:
    """Where everybody and everything is.

    facts:         sentences and what they mean
    moved, taken:  the fact that has last changed the place of a person, or the hands or place of a thing
    arrived:       for a thing that was put down, the fact by which its person had come there
    """

    facts: list[tuple[str, Event]] = field(default_factory=list)
    place: dict[str, str] = field(default_factory=dict)
    holder: dict[str, str] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    arrived: dict[str, int] = field(default_factory=dict)

    def list_objects(self, act: str, person: str) -> list[str]:
        """Return what a person can do this with now."""
        here = self.place.get(person)
        if act == "go":
            return [*PLACES]
        if act == "drop":
            return [thing for thing, holder in self.holder.items() if holder == person]
        free = [thing for thing in THINGS if thing not in self.holder and self.place.get(thing) in (None, here)]
        return free if here else []

    def tell(self, act: str, person: str, verb: str, thing: str) -> None:
        """Add a fact, and what comes of it."""
        number = len(self.facts)
        self.facts.append(_write_fact(act, person, verb, thing))
        if act == "go":
            self.place[person], self.moved[person] = thing, number
        elif act == "get":
            self.holder[thing], self.taken[thing] = person, number
        else:
            del self.holder[thing]
            self.place[thing], self.taken[thing], self.arrived[thing] = self.place[person], number, self.moved[person]


def draw_stories(supporting: int, examples: int, facts: tuple[int, int], seed: int) -> list[Question]:
    """Draw different stories with one question each; the same seed gives the same ones."""
    generator = np.random.default_rng([seed, supporting])
    found: dict[tuple[tuple[str, ...], str], Question] = {}
    for _ in range(20 * examples):
        if len(found) == examples:
            break
        drawn = _draw_story(generator, supporting, int(generator.integers(facts[0], facts[1] + 1)))
        if drawn is not None:
            name = f"story {len(found) + 1}"
            found.setdefault((drawn.facts, drawn.text), replace(drawn, story=name, place=name))
    return [*found.values()]


def draw_sentences(examples: int, seed: int) -> list[tuple[str, Event]]:
    """Draw single sentences with what they mean, as many of each act: in stories few tell of a thing put down."""
    generator = np.random.default_rng([seed, 3])
    return [_draw_sentence(generator, ACTS[number % len(ACTS)]) for number in range(examples)]


def _draw_sentence(generator: np.random.Generator, act: str) -> tuple[str, Event]:
    person, verb, thing = map(str, map(generator.choice, (PERSONS, VERBS[act], PLACES if act == "go" else THINGS)))
    return _write_fact(act, person, verb, thing)


def _write_fact(act: str, person: str, verb: str, thing: str) -> tuple[str, Event]:
    return f"{person} {verb} the {thing}.", Event(act, person.lower(), thing)


def _draw_world(generator: np.random.Generator, supporting: int, wanted: int) -> World:
    world = World()
    while len(world.facts) < wanted:
        act = "go" if supporting == 1 else str(generator.choice(ACTS, p=SHARES))
        person = PERSONS[generator.integers(len(PERSONS))]
        if objects := world.list_objects(act, person):
            thing = objects[generator.integers(len(objects))]
            verb = VERBS[act][generator.integers(len(VERBS[act]))]
            world.tell(act, person, verb, thing)
    return world


def _draw_story(generator: np.random.Generator, supporting: int, wanted: int) -> Question | None:
    """Draw one story; None if nothing can be asked about it."""
    world = _draw_world(generator, supporting, wanted)
    sentences = tuple(sentence for sentence, _ in world.facts)
    asked = sorted(world.moved if supporting == 1 else world.taken)
    if not asked:
        return None
    name = asked[generator.integers(len(asked))]
    if supporting == 1:
        return Question(sentences, f"Where is {name}?", world.place[name], (world.moved[name],))
    holder = world.holder.get(name)
    place = world.place[holder or name]
    moved = world.moved[holder] if holder else world.arrived[name]
    return Question(sentences, f"Where is the {name}?", place, tuple(sorted((world.taken[name], moved))))
