"""What is left out of a run differs from what is played in nothing but times and shares."""

import pytest

from outlast.outages.incidents import load_incidents
from outlast.testing.incident_forms import ALL_VARIABLE, covering, form, to_play

ALL = load_incidents()


@pytest.fixture(autouse=True)
def run_of_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ALL_VARIABLE, raising=False)


def test_every_form_is_played_once_by_the_incident_with_the_most_phases() -> None:
    chosen = {form(one): one for one in to_play(ALL)}
    assert len(chosen) == len(to_play(ALL)) < len(ALL)
    for one in ALL:
        assert len(one.phases) <= len(chosen[form(one)].phases)


def test_the_phases_of_every_incident_are_all_in_one_that_covers_it() -> None:
    chosen = covering(ALL)
    assert len(chosen) < len(to_play(ALL))
    for one in ALL:
        assert any(form(one) <= form(other) for other in chosen), one.id


def test_all_are_played_when_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALL_VARIABLE, "all")
    assert to_play(ALL) == covering(ALL) == tuple(ALL)
