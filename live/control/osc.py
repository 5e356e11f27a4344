"""`OscReceiver`: OSC over UDP into the control board.

python-osc's message parser runs behind a receive loop of this module's own. Its ready-made servers compile patterns
from the network to regular expressions, wait for time tags on the receiving thread, let some errors through, or
start a thread per packet; here a datagram is checked, looked up in a dictionary and done.
"""

from __future__ import annotations

import contextlib
import math
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from pythonosc.osc_message import OscMessage

from bentlight.errors import BadInput
from bentlight.parameter import Parameter
from live.control.board import ControlBoard
from live.control.keys import TwicePressed
from live.control.refusals import Refusals

__all__ = ["OscReceiver", "OscStats", "parse_address"]

_DATAGRAM_MOST = 16384
_DEPTH_MOST = 4
_MESSAGES_MOST = 512
_ARGUMENTS_MOST = 16
_ADDRESS_MOST = 200
_RECEIVE_BUFFER = 1 << 20
_POLL_S = 0.25
_QUIT = "/quit"
_BUNDLE = b"#bundle\0"
_FIXED = {"i": 4, "f": 4, "h": 8, "d": 8, "T": 0, "F": 0, "N": 0, "I": 0}


class _Refused(Exception):
    """A datagram or message that is dropped, with the reason under which it is counted and the address it was for."""

    def __init__(self, reason: str, sentence: str, address: str = "") -> None:
        super().__init__(sentence)
        self.reason, self.address = reason, address


@dataclass(frozen=True, slots=True)
class OscStats:
    """Counters since the receiver was made.

    Attributes
    ----------
    received : int
        Messages that arrived, and datagrams that could not be read as messages.
    accepted : int
        Messages that were played. Button releases (a 0 sent to a trigger) count here though they do nothing, and so
        does what waits for a scene that was asked for, until it turns out not to fit it.
    dropped : dict of str to int
        By reason: ``malformed``, ``unknown address``, ``wrong type``, ``not finite``,
        ``out of range``, ``fault``.
    last_error : str
        Why the newest dropped message was dropped; empty at first.
    alive : bool
        Whether the receiving thread runs.
    """

    received: int = 0
    accepted: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    last_error: str = ""
    alive: bool = False

    @property
    def dropped_total(self) -> int:
        """Messages dropped for whatever reason."""
        return sum(self.dropped.values())


