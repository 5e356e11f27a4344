"""OSC from the network: played when good, dropped and counted when not, and never in the way."""

from __future__ import annotations

import math
import random
import socket
import struct

import pytest
from pythonosc.osc_message_builder import OscMessageBuilder

from bentlight.errors import BadInput
from bentlight.parameter import Parameter
from live.control.addresses import declare_performance
from live.control.board import ControlBoard
from live.control.keys import TwicePressed
from live.control.osc import OscReceiver, parse_address
from tests.waiting import wait_until


def message(address: str, *values: object) -> bytes:
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build().dgram


def bundle(*contents: bytes, tag: bytes = b"\0\0\0\0\0\0\0\1") -> bytes:
    return b"#bundle\0" + tag + b"".join(struct.pack(">i", len(c)) + c for c in contents)


def nested(depth: int, core: bytes) -> bytes:
    for _ in range(depth):
        core = bundle(core)
    return core


@pytest.fixture
def board() -> ControlBoard:
    board = ControlBoard()
    declare_performance(board)
    board.adopt(
        {
            "/bend/warp/amount": Parameter("amount", 0.0, -4.0, 4.0),
            "/bend/warp/way": Parameter("way", "up", kind="choice", choices=("up", "down")),
        },
    )
    return board


@pytest.fixture
def receiver(board):
    with OscReceiver("127.0.0.1", 0, board) as receiver:
        yield receiver


class Sender:
    def __init__(self, receiver: OscReceiver) -> None:
        self._to = (receiver.host, receiver.port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, datagram: bytes) -> None:
        self._socket.sendto(datagram, self._to)


def arrives(receiver: OscReceiver, board: ControlBoard, value: float) -> None:
    """Send a good value until it is seen: after a flood the system may drop the first ones."""
    sender = Sender(receiver)

    def there() -> bool:
        sender.send(message("/bend/warp/amount", value))
        return board.get("/bend/warp/amount") == value

    wait_until(there, 30.0, "a good OSC message to be played")
    assert receiver.stats().alive


@pytest.mark.parametrize(
    ("address", "sent", "stored"),
    [
        ("/bend/warp/amount", 1.5, 1.5),
        ("/bend/warp/amount", 2, 2.0),
        ("/bend/warp/way", "down", "down"),
        ("/blackout", True, True),
        ("/blackout", 1, True),
        ("/hud", 0.0, False),
        ("/seed", 12.0, 12),
        ("/prompt", "glühende Wolken", "glühende Wolken"),
    ],
)
def test_values_of_every_kind_arrive(receiver, board, address, sent, stored):
    Sender(receiver).send(message(address, sent))
    wait_until(lambda: board.get(address) == stored, 30.0, f"{address} to be {stored}")
    stats = receiver.stats()
    assert (stats.received, stats.accepted, stats.dropped_total, stats.last_error) == (1, 1, 0, "")


def test_a_button_fires_when_pressed_and_not_when_released(receiver, board):
    for datagram in (message("/tap"), message("/tap", 1.0), message("/tap", True), message("/tap", "now")):
        receiver.handle(datagram)
    for datagram in (message("/tap", 0.0), message("/tap", 0), message("/tap", False)):
        receiver.handle(datagram)
    assert len(board.take_events()) == 4
    assert receiver.stats().accepted == 7


def test_a_bang_without_a_value_fires_a_trigger(receiver, board):
    receiver.handle(b"/tap\0\0\0\0,I\0\0")
    assert [event.address for event in board.take_events()] == ["/tap"]
    receiver.handle(b"/seed\0\0\0,I\0\0")
    assert receiver.stats().dropped == {"wrong type": 1}


def test_a_value_of_a_type_that_nothing_takes_is_told_with_its_address(receiver):
    receiver.handle(b"/prompt\0,b\0\0\0\0\0\0")
    assert "/prompt" in receiver.stats().last_error
    assert "/prompt" in receiver.refusals.warnings()[0]


def test_it_takes_two_quits_within_two_seconds_to_end_the_show(receiver, board, monkeypatch):
    now = [10.0]
    monkeypatch.setattr(receiver, "_quitting", TwicePressed(clock=lambda: now[0]))

    def quits() -> int:
        receiver.handle(message("/quit", 1))
        receiver.handle(message("/quit", 0))
        return len(board.take_events())

    assert quits() == 0
    assert "once more" in receiver.refusals.warnings()[0]
    now[0] = 13.0
    assert quits() == 0
    now[0] = 14.0
    assert quits() == 1
    assert receiver.stats().dropped == {}


