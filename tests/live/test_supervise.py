"""A thread that dies is started again, and says why."""

import threading

from live.supervise import Supervised

GENEROUS_S = 20.0


def test_work_that_raises_is_called_again_and_the_reason_is_kept():
    calls, second = [], threading.Event()

    def work(stop):
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("boom")
        second.set()
        stop.wait()

    thread = Supervised("render thread", work)
    thread.start()
    assert second.wait(GENEROUS_S)
    assert "render thread" in thread.fault
    assert "boom" in thread.fault
    assert thread.restarts == 1
    assert thread.stop()


def test_work_that_returns_is_not_called_again():
    calls = []
    thread = Supervised("job", lambda stop: calls.append(1))
    thread.start()
    assert thread.stop()
    assert calls == [1]
    assert thread.fault is None


class Life:
    """Work that lives so many seconds each time, on a clock of its own, and the pauses between."""

    def __init__(self, *lives_s):
        self.now, self.pauses, self.lives_s = 100.0, [], list(lives_s)
        self.thread = Supervised("job", self.work, clock=lambda: self.now)
        self.thread._stop = self
        self.thread._run()

    def work(self, stop):
        if self.lives_s:
            self.now += self.lives_s.pop(0)
            raise RuntimeError("boom")

    def is_set(self):
        return False

    def wait(self, pause_s):
        self.pauses.append(pause_s)


def test_pauses_double_while_work_dies_young():
    assert Life(*[0.1] * 7).pauses == [0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0]


def test_after_a_long_life_pauses_begin_short_again():
    assert Life(0.1, 0.1, 0.1, 60.0, 0.1).pauses == [0.2, 0.4, 0.8, 0.2, 0.4]


def test_a_fault_is_shown_long_enough_to_be_read_and_forgotten_once_the_work_is_well():
    life = Life(0.1)
    life.thread.recovered()
    assert "boom" in life.thread.fault
    life.now += 60.0
    assert "boom" in life.thread.fault, "nothing has gone well since"
    life.thread.recovered()
    assert life.thread.fault is None
    assert life.thread.restarts == 1
