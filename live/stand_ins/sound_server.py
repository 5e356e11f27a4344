"""A private PulseAudio server with a null sink: a real sound device for a machine without a sound card.

What is played with `PrivatePulse.play` arrives at the inputs that PortAudio lists as ``pulse`` and ``default``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from bentlight.clock import now_s
from bentlight.errors import BadInput

__all__ = ["RATE", "PrivatePulse", "missing", "private_pulse"]

RATE = 44_100
_SINK = "bentlight"
_SINK_ARGUMENTS = (f"sink_name={_SINK}", f"rate={RATE}", "channels=2", "format=float32le")
_WARM_BYTES = 4096


def missing() -> str:
    """Return what this machine lacks for a private sound server, or an empty text."""
    tools = [tool for tool in ("pulseaudio", "pactl", "parec", "paplay") if shutil.which(tool) is None]
    if tools:
        return f"{', '.join(tools)} not found; apt install pulseaudio pulseaudio-utils libasound2-plugins"
    try:
        import sounddevice  # noqa: F401
    except OSError:
        return "PortAudio not found; apt install libportaudio2"
    return ""


class PrivatePulse:
    """A sound server of our own with one null sink whose monitor is the default input.

    Attributes
    ----------
    environment : dict
        Variables that lead programs to this server.
    """

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="pulse"))
        self._home.chmod(0o700)
        self.environment = {
            "XDG_RUNTIME_DIR": str(self._home),
            "XDG_CONFIG_HOME": str(self._home / "config"),
            "PULSE_SERVER": f"unix:{self._home}/pulse/native",
        }
        self._server: subprocess.Popen[bytes] | None = None
        self._keep: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []

    @property
    def _env(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def start(self, patience_s: float = 30.0) -> None:
        """Start the server and wait until sound runs through its sink."""
        self._server = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--log-level=error"),
                *("-L", "module-native-protocol-unix"),
                *("-L", " ".join(("module-null-sink", *_SINK_ARGUMENTS))),
            ],
            env=self._env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = now_s() + patience_s
        while self._control("set-default-sink", _SINK) or self._control("set-default-source", f"{_SINK}.monitor"):
            if self._server.poll() is not None:
                raise BadInput("The private sound server (pulseaudio) ended as soon as it was started.")
            if now_s() >= deadline:
                raise BadInput("The private sound server (pulseaudio) does not answer.")
            threading.Event().wait(0.05)
        # A null sink begins with a block of two seconds; a listener that stays keeps the later ones short.
        self._keep = subprocess.Popen(
            ["parec", "--latency-msec=10", "-d", f"{_SINK}.monitor"], env=self._env, stdout=subprocess.PIPE
        )
        assert self._keep.stdout is not None
        flowing = threading.Event()
        threading.Thread(target=self._drain, args=(self._keep.stdout, flowing), daemon=True).start()
        if not flowing.wait(patience_s):
            raise BadInput("No sound runs through the private sound server (pulseaudio).")

    @staticmethod
    def _drain(stream: object, flowing: threading.Event) -> None:
        while stream.read(_WARM_BYTES):  # type: ignore[attr-defined]
            flowing.set()

    def _control(self, *words: str) -> int:
        done = subprocess.run(["pactl", *words], env=self._env, capture_output=True, timeout=20, check=False)
        return done.returncode

    def play(self, path: Path) -> subprocess.Popen[bytes]:
        """Begin to play a sound file into the sink; returns the player's process."""
        player = subprocess.Popen(["paplay", str(path)], env=self._env, stderr=subprocess.DEVNULL)
        self._players.append(player)
        return player

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()
        self._end(self._keep)
        with contextlib.suppress(FileNotFoundError):
            (self._home / "pulse" / "pid").unlink()

    def hang(self) -> None:
        """Let the server stop answering without ending."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a hanging server go on."""
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)

    def remove_source(self) -> None:
        """Take the null sink, and with it the input, away from a server that goes on, as pulling a plug does."""
        self._control("unload-module", "module-null-sink")

    def restore_source(self) -> None:
        """Bring back what `remove_source` took away."""
        self._control("load-module", "module-null-sink", *_SINK_ARGUMENTS)
        self._control("set-default-sink", _SINK)
        self._control("set-default-source", f"{_SINK}.monitor")

    def stop(self) -> None:
        """End everything and remove the server's folder."""
        for process in (*self._players, self._keep, self._server):
            self._end(process)
        shutil.rmtree(self._home, ignore_errors=True)

    @staticmethod
    def _end(process: subprocess.Popen[bytes] | None) -> None:
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def private_pulse() -> Iterator[PrivatePulse]:
    """Run a private sound server, and lead this process and its children to it.

    Raises
    ------
    BadInput
        If this machine lacks what it takes, or the server does not start.
    """
    if reason := missing():
        raise BadInput(f"A private sound server cannot be run: {reason}.")
    server = PrivatePulse()
    before = {name: os.environ.get(name) for name in server.environment}
    os.environ.update(server.environment)
    try:
        server.start()
        yield server
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        server.stop()
