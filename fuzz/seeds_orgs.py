#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets for certificates and statements: fuzz/seeds/identity_*/.

Run it from anywhere after changing a format; the files are checked in, and `make check` replays
them. Most end before the signature: the targets add keys and signatures themselves.
"""
import base64
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")


def write(target, seeds):
    folder = os.path.join(HERE, target)
    os.makedirs(folder, exist_ok=True)
    for name, data in seeds.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())


def certificate(name=b"alice", groups=(), begins=1000, ends=2000, flags=0, signature=0):
    body = bytes(32) + bytes(range(32)) + struct.pack(">QQHBB", begins, ends, flags, len(name),
                                                      len(groups))
    body += name + b"".join(bytes([len(g)]) + g for g in groups)
    return struct.pack(">BH", 1, 3 + len(body) + 64) + body + bytes(signature)


def line(data):
    return base64.b64encode(data) + b"\n"


write("identity_certificate", {
    "smallest": certificate(b"n"),
    "groups": certificate(groups=[b"db", b"web.eu"], flags=0x8001),
    "falling-groups": certificate(groups=[b"web", b"db"]),
    "equal-groups": certificate(groups=[b"db", b"db"]),
    "eight-groups": certificate(groups=[b"%d" % i for i in range(8)]),
    "nine-groups": certificate(groups=[b"%d" % i for i in range(9)]),
    "longest": certificate(b"n" * 63, [b"%d" % i + b"g" * 62 for i in range(4)]),
    "no-name": certificate(b""),
    "bad-name": certificate(b"../x"),
    "ends-before": certificate(begins=2000, ends=1000),
    "for-ever": certificate(ends=2**64 - 1),
    "whole": certificate(groups=[b"db"], signature=64),
    "text": line(certificate(signature=64)),
    "text-crlf": line(certificate(signature=64))[:-1] + b"\r\n",
    "text-too-long": line(bytes(513)),
})


def statement(kind, body=b"", number=1, signature=0):
    data = bytes(32) + bytes(range(32)) + struct.pack(">QQ", number, 1000) + body
    return struct.pack(">BBH", 1, kind, 4 + len(data) + (128 if kind == 4 else 64)) + data + bytes(signature)


REVOKE, VOUCH, ALIAS, SUCCESSOR = range(1, 5)
write("identity_statement", {
    "revocation": statement(REVOKE, b"\2"),
    "bad-reason": statement(REVOKE, b"\3"),
    "vouch": statement(VOUCH),
    "vouch-with-body": statement(VOUCH, b"\0"),
    "alias": statement(ALIAS, b"\4acme"),
    "longest-alias": statement(ALIAS, b"\x3f" + b"a" * 63),
    "bad-alias": statement(ALIAS, b"\4a/me"),
    "successor": statement(SUCCESSOR, struct.pack(">Q", 2000)),
    "number-0": statement(VOUCH, number=0),
    "kind-5": statement(5),
    "whole": statement(ALIAS, b"\1a", signature=64),
    "row": statement(REVOKE, b"\1", 1, 64) + statement(REVOKE, b"\2", 2, 64) + statement(REVOKE, b"\0", 1, 64)
           + statement(VOUCH, b"", 1, 64) + statement(ALIAS, b"\1a", 1, 64)
           + statement(SUCCESSOR, bytes(8), 1, 128),
})


# --- first contact: see fuzz/org_introduce.c


def deliver(to_b, back=0):
    return bytes([8 * to_b, back])


def tick(b):
    return bytes([4 | 8 * b, 0])


def wait(n, shift=0):
    return bytes([5 | shift << 4, n])


def changed(to_b, place, back=0):
    return bytes([2 | 8 * to_b | (place & 15) << 4, back])


A, B = 0, 1
MEET = tick(A) + deliver(B) + deliver(A) + deliver(B) + deliver(A)
write("org_introduce", {
    "hello": bytes([0, 0xE2]) + bytes(range(160)),
    "hello-longest": bytes([0, 0xE2]) + bytes(672),
    "hello-too-long": bytes([0, 0xE2]) + bytes(680),
    "welcome": bytes([0, 0xE3]) + bytes(160),
    "introduction": bytes([0, 0xE4]) + bytes(1231),
    "accept": bytes([0, 0xE5]) + bytes(200),
    "accept-empty": bytes([0, 0xE5]) + bytes(48),
    "letter": bytes([1, 1, 1, 0]),
    "letter-papers": bytes([1, 1, 1, 4, 2, 1, 2]),
    "letter-papers-behind": bytes([1, 0, 1, 4, 1, 1, 2]),
    "letter-no-tags": bytes([1, 0, 0, 0]),
    "letter-many-tags": bytes([1, 0, 9, 0]),
    "letter-raw-paper": bytes([1, 0, 1, 4, 1, 3]) + certificate(b"n")[:160],
    "accept-letter": bytes([2, 1, 1, 0]),
    "accept-papers": bytes([2, 0, 1, 4, 2, 2, 1]),
    "meet": b"\3" + MEET,
    "both-begin": b"\3" + tick(A) + tick(B) + deliver(A) + deliver(B, 2) + MEET,
    "replay": b"\3" + MEET + b"".join(deliver(to, back) for back in range(6) for to in (A, B)),
    "reflect": b"\3" + tick(A) + deliver(A) + deliver(B, 1) + deliver(B) + deliver(A, 1),
    "slow": b"\3" + tick(A) + wait(100, 5) + deliver(B) + wait(100, 5) + deliver(A) + deliver(B) + wait(90, 5)
            + deliver(A),
    "too-late": b"\3" + tick(A) + deliver(B) + deliver(A) + wait(255, 10) + deliver(B) + tick(A),
    "changed": b"\3" + tick(A) + changed(B, 60) + deliver(B, 1) + changed(A, 9) + deliver(A, 1) + changed(B, 1),
    "no-marks": b"\3" + bytes([6 | 8, 0]) + tick(A) + deliver(B) + bytes([6 | 8, 2]) + deliver(B),
})
