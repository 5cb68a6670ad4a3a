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