def test_bundles_are_played_at_once_whatever_their_time_tag(receiver, board):
    next_year = struct.pack(">II", 0xFFFFFFF0, 0)
    receiver.handle(bundle(message("/seed", 5), bundle(message("/hud", False)), tag=next_year))
    assert (board.get("/seed"), board.get("/hud")) == (5, False)
    assert receiver.stats().accepted == 2


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", "malformed"),
        (b"\xff" * 64, "malformed"),
        (b"/bend/warp/amount", "malformed"),
        (b"/bend/warp/amount\0\0\0,f\0\0\x3f\x80", "malformed"),
        (b"/bend/warp/amount\0\0\0,f\0\0", "malformed"),
        (b"/bend/warp/amount\0\0\0,f\0\0\x3f\x80\0\0\0\0\0\0", "malformed"),
        (b"/bend/warp/amount\0\0\0f\0\0\0\x3f\x80\0\0", "malformed"),
        (b"/bend/warp/amount\0\0\0,ffff", "malformed"),
        (b"/\xff\xfe\xfd\0\0\0\0,f\0\0\x3f\x80\0\0", "malformed"),
        (b"/prompt\0,s\0\0\xff\xfe\0\0", "malformed"),
        (b"/prompt\0,s\0\0abcd", "malformed"),
        (b"/prompt\0,b\0\0\xff\xff\xff\xff", "wrong type"),
        (b"/prompt\0,[[[" + b"\0" * 12, "wrong type"),
        (b"/bend/warp/amount\0\0\0,Z\0\0", "wrong type"),
        (b"/bend/warp/amount\0\0\0," + b"f" * 8000 + b"\0" * 3, "malformed"),
        (b"#bundle\0", "malformed"),
        (bundle(b"")[:-2], "malformed"),
        (b"#bundle\0" + b"\0" * 8 + struct.pack(">i", -4), "malformed"),
        (b"#bundle\0" + b"\0" * 8 + struct.pack(">i", 0), "malformed"),
        (b"#bundle\0" + b"\0" * 8 + struct.pack(">i", 1 << 30), "malformed"),
        (nested(5, message("/hud", False)), "malformed"),
        (nested(700, message("/hud", False)), "malformed"),
        (bundle(*[message("/tap")] * 600), "malformed"),
        (message("/bend/warp/amount", math.nan), "not finite"),
        (message("/bend/warp/amount", math.inf), "not finite"),
        (message("/tap", math.nan), "not finite"),
        (message("/bend/warp/amount", 4.5), "out of range"),
        (message("/bend/warp/way", "sideways"), "out of range"),
        (message("/prompt", "x" * 600), "out of range"),
        (message("/seed", 1.5), "out of range"),
        (message("/bend/warp/amount", "1"), "wrong type"),
        (message("/bend/warp/amount", True), "wrong type"),
        (message("/prompt", 3), "wrong type"),
        (message("/bend/warp/amount", 1.0, 2.0), "wrong type"),
        (message("/bend/warp/amount"), "wrong type"),
        (message("/*/*/*", 1.0), "unknown address"),
        (message("/" + "*a" * 50, 1.0), "unknown address"),
        (message("/" + "a" * 5000, 1.0), "unknown address"),
    ],
)
def test_what_is_wrong_is_dropped_under_its_reason_and_changes_nothing(receiver, board, datagram, reason):
    before = board.values()
    receiver.handle(datagram)
    stats = receiver.stats()
    assert (stats.dropped, stats.accepted) == ({reason: 1}, 0)
    assert stats.last_error.endswith(".")
    assert len(stats.last_error) < 300
    assert (board.values(), board.take_events()) == (before, [])


def test_a_bundle_with_a_fault_in_it_is_dropped_as_a_whole(receiver, board):
    receiver.handle(bundle(message("/seed", 5)) + struct.pack(">i", 400))
    assert board.get("/seed") == 0


def test_a_bad_value_in_a_bundle_does_not_hold_back_the_others(receiver, board):
    receiver.handle(bundle(message("/seed", -5), message("/motion", 2.0)))
    assert (board.get("/seed"), board.get("/motion")) == (0, 2.0)
    assert receiver.stats().dropped == {"out of range": 1}


