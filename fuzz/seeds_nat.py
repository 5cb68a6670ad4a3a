#!/usr/bin/env python3
"""Writes the seeds of fuzz/nat_*.c: fuzz/seeds/<target>/<name>.

Run it from anywhere after changing a target; the files are checked in, and `make check` replays them.
"""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")


def write(target, seeds):
    folder = os.path.join(HERE, target)
    os.makedirs(folder, exist_ok=True)
    for name, data in seeds.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)


# --- STUN (RFC 8489); the two answers of RFC 5769

ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")
V4 = bytes.fromhex("0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147"
                   "e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96")
V6 = bytes.fromhex("010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a147"
                   "0113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004"
                   "c8fb0b4c")


def stun(kind, *attributes):
    body = b"".join(struct.pack(">HH", t, len(v)) + v + bytes(-len(v) % 4) for t, v in attributes)
    return struct.pack(">HHI", kind, len(body), 0x2112A442) + ID + body


PLAIN = struct.pack(">BBH4B", 0, 1, 4000, 5, 6, 7, 8)
STUN = {
    "rfc5769-v4": V4,
    "rfc5769-v6": V6,
    "plain": stun(0x0101, (1, PLAIN)),
    "other-address": stun(0x0101, (1, PLAIN), (0x802C, PLAIN)),
    "changed-address": stun(0x0101, (1, PLAIN), (4, PLAIN), (5, PLAIN)),
    "unknown-optional": stun(0x0101, (0xFFEE, b"abc"), (1, PLAIN)),
    "unknown-required": stun(0x0101, (0x7FEE, b""), (1, PLAIN)),
    "error": stun(0x0111, (9, bytes([0, 0, 4, 0]) + b"nope")),
    "no-address": stun(0x0101),
    "bad-fingerprint": stun(0x0101, (1, PLAIN), (0x8028, bytes(4))),
    "padding-cut": stun(0x0101, (1, PLAIN), (0x8022, b"abc"))[:-1],
}

# --- PCP and NAT-PMP: a length and a datagram each; a length of 0 is a second

V4_MAPPED = bytes(10) + b"\xff\xff"


def each(*datagrams):
    return b"".join(bytes([len(d)]) + d for d in datagrams)


def pcp(result=0, lifetime=7200, epoch=100, op=0x81, port=51821):
    head = struct.pack(">BBBBII12x", 2, op, 0, result, lifetime, epoch)
    if op != 0x81:
        return head
    return head + bytes(range(12)) + struct.pack(">B3xHH", 17, port, 40000) + V4_MAPPED + bytes([5, 5, 5, 9])


def natpmp(op, body=b"", result=0, epoch=100):
    return struct.pack(">BBHI", 0, op, result, epoch) + body


ADDRESS = natpmp(0x80, bytes([5, 5, 5, 9]))
MAP = natpmp(0x81, struct.pack(">HHI", 51821, 40000, 7200))
PCP = {
    "mapped": each(pcp()),
    "restarted": each(pcp(), b"", pcp(op=0x80, epoch=0, lifetime=0), pcp(epoch=1)),
    "refused": each(pcp(result=8, lifetime=30)),
    "other-port": each(pcp(port=1)),
    "with-option": each(pcp() + bytes([1, 0, 0, 0])),
    "no-pcp": each(natpmp(0x81, result=1), ADDRESS, MAP),
    "address-late": each(natpmp(0x81, result=1), MAP, ADDRESS),
    "natpmp-refused": each(natpmp(0x81, result=1), natpmp(0x81, struct.pack(">HHI", 51821, 0, 0), 2)),
    "natpmp-restarted": each(natpmp(0x81, result=1), ADDRESS, MAP, b"", natpmp(0x80, bytes(4), epoch=0)),
    "silent": bytes(20),
    "cut": each(pcp()[:-1], MAP[:-1], ADDRESS[:-1]),
}

if __name__ == "__main__":
    write("nat_pcp", PCP)
    write("nat_stun", STUN)
