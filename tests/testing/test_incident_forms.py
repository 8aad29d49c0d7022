"""What is left out of a run differs from what is played in nothing but times and shares."""

from outlast.outages.incidents import load_incidents
from outlast.testing.incident_forms import covering, form, one_of_each_form

ALL = load_incidents()


def test_every_form_is_played_once_by_the_incident_with_the_most_phases() -> None:
    chosen = {form(one): one for one in one_of_each_form(ALL)}
    assert len(chosen) == len(one_of_each_form(ALL)) < len(ALL)
    for one in ALL:
        assert len(one.phases) <= len(chosen[form(one)].phases)


def test_the_phases_of_every_incident_are_all_in_one_that_covers_it() -> None:
    chosen = covering(ALL)
    assert len(chosen) < len(one_of_each_form(ALL))
    for one in ALL:
        assert any(form(one) <= form(other) for other in chosen), one.id
