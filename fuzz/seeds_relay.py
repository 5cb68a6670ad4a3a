#!/usr/bin/env python3
"""Writes the seeds of fuzz/nat_relay.c: fuzz/seeds/nat_relay/<name>.

Run it from anywhere after changing a format; the files are checked in, and `make check` replays them.
"""
import os
import struct

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds", "nat_relay")
TELL, ANSWER, FRAME, TIME, ASK, FORGET = range(6)
OPEN, OFFER, BIND, BOUND = range(0x28, 0x2C)
CHANNEL = 0x41424344


def message(kind, other, channel=0, state=0, cookie=bytes(16)):
    return struct.pack(">BBHI", kind, state, 0, channel) + bytes([other + 1]) + bytes(31) + cookie


def step(what, who, data=b""):
    return bytes([what, who, len(data)]) + data


JOIN = step(TELL, 1, message(OPEN, 2)) + step(ANSWER + 24, 1) + step(ANSWER + 24, 2)
SEEDS = {
    "open": step(TELL, 1, message(OPEN, 2)),
    "open-itself": step(TELL, 1, message(OPEN, 1)),
    "join": JOIN,
    "join-time": JOIN + step(TIME, 255) * 3 + step(TELL, 2, message(OPEN, 1)),
    "join-forget": JOIN + step(FORGET, 2) + JOIN,
    "frame": JOIN + step(FRAME, 1, struct.pack(">I", CHANNEL) + bytes(40)),
    "bind-forged": step(TELL, 1, message(BIND, 2, CHANNEL, 0, b"\7" * 16)),
    "offer": step(TELL, 3, message(OFFER, 2, CHANNEL, 0, b"\7" * 16))
    + step(TELL, 3, message(BOUND, 2, CHANNEL, 1)),
    "offer-twice": step(TELL, 3, message(OFFER, 2, CHANNEL, 0, b"\7" * 16))
    + step(TELL, 3, message(OFFER, 4, CHANNEL, 0, b"\7" * 16)),
    "offer-moves": step(TELL, 3, message(OFFER, 2, CHANNEL, 0, b"\7" * 16))
    + step(TELL, 3, message(OFFER, 2, CHANNEL + 1, 0, b"\7" * 16)),
    "ask-refused": step(ASK, 0x23) + step(TELL, 3, message(BOUND, 2, 0, 3)),
    "ask-unanswered": step(ASK, 0x23) + step(TIME, 1) * 6,
    "waits": step(ASK, 0x23) + step(TELL, 3, message(OFFER, 2, CHANNEL, 0, b"\7" * 16))
    + step(TELL, 3, message(BOUND, 2, CHANNEL, 0)) + step(TIME, 255) * 3,
}

os.makedirs(FOLDER, exist_ok=True)
for name, data in SEEDS.items():
    with open(os.path.join(FOLDER, name), "wb") as f:
        f.write(data)
