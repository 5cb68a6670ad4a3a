#!/usr/bin/env python3
"""Writes the seeds of fuzz/node_input.c: fuzz/seeds/node_input/<name>.

Run it from anywhere after changing the target; the files are checked in, and `make check` replays them.
"""
import os
import struct

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds", "node_input")
(WAIT, RAW, SEALED, PROBE, ANSWER, RECORD, PACKET, TRUST, RESTART, ADDRESSES, SEED, HANDSHAKE, TUNNEL,
 AGAIN, STOP, CALL) = range(16)
RIGHT, ZERO_OR_WRONG = 0, 201


def wait(ms, shift=0):
    return struct.pack(">BHB", WAIT, ms, shift)


def raw(data, source=2):
    return struct.pack(">BBH", RAW, source, len(data)) + data


def sealed(payload, who=0, source=2, epoch=RIGHT):
    return struct.pack(">BBBBH", SEALED, who, source, epoch, len(payload)) + payload


def probe(who=0, source=2, epoch=RIGHT, longer=1):
    return struct.pack(">BBBBB", PROBE, who, source, epoch, longer) + b"probe-id"


def answer(who=0, how=0, port=4000, ip=b"\xcb\0\x71\5"):
    return struct.pack(">BBBH", ANSWER, who, how, port) + ip


def record(who=0, source=2, step=1, flags=0, index=0, prefix=1, claims=((0, 1, 80),)):
    head = struct.pack(">BBBBBHBBB", RECORD, who, source, RIGHT, step, flags, index, prefix, len(claims))
    return head + b"".join(bytes(c) for c in claims)


def packet(how, length):
    return struct.pack(">BBH", PACKET, how, length) + bytes(length)


def meet(who=0, source=2):
    """First contact: a probe of somebody unknown, and the answer to the node's own."""
    return probe(who, source, ZERO_OR_WRONG) + answer(who) + probe(who, source)


def ping(ident=1, known=0):
    return struct.pack(">BBIQIQQ", 0x10, 0, ident, known, 1, 0, 0) + b"\0"


def ack(ident=1):
    return struct.pack(">BBIQIQQ", 0x11, 0, ident, 0, 1, 0, 0) + b"\0"


