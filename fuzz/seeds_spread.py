#!/usr/bin/env python3
"""Writes the seeds of fuzz/org_spread.c: fuzz/seeds/org_spread/<name>.

Run it from anywhere after changing a format; the files are checked in, and `make check` replays them.
"""
import os
import struct

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds", "org_spread")
ORGS, BUCKETS, HAVE, WANT, OBJECTS = range(0x30, 0x35)
PRINT = bytes(range(8))


def statement(kind, length=None, issuer=b"\7" * 32):
    body = issuer + bytes(32) + struct.pack(">QQ", 1, 1) + (b"\0" if kind == 1 else b"")
    return b"\2" + struct.pack(">BBH", 1, kind, 4 + len(body) + 64 if length is None else length) + body + bytes(64)


def certificate(length=None):
    body = bytes(64) + struct.pack(">QQHBB", 1, 2, 0, 1, 0) + b"n"
    return b"\1" + struct.pack(">BH", 1, 3 + len(body) + 64 if length is None else length) + body + bytes(64)


MESSAGES = {
    "orgs": struct.pack(">BBB", ORGS, 1, 9) + PRINT + bytes(8),
    "orgs-none": struct.pack(">BBB", ORGS, 2, 1),
    "orgs-64": struct.pack(">BBB", ORGS, 0, 0) + bytes(1024),
    "orgs-65": struct.pack(">BBB", ORGS, 0, 0) + bytes(1040),
    "orgs-half": struct.pack(">BBB", ORGS, 0, 0) + PRINT,
    "buckets": bytes([BUCKETS]) + PRINT + bytes(512),
    "have": bytes([HAVE]) + PRINT + bytes(16),
    "have-128": bytes([HAVE]) + PRINT + bytes(1024),
    "have-129": bytes([HAVE]) + PRINT + bytes(1032),
    "want": bytes([WANT]) + PRINT + bytes(8),
    "want-none": bytes([WANT]) + PRINT,
    "objects": bytes([OBJECTS, 0]) + statement(1) + certificate() + statement(2),
    "objects-none": bytes([OBJECTS, 0]),
    "objects-successor": bytes([OBJECTS, 0]) + statement(4),
    "objects-short": bytes([OBJECTS, 0]) + certificate(151),
    "objects-long": bytes([OBJECTS, 0]) + certificate(513),
    "objects-beyond": bytes([OBJECTS, 1]) + statement(2, 220),
    "objects-kind": bytes([OBJECTS, 0]) + b"\3" + statement(1)[1:],
    "unknown": b"\x3f",
}

# Steps of a script, as the target reads them: op, a, and what the op takes.
def reach(peer):
    return bytes([0x22, peer])


def admission(peer):
    return bytes([0x12, peer])


def wait(ms):
    return bytes([1, ms // 100])


def trust(which):
    return bytes([3, which])


def orgs(peer, which, flags, *digests):
    a = next(a for a in range(which << 3, (which << 3) + 8) if a % 5 == peer)
    return bytes([4 | flags << 4, a, *digests])


def subject(peer, org, who):
    return next(a for a in range(256) if a % 5 == peer and (a >> 4) % 3 == org and (a >> 6) % 3 == who)


def lists(peer, kind, org, n, first):
    return bytes([5 | (kind - BUCKETS) << 4, subject(peer, org, 0), n, first])


def objects(peer, org, who, which, bulk=0):
    return bytes([6 | bulk << 4, subject(peer, org, who), which])


def local(org, who, which):
    return bytes([7 | which << 4, subject(0, org, who)])


def raw(peer, message):
    return bytes([0, peer]) + struct.pack(">H", len(message)) + message


MEET = reach(0) + reach(1) + reach(2) + orgs(1, 3, 1, 0, 0) + orgs(2, 3, 1, 5, 6) + wait(1000)
SCRIPTS = {
    "rumours": MEET + local(0, 0, 8) + local(0, 1, 2) + wait(500) + objects(1, 0, 0, 0x45) + wait(5000),
    "revoked": MEET + objects(1, 0, 0, 0x4c) + objects(1, 0, 0, 3) + objects(2, 0, 0, 0xff) + wait(2000),
    "renewed": MEET + objects(1, 1, 1, 0x40) + wait(6000) + objects(1, 1, 1, 0x80) + wait(25000) + wait(25000),
    "over": MEET + objects(1, 1, 1, 0x40) + objects(1, 1, 2, 0x40) + 4 * wait(25000),
    "pull": MEET + orgs(1, 1, 0, 9) + lists(1, HAVE, 0, 6, 0) + objects(1, 0, 0, 0x3f, 1) + wait(2000)
            + lists(1, HAVE, 0, 200, 1) + wait(25000),
    "give": MEET + local(0, 0, 2) + local(0, 1, 4) + local(0, 2, 9) + lists(1, BUCKETS, 0, 0, 0)
            + lists(1, WANT, 0, 9, 1) + lists(2, WANT, 0, 9, 0) + wait(1000),
    "orgs-change": MEET + local(0, 0, 2) + local(1, 0, 2) + trust(0x83) + wait(300) + trust(2) + wait(300)
                   + trust(7) + local(2, 1, 0) + wait(1000) + trust(0) + wait(1000),
    "peers-go": MEET + local(0, 0, 2) + wait(300) + admission(1) + wait(300) + admission(1)
                + objects(1, 0, 0, 0x3f) + bytes([2, 2]) + wait(1000),
    "full": MEET + b"".join(objects(1, org, who, 0xfc) + objects(2, org, who, 0xfd) for org in range(2)
                            for who in range(3)) + wait(3000),
    "all": MEET + b"".join(raw(1, m) for m in MESSAGES.values()),
}

os.makedirs(FOLDER, exist_ok=True)
for name, message in MESSAGES.items():
    with open(os.path.join(FOLDER, name), "wb") as f:
        f.write(b"\0" + message)
for name, script in SCRIPTS.items():
    with open(os.path.join(FOLDER, "script-" + name), "wb") as f:
        f.write(b"\1" + script)