def test_why_messages_are_dropped_is_told_for_each_address_whatever_is_sent_to_it(receiver, caplog):
    for value in (5.0, 6.0, 7.0):
        receiver.handle(message("/bend/warp/amount", value))
        receiver.handle(message("/unknown", value))
        receiver.handle(message("/hud", "x" * 9000))
    assert receiver.refusals.warnings() == [receiver.stats().last_error[:199] + "…"]
    logged = [record.getMessage() for record in caplog.records]
    assert len(logged) == 3
    assert "/bend/warp/amount: amount is 5" in logged[0]
    assert "'/unknown' is not known" in logged[1]


def test_the_thread_outlives_thousands_of_mutated_datagrams(receiver, board):
    rng = random.Random(4)
    seeds = [
        message("/bend/warp/amount", 1.0),
        message("/prompt", "a text of some length"),
        message("/seed", 3),
        bundle(message("/hud", True), bundle(message("/motion", 1.0), message("/scene", "x"))),
        nested(3, message("/intensity", 1.0)),
    ]
    sender = Sender(receiver)
    for number in range(4000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.choice((0, 255, 0x80, 0x2C, 0x2F, rng.randrange(256)))
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        elif rng.random() < 0.2:
            data += rng.randbytes(rng.randint(1, 40))
        receiver.handle(bytes(data))
        if number % 4 == 0:
            sender.send(bytes(data))
    stats = receiver.stats()
    assert stats.accepted + stats.dropped_total == stats.received >= 4000
    assert stats.dropped.get("fault", 0) == 0
    for address, parameter in board.parameters().items():
        if parameter.kind != "trigger":
            parameter.parse(board.get(address))
    arrives(receiver, board, 2.5)


def test_a_flood_neither_blocks_nor_grows(receiver, board):
    sender = Sender(receiver)
    flood = [message("/bend/warp/amount", i / 5000) for i in range(100)] + [message("/tap", 1)] * 100
    for _ in range(100):
        for datagram in flood:
            sender.send(datagram)
    arrives(receiver, board, 3.0)
    assert len(board.take_events()) < 50


def test_a_datagram_that_is_too_long_is_dropped(receiver, board):
    Sender(receiver).send(b"/" + b"\0" * 60003)
    wait_until(lambda: receiver.stats().dropped == {"malformed": 1}, 30.0, "the long datagram to be counted")
    arrives(receiver, board, 1.0)


def test_a_busy_port_is_said_in_one_sentence(receiver, board):
    with pytest.raises(BadInput, match=rf"127\.0\.0\.1:{receiver.port} .*--osc HOST:PORT"):
        OscReceiver("127.0.0.1", receiver.port, board)


def test_a_place_that_is_not_this_machine_is_said_in_one_sentence(board):
    with pytest.raises(BadInput, match="--osc HOST:PORT"):
        OscReceiver("no.such.host.invalid", 9000, board)


def test_whatever_its_socket_raises_the_thread_goes_on(board):
    receiver = OscReceiver("127.0.0.1", 0, board)
    real, faults = receiver._socket, [RuntimeError("a fault of ours"), OSError("a fault of theirs")]

    class Flawed:
        def recvfrom(self, most):
            if faults:
                raise faults.pop()
            return real.recvfrom(most)

        def __getattr__(self, name):
            return getattr(real, name)

    receiver._socket = Flawed()
    with receiver:
        arrives(receiver, board, 1.0)
        assert receiver.stats().dropped == {"fault": 2}


def test_the_port_is_free_again_after_stop(board):
    first = OscReceiver("127.0.0.1", 0, board).start()
    first.stop()
    assert not first.stats().alive
    second = OscReceiver("127.0.0.1", first.port, board)
    second.stop()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("9000", ("127.0.0.1", 9000)), (":9001", ("127.0.0.1", 9001)), ("0.0.0.0:8000", ("0.0.0.0", 8000)),
     ("[::1]:9000", ("::1", 9000))],
)  # fmt: skip
def test_addresses_are_understood_and_stay_on_this_machine_unless_told(text, expected):
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["", "host", "host:", "host:99999", "host:-1", "host:²", "host:" + "9" * 5000])
def test_bad_addresses_are_refused(text):
    with pytest.raises(BadInput):
        parse_address(text)
