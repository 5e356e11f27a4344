"""A show goes on while its sound input is ended, frozen or taken away, says so, and takes the same one again."""

from __future__ import annotations

from live.bench.faults import FAULTS, faults
from live.stand_ins import sound_server
from tests.waiting import cannot_run


def test_each_fault_is_told_pictures_go_on_and_the_same_input_comes_back():
    if reason := sound_server.missing():
        cannot_run(reason)
    outcomes = faults()
    assert [outcome.fault for outcome in outcomes] == list(FAULTS)
    for outcome in outcomes:
        # Order is what counts here; how soon is what `bentlight bench faults` prints.
        assert 0 < outcome.told_s < 30, outcome
        assert 0 <= outcome.back_s < 30, outcome
        assert outcome.pictures > 0, outcome
        assert outcome.same_device, outcome
