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
    assert not thread.alive


def test_work_that_returns_is_not_called_again():
    calls = []
    thread = Supervised("job", lambda stop: calls.append(1))
    thread.start()
    assert thread.stop()
    assert calls == [1]
    assert thread.fault is None


def test_a_recovered_thread_shows_no_fault():
    thread = Supervised("job", lambda stop: None)
    thread.fault = "was ill"
    thread.recovered()
    assert thread.fault is None
