"""How the program ends, with and without threads that are still at work."""

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys, threading, time
import live.cli, live.cli.app

def run(arguments):
    print("run", *arguments)
    if {busy}:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    return 3

live.cli.app.run = run
atexit.register(print, "cleared up")
sys.argv[1:] = ["play"]
sys.exit(live.cli.main())
"""


@pytest.mark.parametrize("busy", [False, True])
def test_threads_at_work_are_left_without_waiting_and_what_was_said_is_kept(busy):
    """Python clears up only where no thread could be caught in the midst of C++."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(busy=busy)], capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 3, ended.stderr
    assert ended.stdout.splitlines() == (["run play"] if busy else ["run play", "cleared up"])


def test_a_program_that_calls_it_goes_on(capsys):
    from live.cli import main

    assert main(["scenes"]) == 0
    assert capsys.readouterr().out


def test_what_is_told_is_read_though_descriptor_2_leads_nowhere():
    """So it does while PortAudio waits for a sound server that hangs."""
    program = """
import os, sys
import live.cli, live.cli.app

def run(arguments):
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    print("no sound comes", file=sys.stderr)
    return 0

live.cli.app.run = run
sys.exit(live.cli.main())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0
    assert ended.stderr == "no sound comes\n"