BOTH = meet() + meet(1, 5)
SEEDS = {
    "meet": meet() + wait(3000),
    "meet-both": BOTH + record() + record(1, 5) + wait(10000),
    "probe-only": probe(epoch=ZERO_OR_WRONG, longer=0) * 5 + wait(2000),
    # Whole ones, and such that lie about their length.
    "padded-probes": meet() + b"".join(probe(source=i % 7, longer=2 | i) for i in range(0, 256, 4))
    + probe(epoch=ZERO_OR_WRONG, longer=0xf6) * 30 + packet(1, 1400) + wait(3000, 2) + packet(1, 1400) + wait(9000),
    "probes-elsewhere": meet() + b"".join(probe(source=i, epoch=RIGHT, longer=i & 1) for i in range(16)) + wait(5000),
    "replayed-probes": meet() + bytes([RESTART, 0, 5]) + (probe(epoch=ZERO_OR_WRONG)
                       + struct.pack(">BBHB", AGAIN, 7, 0, 0) + wait(60)) * 6,
    # A bell hung up twice, another one, cut ones; and that one rang.
    "bells": meet() + sealed(b"\x39\x01" + bytes(range(32)) + bytes(3) + b"\x3c") * 2
    + sealed(b"\x39\x01" + bytes(32) + b"\xff" * 4) + sealed(b"\x39\x01") + sealed(b"\x39")
    + wait(200, 10) + sealed(b"\x39\x02" + bytes(8) + b"\x04\x0f\xa0" + bytes([2, 0, 0, 1]) + bytes(12))
    + sealed(b"\x39\x02" + bytes(8) + b"\x05\0\0" + bytes(16)) + sealed(b"\x39\x03"),
    "stale-messages": meet() + bytes([RESTART, 0, 6]) + sealed(ping(), source=9, epoch=ZERO_OR_WRONG) * 9 + wait(4000),
    "pings": BOTH + sealed(ping(1)) + sealed(ack(1)) + sealed(ping(2), 1, 5) + wait(7000),
    "records": BOTH + record(claims=[(0, i, i) for i in range(8)]) + wait(9000) + record(index=3) + record(index=16)
               + record(prefix=0) + record(flags=4) + record(1, 5, claims=[(0, 1, 1)]) + wait(60000),
    "record-flood": meet() + b"".join(record(claims=[(n, i, i) for i in range(8)]) + wait(200) for n in range(16)),
    "dead-sequence": meet() + record(step=0) + record(step=255, flags=7),
    "handshake": meet() + bytes([HANDSHAKE, 0, 2]) + struct.pack(">BBBH", TUNNEL, 0, 2, 40) + b"\x60" + bytes(39)
                 + packet(1, 60) + packet(3, 20) + wait(15000, 4),
    "handshake-elsewhere": meet() + bytes([HANDSHAKE, 0, 11]) + struct.pack(">BBBH", TUNNEL, 0, 12, 40)
                           + b"\x45" + bytes(39) + wait(3000),
    "handshake-unmet": bytes([HANDSHAKE, 1, 4]) * 3 + struct.pack(">BBBH", TUNNEL, 1, 4, 20) + b"\x45" + bytes(19)
                       + wait(3000),
    "packets": packet(1, 48) + packet(3, 40) + packet(2, 28) + packet(0, 100) + packet(0, 0) + wait(2000)
               + meet() + packet(2, 1420) * 3 + wait(9000, 4),
    "trust": BOTH + bytes([TRUST, 1, TRUST, 2, TRUST, 0, TRUST, 3]) + wait(1000) + BOTH
             + bytes([TRUST, 7, TRUST, 15, TRUST, 0x33, TRUST, 0x83, TRUST, 0x40]) + wait(3000),
    "revoked-while-waiting": meet() + packet(1, 60) + bytes([TRUST, 2]) + packet(1, 60) + bytes([TRUST, 3])
                             + wait(1000) + meet() + packet(1, 60),
    "seeds": bytes([SEED, 2, SEED, 4, SEED, 0, SEED, 3, SEED, 2]) + wait(60000) + meet() + wait(60000, 4),
    "addresses": bytes([ADDRESSES, 2, 203, 0, 113, 9, 32, 1, 13, 184]) + meet() + bytes([ADDRESSES, 0])
                 + wait(2000) + bytes([ADDRESSES, 1, 203, 0, 113, 10]) + wait(2000) + answer() + wait(2000),
    "seen-as": meet() + b"".join(probe() + wait(700) + answer(ip=bytes([203, 0, 113, i])) for i in range(9)),
    "moves": BOTH + record() + probe(source=8) + answer() + wait(3000) + probe(source=2) + answer() + wait(30000),
    "lost": BOTH + record() + wait(60000, 1) + wait(60000, 4) + packet(1, 60) + wait(3000),
    "raw": raw(b"\xe1" + bytes(72)) + raw(b"\1\0\0\0" + bytes(144)) + raw(b"\4\0\0\0" + bytes(28)) + raw(b"")
           + raw(b"\1\1\0\0\x21\x12\xa4\x42" + bytes(12)) + raw(b"\x40\0\0\1" + bytes(40)),
    "calls": bytes([CALL, 0, 2, 0, 0]) + meet() + bytes([CALL, 0, 3, 140, 150, CALL, 1, 4, 3, 12] + [CALL, 0, 2, 0, 5] * 30)
             + struct.pack(">BBHB", AGAIN, 9, 0, 0) + struct.pack(">BBHB", AGAIN, 5, 49, 1) + wait(2000)
             + sealed(b"\x22the call" + bytes(23)) + wait(1000),
    "changed": probe() + b"".join(struct.pack(">BBHB", AGAIN, 3, i, 1) for i in (0, 1, 9, 40, 60, 100)),
    "stop": BOTH + record() + bytes([STOP, ord("s")]) + wait(3000) + sealed(ping()),
}

os.makedirs(FOLDER, exist_ok=True)
for name, data in SEEDS.items():
    with open(os.path.join(FOLDER, name), "wb") as f:
        f.write(data)