class OscReceiver:
    """Listens on a UDP port, checks what comes and sets it on the board.

    A number outside the declared range is dropped and counted, not clamped: a fader set up wrongly is seen at once
    instead of sitting at the end of the range. Time tags are ignored; a bundle is played when it comes. A malformed
    bundle is dropped as a whole. Nothing is ever sent back.

    Parameters
    ----------
    host : str
        Address to listen on. ``127.0.0.1`` hears only this machine; ``0.0.0.0`` hears the network.
    port : int
        UDP port; 0 lets the system choose one (see `port`).
    board : ControlBoard

    Attributes
    ----------
    refusals : Refusals
        Tells why messages are dropped.

    Raises
    ------
    BadInput
        If the port cannot be had.
    """

    def __init__(self, host: str, port: int, board: ControlBoard) -> None:
        self._board = board
        self._counting = threading.Lock()
        self._received = 0
        self._accepted = 0
        self._dropped: dict[str, int] = {}
        self._last_error = ""
        self.refusals = Refusals()
        self._quitting = TwicePressed()
        board.on_late_refusal = self._refuse_late
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._socket = _bind(host, port)
        self.host: str = host
        self.port: int = self._socket.getsockname()[1]

    def start(self) -> OscReceiver:
        """Start the receiving thread, also again after it has ended by itself."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._loop, name="osc", daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread and free the port."""
        self._closing.set()
        if self._thread is not None:
            # Something to receive, so that the thread need not sit out its wait.
            with contextlib.suppress(OSError):
                self._socket.sendto(b"", self._socket.getsockname())
            self._thread.join(timeout=4 * _POLL_S)
        self._socket.close()

    def __enter__(self) -> OscReceiver:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stats(self) -> OscStats:
        """Return the counters."""
        alive = self._thread is not None and self._thread.is_alive()
        with self._counting:
            return OscStats(self._received, self._accepted, dict(self._dropped), self._last_error, alive)

    def _loop(self) -> None:
        self._socket.settimeout(_POLL_S)
        while not self._closing.is_set():
            try:
                datagram, _ = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            except Exception as error:
                # Windows reports a datagram that is too long, or a closed port of an earlier peer, as an error here;
                # whatever else it is, the thread goes on.
                if not self._closing.is_set():
                    self._count_drop("fault", f"OSC could not receive: {error}.")
                    self._closing.wait(0.02)
                continue
            if not self._closing.is_set():
                self.handle(datagram)

    def handle(self, datagram: bytes) -> None:
        """Play one datagram; never raises, whatever it holds."""
        try:
            messages = list(_messages(datagram))
        except _Refused as refused:
            self._count_drop(refused.reason, str(refused), refused.address)
            return
        except Exception as error:
            self._count_drop("fault", f"OSC packet dropped: {type(error).__name__}.")
            return
        for message in messages:
            try:
                self._play(message)
            except _Refused as refused:
                self._count_drop(refused.reason, str(refused), refused.address)
            except Exception as error:
                self._count_drop("fault", f"OSC message dropped: {type(error).__name__}.")
            else:
                with self._counting:
                    self._received += 1
                    self._accepted += 1

    def _count_drop(self, reason: str, sentence: str, address: str = "") -> None:
        with self._counting:
            self._received += 1
            self._dropped[reason] = self._dropped.get(reason, 0) + 1
            self._last_error = sentence
        self.refusals.note(f"{reason} {address or sentence}", sentence)

    def _refuse_late(self, address: str, value: object, error: BadInput) -> None:
        """Count and tell what was taken for the scene to come and does not fit it."""
        refused = _not_fitting(self._board.parameter(address), address, value, error)
        with self._counting:
            self._received -= 1
            self._accepted -= 1
        self._count_drop(refused.reason, str(refused), address)

    def _play(self, message: bytes) -> None:
        address, end = _string(message, 0)
        if len(address) > _ADDRESS_MOST:
            raise _Refused("unknown address", "OSC address is far too long.")
        parameter = self._board.parameter(address)
        if parameter is None and not self._board.changing:
            raise _unknown(address)
        arguments = _arguments(message, end, address)
        if any(isinstance(value, float) and not math.isfinite(value) for value in arguments):
            raise _Refused("not finite", f"OSC {address} came with a number that is not finite.", address)
        if parameter is not None and parameter.kind == "trigger":
            # A button of TouchOSC sends 1 when pressed and 0 when released; only the press counts.
            if not arguments or arguments[0] not in (0, False):
                self._fire(address)
            return
        if len(arguments) != 1:
            told = f"OSC {address} came with {len(arguments)} values; it takes one."
            raise _Refused("wrong type", told, address)
        try:
            self._board.set(address, arguments[0])
        except BadInput as error:
            raise _not_fitting(parameter, address, arguments[0], error) from None

    def _fire(self, address: str) -> None:
        if address == _QUIT and not self._quitting.press():
            # One packet that went astray must not end a show, as one key does not.
            self.refusals.note(address, f"OSC {address}: once more within two seconds ends the show.")
        else:
            self._board.trigger(address)


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``, ``:PORT`` or ``PORT``; the host is the loopback unless given.

    Raises
    ------
    BadInput
        If `text` is none of these.
    """
    host, _, port = text.strip().rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:
        raise BadInput(f"{text!r} is no OSC address; write HOST:PORT, such as 0.0.0.0:9000.")
    return host, int(port)


def _bind(host: str, port: int) -> socket.socket:
    udp = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        udp.bind((host, port))
    except (OSError, OverflowError) as error:
        udp.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise BadInput(
            f"OSC cannot listen on {host}:{port} ({reason}); "
            "end the other program or choose another place with --osc HOST:PORT."
        ) from None
    return udp


def _messages(datagram: bytes) -> Iterator[bytes]:
    """Yield the messages of a datagram in order, through bundles in bundles down to a bounded depth."""
    if len(datagram) > _DATAGRAM_MOST:
        raise _malformed(f"it has {len(datagram)} bytes, and {_DATAGRAM_MOST} is the most")
    found = 0
    pending = [(datagram, 0)]
    while pending:
        data, depth = pending.pop()
        if len(data) % 4:
            raise _malformed("its length is no multiple of four")
        if data.startswith(b"/"):
            found += 1
            if found > _MESSAGES_MOST:
                raise _malformed(f"it holds more than {_MESSAGES_MOST} messages")
            yield data
        elif data.startswith(_BUNDLE) and len(data) >= 16:
            if depth >= _DEPTH_MOST:
                raise _malformed(f"its bundles are nested more than {_DEPTH_MOST} deep")
            pending.extend((element, depth + 1) for element in reversed(_elements(data)))
        else:
            raise _malformed("it is neither a message nor a bundle")


def _elements(bundle: bytes) -> list[bytes]:
    elements = []
    at = 16
    while at < len(bundle):
        size = int.from_bytes(bundle[at : at + 4], "big", signed=True)
        at += 4
        if size <= 0 or at + size > len(bundle):
            raise _malformed("a size inside it is wrong")
        elements.append(bundle[at : at + size])
        at += size
    return elements


def _string(message: bytes, start: int) -> tuple[str, int]:
    """Return the OSC string at `start` and where the next item begins."""
    end = message.find(b"\0", start)
    after = end + 4 - (end - start) % 4
    if end < 0 or after > len(message):
        raise _malformed("a text in it does not end")
    try:
        return message[start:end].decode("utf-8"), after
    except UnicodeDecodeError:
        raise _malformed("a text in it is not UTF-8") from None


def _arguments(message: bytes, at: int, address: str) -> list[object]:
    """Return the arguments of a message whose type tags begin at `at`; an "I" (infinitum, a bang) is none.

    The lengths are added up before parsing, since the parser reads a float that was cut off as 0.
    """
    if at == len(message):
        return []
    tags, at = _string(message, at)
    if not tags.startswith(",") or len(tags) > 1 + _ARGUMENTS_MOST:
        raise _malformed("its type tags are wrong")
    for tag in tags[1:]:
        if tag == "s":
            _, at = _string(message, at)
        elif tag in _FIXED:
            at += _FIXED[tag]
        else:
            told = f"OSC {address[:60]} came with a value of type {tag!a}, which nothing here takes."
            raise _Refused("wrong type", told, address)
    if at != len(message):
        raise _malformed("its length does not fit its type tags")
    return OscMessage(message).params if tags.strip(",I") else []


def _unknown(address: str) -> _Refused:
    told = f"OSC address {address[:60]!a} is not known; `bentlight parameters` lists them."
    return _Refused("unknown address", told, address)


def _not_fitting(parameter: Parameter | None, address: str, value: object, error: BadInput) -> _Refused:
    return _unknown(address) if parameter is None else _Refused(_reason(parameter, value), f"OSC {error}", address)


def _reason(parameter: Parameter, value: object) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = isinstance(value, str) if parameter.kind in ("text", "choice") else number
    return "out of range" if fits else "wrong type"


def _malformed(why: str) -> _Refused:
    return _Refused("malformed", f"an OSC packet was dropped: {why}.")
