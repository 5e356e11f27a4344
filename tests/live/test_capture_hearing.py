"""The loop of the ears, with a source and a clock of the test's own."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bentlight.errors import BadInput, DeviceMissing
from live.capture.control_block import Command
from tests.live.hearing import BLOCK, RATE, Bench, FakeSource, quiet


def test_frames_carry_the_clock_and_the_generation(bench: Bench) -> None:
    source, reader = FakeSource("Mic"), bench.features.reader()
    bench.offered = [source]
    bench.control.send(Command("default", 1, gain_db=0.0))
    bench.listen(bench.hearing(3), source, quiet(0.5))
    frames, lost = reader.read()
    assert (len(frames), lost) == (int(0.5 * RATE) // 256, 0)
    assert (frames["generation"] == 3).all()
    assert frames["captured_s"] == pytest.approx(1000.0 + frames["time_s"])
    assert (frames["published_s"] >= frames["captured_s"]).all()
    report = bench.control.report()
    assert (report.state, report.device, report.source, report.sample_rate) == ("running", "Mic", "device:Mic", RATE)


def test_a_lost_device_is_taken_again_by_its_name_and_time_goes_on(bench: Bench) -> None:
    first, second = FakeSource("Mic"), FakeSource("Mic")
    gone = DeviceMissing("The sound input 'Mic' is gone.")
    bench.offered = [first, FakeSource("Mic", fault=gone), FakeSource("Mic", fault=gone), second]
    bench.control.send(Command("default", 1, gain_db=0.0))
    hearing, reader, sound = bench.hearing(), bench.features.reader(), bench.samples.reader()
    bench.listen(hearing, first, quiet(1.0))
    lost_at = bench.now
    first.gone = True
    hearing.step()
    assert bench.control.report().state == "lost"
    assert first.closed
    while bench.offered:
        hearing.step()
        assert bench.now - lost_at < 3.0
    assert bench.asked == ["default", "device:Mic", "device:Mic", "device:Mic"]
    assert "gone" in bench.control.report().message
    returned_at = bench.now
    bench.listen(hearing, second, quiet(1.0))
    assert bench.control.report().state == "running"
    assert bench.control.report().message == ""
    frames, _ = reader.read()
    steps = np.diff(frames["time_s"])
    assert (np.diff(frames["index"].astype(int)) == 1).all()
    assert steps.min() > 0
    assert steps.max() == pytest.approx(returned_at - lost_at + 256 / RATE, abs=0.02)
    assert np.count_nonzero(steps > 0.02) == 1
    assert frames["gap"].max() == pytest.approx(returned_at - lost_at, abs=0.02)
    before, after = sound.read(), sound.read()
    gap_s = after.start_time_s - (before.start_time_s + len(before.samples) / RATE)
    assert gap_s == pytest.approx(returned_at - lost_at, abs=0.02)


def test_a_restarted_process_goes_on_from_the_ring(bench: Bench) -> None:
    first, second = FakeSource("Mic"), FakeSource("Mic")
    bench.offered = [first, second]
    bench.control.send(Command("device:Mic", 1))
    clicks = quiet(1.0)
    clicks[RATE // 2 : RATE // 2 + 200] = np.random.default_rng(0).uniform(-0.9, 0.9, (200, 2))
    bench.listen(bench.hearing(0), first, clicks)
    before = bench.features.newest().copy()
    assert before["onset_count"] == 1
    bench.now += 2.0
    again = bench.hearing(1)
    # Before any sound is back, whoever records knows what it will be.
    assert again.step()
    assert (bench.control.report().sample_rate, bench.control.report().channels) == (RATE, 2)
    bench.listen(again, second, quiet(0.1))
    after = bench.features.newest()
    assert after["index"] > before["index"]
    assert after["onset_count"] == 1
    assert after["generation"] == 1
    assert after["time_s"] - before["time_s"] == pytest.approx(2.1, abs=0.02)


def test_samples_lost_on_the_way_are_a_gap_in_both_rings(bench: Bench) -> None:
    source = FakeSource("Mic")
    bench.offered = [source]
    bench.control.send(Command("device:Mic", 1))
    hearing, reader, sound = bench.hearing(), bench.features.reader(), bench.samples.reader()
    bench.listen(hearing, source, quiet(0.5))
    flood = quiet(3.0)
    source.intake.put(flood, bench.now)
    while source.intake.waiting:
        hearing.step()
    bench.listen(hearing, source, quiet(0.2))
    assert source.intake.xruns > 0
    frames, _ = reader.read()
    assert frames["time_s"][-1] == pytest.approx(3.7, abs=0.02)
    assert (np.diff(frames["time_s"]) > 0.5).sum() == 1
    assert frames["gap"].max() == pytest.approx(np.diff(frames["time_s"]).max() - 256 / RATE, abs=1e-3)
    assert np.count_nonzero(frames["gap"]) == 1
    parts = [sound.read(), sound.read()]
    assert parts[1].start_time_s > parts[0].start_time_s + len(parts[0].samples) / RATE + 0.5
    assert bench.control.report().state == "running"


def test_the_chosen_channels_are_heard_and_kept(bench: Bench) -> None:
    source = FakeSource("Interface", channels=4)
    bench.offered = [source]
    bench.control.send(Command("device:Interface", 1, channels=(4,), gain_db=0.0))
    sound = np.zeros((RATE // 2 // BLOCK * BLOCK, 4), np.float32)
    sound[::2, 0], sound[::2, 3], sound[1::2, 3] = 0.9, 0.25, -0.25
    reader = bench.samples.reader()
    bench.listen(bench.hearing(), source, sound)
    assert bench.features.newest()["peak"] == pytest.approx(0.25, rel=1e-3)
    block = reader.read()
    assert block.samples.shape[1] == 1
    assert (np.abs(block.samples) == 0.25).all()


def test_gain_follows_the_command_while_running(bench: Bench) -> None:
    source = FakeSource("Mic")
    bench.offered = [source]
    bench.control.send(Command("device:Mic", 1, gain_db=0.0))
    hearing = bench.hearing()
    bench.listen(hearing, source, quiet(0.3))
    assert bench.features.newest()["peak"] == pytest.approx(0.01, rel=1e-3)
    bench.control.send(Command("device:Mic", 1, gain_db=20.0))
    bench.listen(hearing, source, quiet(0.5))
    assert bench.features.newest()["peak"] == pytest.approx(0.1, rel=1e-3)
    assert bench.control.report().gain_db == pytest.approx(20.0)
    assert len(bench.asked) == 1, "the source was opened again"


def test_the_gate_and_the_onset_method_reach_what_hears(bench: Bench) -> None:
    source, reader, hearing = FakeSource("Mic", channels=1), bench.features.reader(), bench.hearing()
    bench.offered = [source, source]
    sound = np.random.default_rng(1).standard_normal((RATE // 4, 1)).astype(np.float32) * np.float32(0.01)
    command = Command("default", 1, gain_db=0.0, gate_db=-50.0, onset_method="hfc")
    bench.control.send(command)
    bench.listen(hearing, source, sound)
    assert reader.read()[0]["gate"][-1] == 1
    bench.control.send(replace(command, gate_db=-20.0))
    bench.listen(hearing, source, sound)
    assert reader.read()[0]["gate"][-1] == 0
    # The second source opens with both; a method that does not exist is not taken for another.
    bench.control.send(replace(command, serial=2, gate_db=-20.0, onset_method="loudest"))
    with pytest.raises(BadInput, match="loudest"):
        bench.listen(hearing, source, sound)


def test_hands_and_clocks_reach_the_beat(bench: Bench) -> None:
    source, reader = FakeSource("Mic", channels=1), bench.features.reader()
    bench.offered = [source, source]
    command, hearing = Command("default", 1, gain_db=0.0, tempo_bpm=120.0), bench.hearing()

    def say(seconds: float = 1.6, **changes: object) -> np.ndarray:
        nonlocal command
        command = replace(command, **changes)
        bench.control.send(command)
        bench.listen(hearing, source, quiet(seconds, 1))
        return reader.read()[0]

    first = say()
    assert first["tempo"][-1] == pytest.approx(120)
    began = first["time_s"][first["beat"] > 0][-1] - first["beat_phase"][first["beat"] > 0][-1] * 0.5
    nudged = say(nudged=0.5)
    later = nudged["time_s"][nudged["beat"] > 0][-1] - nudged["beat_phase"][nudged["beat"] > 0][-1] * 0.5
    assert ((later - began) / 0.5) % 1 == pytest.approx(0.5, abs=0.06)
    bar_beat = int(nudged["bar_beat"][-1])
    assert bar_beat in (1, 2, 3, 4)
    # However late it is looked at: three beats of 0.5 s before now lie three counts before the one that is now.
    soon = say(0.02, downbeats=1, downbeat_s=bench.now)["bar_beat"][-1]
    assert soon in (1, 4)
    late = say(0.02, downbeats=2, downbeat_s=bench.now - 1.5)["bar_beat"][-1]
    assert (late - soon) % 4 == 3
    waltz = say(2.5, metre=3)
    assert set(waltz["metre"][1:]) == {3}
    assert set(waltz["bar_beat"][-280:].astype(int)) == {1, 2, 3}
    clocked = say(1.0, clock_bpm=90.0, clock_phase=0.25, clock_s=bench.now)
    assert clocked["tempo"][-1] == pytest.approx(90)
    assert clocked["beat_confidence"][-1] == 1
    assert say(0.1, clock_bpm=0.0)["tempo"][-1] == pytest.approx(120)
    # Another source opens with the held tempo and metre, and does what was asked before only once.
    again = say(0.6, serial=2)
    assert again["tempo"][-1] == pytest.approx(120)
    assert again["metre"][-1] == 3
    assert again["beat_confidence"][-1] < 0.05


def test_taps_that_arrive_together_are_each_heard(bench: Bench) -> None:
    source, reader = FakeSource("Mic", channels=1), bench.features.reader()
    bench.offered = [source]
    command, hearing = Command("default", 1, gain_db=0.0), bench.hearing()
    bench.control.send(command)
    bench.listen(hearing, source, quiet(2.0, 1))
    bench.control.send(replace(command, taps=3, tap_s=(bench.now - 1.2, bench.now - 0.7, bench.now - 0.2)))
    bench.listen(hearing, source, quiet(0.5, 1))
    assert reader.read()[0]["tempo"][-1] == pytest.approx(120, abs=1)


def test_what_becomes_of_the_source_is_said_while_it_runs(bench: Bench) -> None:
    source = FakeSource("Mic")
    bench.offered = [source]
    bench.control.send(Command("default", 1))
    hearing = bench.hearing()
    bench.listen(hearing, source, quiet(0.1))
    assert bench.control.report().message == ""
    source.note = "The sound output is gone."
    bench.listen(hearing, source, quiet(0.1))
    assert (bench.control.report().state, bench.control.report().message) == ("running", source.note)


def test_another_source_is_opened_when_asked_for(bench: Bench) -> None:
    first, second = FakeSource("Mic"), FakeSource("Line")
    bench.offered = [first, second]
    bench.control.send(Command("device:Mic", 1))
    hearing = bench.hearing()
    bench.listen(hearing, first, quiet(0.2))
    bench.control.send(Command("device:Line", 2))
    bench.listen(hearing, second, quiet(0.2))
    assert first.closed
    assert (bench.control.report().device, bench.control.report().serial) == ("Line", 2)


def test_a_fault_that_does_not_mend_itself_is_not_tried_again(bench: Bench) -> None:
    bench.offered = [FakeSource("x", fault=BadInput("That is no sound."))]
    bench.control.send(Command("file:x", 1))
    hearing = bench.hearing()
    for _ in range(200):
        hearing.step()
    assert (bench.control.report().state, bench.control.report().message) == ("failed", "That is no sound.")
    assert bench.asked == ["file:x"]


def test_a_file_that_is_over_is_ended_after_its_last_sample(bench: Bench) -> None:
    source = FakeSource("song.wav")
    bench.offered = [source]
    bench.control.send(Command("file:song.wav", 1))
    hearing = bench.hearing()
    bench.listen(hearing, source, quiet(0.1))
    source.intake.put(quiet(0.1), bench.now)
    source.ended = True
    while bench.control.report().state == "running":
        hearing.step()
    assert bench.control.report().state == "ended"
    assert bench.features.newest()["time_s"] == pytest.approx(0.2, abs=0.01)
    assert source.closed


def test_only_zeros_for_five_seconds_are_explained(bench: Bench) -> None:
    source = FakeSource("Mic")
    bench.offered = [source]
    bench.control.send(Command("device:Mic", 1))
    hearing = bench.hearing()
    bench.listen(hearing, source, np.zeros((int(4.9 * RATE) // BLOCK * BLOCK, 2), np.float32))
    assert not bench.control.report().silent
    bench.listen(hearing, source, np.zeros((RATE // 2 // BLOCK * BLOCK, 2), np.float32))
    assert bench.control.report().silent
    bench.listen(hearing, source, quiet(0.1))
    assert not bench.control.report().silent


def test_sound_that_is_not_finite_never_reaches_the_rings(bench: Bench) -> None:
    source = FakeSource("Mic")
    bench.offered = [source]
    bench.control.send(Command("device:Mic", 1, gain_db=math.nan))
    reader = bench.samples.reader()
    bench.listen(bench.hearing(), source, np.full((BLOCK * 8, 2), np.nan, np.float32))
    assert (reader.read().samples == 0).all()
    assert np.isfinite(bench.features.newest()["rms"])


def test_stop_ends_the_loop_and_closes_the_source(bench: Bench) -> None:
    source = FakeSource("Mic")
    bench.offered = [source]
    bench.control.send(Command("device:Mic", 1))
    hearing = bench.hearing()
    bench.listen(hearing, source, quiet(0.1))
    bench.control.send(Command("device:Mic", 1, stop=True))
    hearing.run()
    assert source.closed
