"""What web nodes know of each other's open pages, whatever is lost between them."""

import json

from cloudwindow.attendance import LEASE_SECONDS, Attendance

TOPIC = "ticket:t1"


class Wire:
    """Two nodes that hear each other at once, unless what is said is lost; ``now`` is the time of both."""

    def __init__(self) -> None:
        self.a, self.b = Attendance("a"), Attendance("b")
        self.now = 100.0

    def say(self, news: str | None) -> None:
        """Carry what one node says, and every answer to it."""
        while news is not None:
            other = self.b if json.loads(news)["node"] == "a" else self.a
            news = other.heard(news, self.now)

    def b_sees(self) -> bool:
        """Whether node b takes the page for open."""
        return self.b.elsewhere(TOPIC, self.now)


def test_a_page_that_opens_and_closes_is_seen_on_the_other_node() -> None:
    wire = Wire()
    wire.say(wire.a.alive())
    wire.say(wire.a.opened(TOPIC))
    assert wire.b_sees()
    wire.say(wire.a.closed(TOPIC))
    assert not wire.b_sees()


def test_a_node_knows_nothing_elsewhere_of_its_own_pages() -> None:
    wire = Wire()
    wire.say(wire.a.opened(TOPIC))
    assert not wire.a.elsewhere(TOPIC, wire.now)


def test_a_node_that_starts_later_is_told_what_is_open() -> None:
    wire = Wire()
    wire.a.opened(TOPIC)
    wire.say(wire.a.alive())
    assert wire.b_sees()


def test_a_lost_closing_is_noticed_by_the_next_sign_of_life() -> None:
    wire = Wire()
    wire.say(wire.a.opened(TOPIC))
    wire.a.closed(TOPIC)
    assert wire.b_sees()
    wire.say(wire.a.alive())
    assert not wire.b_sees()


def test_a_lost_opening_is_noticed_by_the_next_step() -> None:
    wire = Wire()
    wire.say(wire.a.alive())
    wire.a.opened(TOPIC)
    wire.say(wire.a.opened("agent:x"))
    assert wire.b_sees()


def test_a_silent_node_takes_its_pages_along_and_brings_them_back() -> None:
    wire = Wire()
    wire.say(wire.a.opened(TOPIC))
    wire.now += LEASE_SECONDS - 1
    wire.say(wire.a.alive())
    wire.now += LEASE_SECONDS - 1
    assert wire.b_sees()
    wire.now += 1
    assert not wire.b_sees()
    wire.say(wire.a.alive())
    assert wire.b_sees()


def test_the_same_page_on_two_nodes_is_open_until_both_have_closed_it() -> None:
    wire = Wire()
    third = Attendance("c")
    wire.say(wire.a.opened(TOPIC))
    wire.say(wire.b.opened(TOPIC))
    for news in (wire.a.alive(), wire.b.alive()):
        ask = third.heard(news, wire.now)
        assert ask is not None
        third.heard((wire.a if news == wire.a.alive() else wire.b).heard(ask, wire.now) or "", wire.now)
    third.heard(wire.a.closed(TOPIC) or "", wire.now)
    assert third.elsewhere(TOPIC, wire.now)
    third.heard(wire.b.closed(TOPIC) or "", wire.now)
    assert not third.elsewhere(TOPIC, wire.now)


def test_only_the_first_page_and_the_last_are_news() -> None:
    one = Attendance("a")
    assert one.opened(TOPIC)
    assert one.opened(TOPIC) is None
    assert one.closed(TOPIC)
    assert one.closed(TOPIC) is None


def test_a_page_that_takes_over_is_open_there_and_told_once_to_whoever_had_it() -> None:
    wire = Wire()
    wire.say(wire.a.opened(TOPIC, alone=True))
    assert wire.b_sees()
    assert wire.b.taken() == [TOPIC]
    assert wire.b.taken() == []
    wire.say(wire.a.opened("board:440114"))
    assert wire.b.taken() == []


def test_a_takeover_counts_also_when_an_earlier_step_was_lost() -> None:
    wire = Wire()
    wire.say(wire.a.alive())
    wire.a.opened("agent:x")
    wire.say(wire.a.opened(TOPIC, alone=True))
    assert wire.b.taken() == [TOPIC]
    assert wire.b_sees()
