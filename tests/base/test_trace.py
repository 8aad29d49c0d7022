"""Trace events reach whoever listens, and nobody else."""

from outlast.base import trace


def test_without_a_listener_an_event_goes_nowhere() -> None:
    trace.event("part: something happened", slot=1)


def test_a_listener_gets_name_and_fields_as_long_as_it_listens() -> None:
    heard: list[tuple[str, dict[str, object]]] = []
    with trace.listening(lambda name, fields: heard.append((name, fields))):
        trace.event("part: something happened", slot=1, voter="a")
    trace.event("part: too late")
    assert heard == [("part: something happened", {"slot": 1, "voter": "a"})]


def test_an_inner_listener_does_not_take_events_from_the_outer_one() -> None:
    outer: list[str] = []
    inner: list[str] = []
    with trace.listening(lambda name, fields: outer.append(name)):
        with trace.listening(lambda name, fields: inner.append(name)):
            trace.event("part: both hear it")
        trace.event("part: one hears it")
    assert outer == ["part: both hear it", "part: one hears it"]
    assert inner == ["part: both hear it"]
