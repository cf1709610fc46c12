"""Who wants some work to end is heard by all that is below it, and by nobody else."""

from __future__ import annotations

import pytest

from rnnexp.stopping import Ending, Interrupted, make_resuming, name_resuming


def test_what_is_above_ends_what_is_below_and_not_the_other_way_round() -> None:
    above = Ending()
    one, other = Ending(above), Ending(above)
    one.words = "take this one out"
    assert [one(), other(), above()] == ["take this one out", None, None]
    above.words = "all of it"
    assert [one(), other(), above()] == ["take this one out", "all of it", "all of it"]


def test_words_that_are_looked_for_elsewhere_are_found() -> None:
    found: list[str] = []
    ending = Ending(look=lambda: found[0] if found else None)
    assert ending() is None
    found.append("a file")
    assert ending() == "a file"


def test_work_counts_as_asking_from_its_first_question_to_its_end() -> None:
    above = Ending()
    below = Ending(above)
    with below.asked():
        assert not above.is_asked
        below()
        assert (above.is_asked, below.is_asked) == (True, True)
    assert (above.is_asked, below.is_asked) == (False, False)


def work(ending: Ending, error: Exception | None = None) -> None:
    with ending.asked():
        ending()
        ending.words = "too late"
        if error:
            raise error


def test_words_that_come_after_the_last_question_are_heard_at_the_end_but_hide_no_error() -> None:
    with pytest.raises(Interrupted, match="too late"):
        work(Ending())
    with pytest.raises(ValueError, match="its own"):
        work(Ending(), ValueError("its own"))


@pytest.mark.parametrize("heard", [Interrupted("SIGTERM"), KeyboardInterrupt()], ids=["a signal", "Ctrl-C"])
def test_an_interruption_tells_who_wants_it_however_it_was_heard(heard: KeyboardInterrupt) -> None:
    ending = Ending(look=lambda: "stopped by somebody")
    with pytest.raises(type(heard), match=r"^stopped by somebody$"), ending.told():
        raise heard


def test_an_interruption_that_nobody_explains_or_that_tells_already_stays_as_it_is() -> None:
    with pytest.raises(Interrupted, match=r"^SIGTERM$"), Ending().told():
        raise Interrupted("SIGTERM")
    with pytest.raises(KeyboardInterrupt, match=r"^after epoch 3$"), Ending(look=lambda: "somebody").told():
        raise KeyboardInterrupt("after epoch 3")


@pytest.mark.parametrize("word", ["resume=never", "--new", "hydra.sweeper.new=true"])
def test_the_command_that_goes_on_does_not_begin_anew(word: str) -> None:
    typed = f"rnnexp train -m {word} seed=0,1 'model.units=[4, 8]'"
    assert make_resuming(typed) == "rnnexp train -m seed=0,1 'model.units=[4, 8]'"
    assert name_resuming(typed) == f"the same command without {word}"
    assert name_resuming(make_resuming(typed)) == "the same command"
