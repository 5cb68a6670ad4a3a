#!/usr/bin/env python3
"""Writes the seeds of fuzz/swim_input.c: fuzz/seeds/swim_input/<name>.

Run it from anywhere after changing a format; the files are checked in, and `make check` replays them.
"""
import os
import struct

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds", "swim_input")
PING, ACK, PING_REQ, FORWARDED, NACK, ITEMS, LIST, WANT, BUCKETS, SCOPE, SCOPE_ASK = range(0x10, 0x1B)


def header(kind, flags=0, ident=9, known=1, count=3, tag=77, digest=77):
    return struct.pack(">BBIQIQQ", kind, flags, ident, known, count, tag, digest)


def items(*each, declared=None):
    return bytes([len(each) if declared is None else declared]) + b"".join(each)


def record(key=b"\7" * 32, sequence=5, flags=0, name=b"alice"):
    """An item: its kind, then the record (version 1, no valid signature)."""
    length = 64 + len(name) + 64
    return (b"\1\1" + struct.pack(">H", length) + key + struct.pack(">QHBB", sequence, flags, 0, 0)
            + bytes([10, 99, 0, 0, 16]) + bytes(8) + bytes([len(name), 0, 0, 0]) + name + bytes(64))


def accusation(subject=1, sequence=2, accuser=3):
    return b"\2" + struct.pack(">QQQ", subject, sequence, accuser)


def entries(first, last, *each):
    return struct.pack(">QQB", first, last, len(each)) + b"".join(
        struct.pack(">QQB", i, sequence, dead) for i, sequence, dead in each)


TOP = 2**64 - 1
MESSAGES = {
    "ping": header(PING) + items(),
    "ping-items": header(PING, 1) + items(record(), accusation(), record(sequence=9)),
    "ping-count-255": header(PING) + items(record(), declared=255),
    "ack": header(ACK) + items(),
    "ping-req": header(PING_REQ) + b"\7" * 32 + items(accusation()),
    "forwarded": header(FORWARDED) + items(),
    "nack": header(NACK) + b"\1" + items(),
    "bulk": header(ITEMS, 2) + items(record(), record(flags=4), record(b"\10" * 32)),
    "list-empty": header(LIST) + entries(0, TOP) + items(),
    "list": header(LIST) + entries(1, TOP, (5, 1, 0), (6, 2, 1), (TOP, TOP, 0)) + items(record()),
    "want": header(WANT) + b"\2" + struct.pack(">QQ", 4, 5) + items(),
    "buckets": header(BUCKETS) + bytes(1024) + items(),
    "scope": header(SCOPE) + struct.pack(">IIBQQ", 0, 3, 2, 4, 5) + items(),
    "scope-beyond": header(SCOPE) + struct.pack(">IIBQQ", 2, 3, 2, 4, 5) + items(),
    "scope-ask": header(SCOPE_ASK) + struct.pack(">I", 2) + items(),
    "cut": header(LIST)[:20],
}


# Scripts, as step() of the target reads them.
def say(sender, message):
    return bytes([0, sender]) + struct.pack(">H", len(message)) + message


def wait(tens_of_ms):
    return bytes([1, tens_of_ms])


def path(slot, up=True):
    return bytes([2 | (8 if up else 0), slot])


def scope(sender, members):
    return bytes([1 | 8, sender, members])


def admission(slot):
    return bytes([3, slot])


def life(slot):
    return bytes([4, slot])


def genuine(sender, subject, sequence, leaving=False):
    return bytes([5 | (sequence - 1) << 4 | (128 if leaving else 0), sender | subject << 4])


def accuse(sender, subject, sequence):
    return bytes([7 | sequence << 4, sender | subject << 4])


ALL = b"".join(genuine(i, i, 1) + path(i) for i in range(6))
SCRIPTS = {
    "join": ALL + wait(100) + wait(200),
    "scopes": ALL + scope(0, 0b1101) + scope(2, 0b110) + wait(100) + genuine(0, 3, 2) + wait(100) + admission(3)
    + genuine(0, 0, 2) + scope(0, 0b1001) + wait(100),
    "two": genuine(0, 0, 1) + path(0) + wait(250) + wait(250) + wait(250) + life(0) + wait(50),
    "all-silent": ALL + wait(255) * 16 + life(2) + wait(255) * 2,
    "leave": ALL + genuine(1, 1, 2, True) + wait(100) + genuine(2, 1, 3) + wait(100),
    "conflict": ALL + genuine(1, 1, 2) + genuine(2, 1, 2, True) + genuine(3, 1, 2),
    "accused": ALL + accuse(1, 2, 1) + accuse(3, 2, 1) + wait(60) + life(2) + wait(60),
    "accused-ourselves": ALL + accuse(1, 6, 1) * 8 + wait(255) * 3,
    "own-newer": ALL + genuine(1, 6, 5) + genuine(1, 6, 6) + wait(50),
    "forget": ALL + accuse(1, 2, 1) + say(1, MESSAGES["list-empty"]) + admission(1) + admission(2)
              + wait(200) + admission(1) + genuine(1, 1, 4) + wait(100),
    "paths": ALL + path(1, False) + path(2, False) + wait(255) + path(1) + wait(255) + path(3, False),
    "sync": ALL + say(3, MESSAGES["list-empty"]) + wait(20) + say(3, MESSAGES["want"])
            + say(2, MESSAGES["list"]) + wait(20) + say(2, MESSAGES["ping-req"]) + wait(30),
    "late": ALL + accuse(1, 2, 1) + wait(120),
}

os.makedirs(FOLDER, exist_ok=True)
for mark, table in ((b"\0", MESSAGES), (b"\1", SCRIPTS)):
    for name, data in table.items():
        with open(os.path.join(FOLDER, name), "wb") as f:
            f.write(mark + data)
