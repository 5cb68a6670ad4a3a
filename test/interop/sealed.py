#!/usr/bin/python3
"""Seals datagrams and signs records from docs/protocol.md alone, and checks both ways against ours.

Without arguments: builds test/interop/sealed.c and lets the two talk (TAP; needs a C compiler
and python3-nacl). With --golden: writes test/vectors/identity_golden.h, which the unit tests
open without Python.
"""
import hashlib
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
from glob import glob
from pathlib import Path

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

ROOT = Path(__file__).resolve().parent.parent.parent
P = 2**255 - 19


class Identity:
    def __init__(self, seed):
        self.seed = seed
        self.public, self.secret = sodium.crypto_sign_seed_keypair(seed)
        scalar = bytearray(hashlib.sha512(seed).digest()[:32])
        scalar[0] &= 248
        scalar[31] = scalar[31] & 127 | 64
        self.twin = bytes(scalar)


def twin_public(public):
    y = int.from_bytes(public, "little") & (2**255 - 1)
    return ((1 + y) * pow(1 - y, P - 2, P) % P).to_bytes(32, "little")


def direction(me, peer_public, sender, receiver):
    shared = sodium.crypto_scalarmult(me.twin, twin_public(peer_public))
    key = hashlib.blake2b(b"meshguard sealed datagram v1" + sender + receiver, key=shared,
                          digest_size=32).digest()
    tag = hashlib.blake2b(b"meshguard sealed datagram tag v1", key=key, digest_size=32).digest()
    return key, tag[:8]


def seal(me, peer_public, epoch, counter, yours, payload, nonce):
    key, tag = direction(me, peer_public, me.public, peer_public)
    head = b"\xe1" + tag
    inner = struct.pack(">QQQ", epoch, counter, yours) + payload
    return head + nonce + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(inner, head, nonce, key)


def unseal(me, peer_public, datagram):
    key, tag = direction(me, peer_public, peer_public, me.public)
    if datagram[:9] != b"\xe1" + tag:
        return None
    try:
        inner = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            datagram[33:], datagram[:9], datagram[9:33], key)
    except CryptoError:
        return None
    return struct.unpack(">QQQ", inner[:24]) + (inner[24:],)


CONTEXT = b"meshguard node record v1"


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def family(text):
    return 6 if ":" in text else 4


def record(me, sequence, name, host, port, net, net_len):
    body = me.public + struct.pack(">QHBB", sequence, 1, 1, 2) + address("10.99.0.0") + b"\x10"
    body += bytes(8) + bytes([len(name), 1, 0, 1]) + name.encode()
    body += struct.pack(">BH", family(host), port) + address(host)
    body += bytes([family(net), net_len]) + address(net)
    wire = b"\x01" + struct.pack(">H", len(body) + 3 + 64) + body
    return wire + sodium.crypto_sign(CONTEXT + wire, me.secret)[:64]


def verify(wire):
    """The fields of a record with one candidate and one route, or None."""
    try:
        sodium.crypto_sign_open(wire[-64:] + CONTEXT + wire[:-64], wire[3:35])
    except CryptoError:
        return None
    if wire[0] != 1 or struct.unpack(">H", wire[1:3])[0] != len(wire):
        return None
    at = 64 + wire[60]
    name = wire[64:at].decode()
    fam, port = struct.unpack(">BH", wire[at:at + 3])
    size = 4 if fam == 4 else 16
    host = socket.inet_ntop(socket.AF_INET if fam == 4 else socket.AF_INET6, wire[at + 3:at + 3 + size])
    at += 3 + size
    size = 4 if wire[at] == 4 else 16
    net = socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, wire[at + 2:at + 2 + size])
    if at + 2 + size + 64 != len(wire):
        return None
    return wire[3:35], struct.unpack(">Q", wire[35:43])[0], name, host, port, net, wire[at + 1]


# --- talking with the driver

class Driver:
    def __init__(self, folder):
        exe = os.path.join(folder, "sealed")
        sources = [f for room in ("identity", "crypto", "base") for f in glob(f"{ROOT}/core/{room}/*.c")]
        subprocess.run([os.environ.get("CC", "cc"), "-O1", "-std=gnu17", "-D_GNU_SOURCE",
                        "-iquote", f"{ROOT}/core", "-iquote", f"{ROOT}/test", "-o", exe,
                        f"{ROOT}/test/interop/sealed.c", *sources, "-lsodium", "-lcrypto"], check=True)
        self.process = subprocess.Popen([exe], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


def hexed(data):
    return data.hex() or "-"


def endpoint(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def pairs(rng, n):
    for _ in range(n):
        yield Identity(rng.randbytes(32)), Identity(rng.randbytes(32))


def we_open_theirs(d, rng):
    for a, b in pairs(rng, 50):
        payload = rng.randbytes(rng.choice([0, 1, 32, 400, 1155]))
        epoch, yours = rng.randrange(1, 2**64), rng.randrange(1, 2**64)
        got = unseal(b, a.public, bytes.fromhex(
            d.ask("seal", a.seed.hex(), b.public.hex(), epoch, yours, hexed(payload))))
        assert got == (epoch, 1, yours, payload), got


def they_open_ours(d, rng):
    for a, b in pairs(rng, 50):
        payload = rng.randbytes(rng.choice([0, 1, 32, 400, 1155]))
        epoch, counter, mine = (rng.randrange(1, 2**64) for _ in range(3))
        for yours in (mine, 0):
            datagram = seal(a, b.public, epoch, counter, yours, payload, rng.randbytes(24))
            got = d.ask("open", b.seed.hex(), a.public.hex(), mine, datagram.hex())
            assert got == f"authentic {epoch} {counter} {int(yours == mine)} {hexed(payload)}", got
        back = d.ask("open", a.seed.hex(), b.public.hex(), mine, datagram.hex())
        assert back.startswith("unknown"), back
        bad = bytearray(datagram)
        bad[-1] ^= 1
        got = d.ask("open", b.seed.hex(), a.public.hex(), mine, bad.hex())
        assert got.startswith("forged"), got


PLACES = [("192.0.2.7", 51821, "192.168.0.0", 22), ("2001:db8::1", 443, "2001:db8:7::", 48),
          ("198.51.100.1", 1, "0.0.0.0", 0), ("fe80::1", 65535, "::", 0)]


def records_pass_both_ways(d, rng):
    for host, port, net, net_len in PLACES:
        me = Identity(rng.randbytes(32))
        sequence, name = rng.randrange(1, 2**64), "node-" + str(rng.randrange(1000))
        wire = record(me, sequence, name, host, port, net, net_len)
        where, route = endpoint(host, port), f"{net}/{net_len}"
        ours = bytes.fromhex(d.ask("sign", me.seed.hex(), sequence, name, where, route))
        assert ours == wire, (ours.hex(), wire.hex())
        assert verify(ours) == (me.public, sequence, name, host, port, net, net_len)
        got = d.ask("read", wire.hex())
        assert got == f"{me.public.hex()} {sequence} {name} {where} {route}", got
        bad = bytearray(wire)
        bad[40] ^= 1
        assert d.ask("read", bad.hex()) == "refused"


def golden():
    rng = random.Random(1)
    print("/* Written by test/interop/sealed.py --golden, an independent implementation of docs/protocol.md. */")
    print("static const struct golden_datagram {\n\tconst char *from, *to; /* seeds */")
    print("\tuint64_t epoch, counter, yours;\n\tconst char *payload, *wire;\n} golden_datagrams[] = {")
    for (a, b), size in zip(pairs(rng, 4), (0, 1, 32, 64)):
        epoch, counter, yours = (rng.randrange(1, 2**64) for _ in range(3))
        payload = rng.randbytes(size)
        wire = seal(a, b.public, epoch, counter, yours, payload, rng.randbytes(24))
        print(f'\t{{\n{c_text(a.seed)},\n{c_text(b.seed)},')
        print(f"\t  {epoch:#x}, {counter:#x}, {yours:#x},\n{c_text(payload)},\n{c_text(wire)}\n\t}},")
    print("};\n")
    print("static const struct golden_record {\n\tconst char *seed;\n\tuint64_t sequence;")
    print("\tconst char *name, *candidate, *route, *wire;\n} golden_records[] = {")
    for host, port, net, net_len in PLACES:
        me, sequence = Identity(rng.randbytes(32)), rng.randrange(1, 2**64)
        wire = record(me, sequence, "golden", host, port, net, net_len)
        print(f"\t{{\n{c_text(me.seed)},\n\t  {sequence:#x},")
        print(f'\t  "golden", "{endpoint(host, port)}", "{net}/{net_len}",\n{c_text(wire)}\n\t}},')
    print("};")


def c_text(data):
    text = data.hex()
    lines = [text[i:i + 72] for i in range(0, len(text), 72)] or [""]
    return "\n".join(f'\t  "{line}"' for line in lines)


def main():
    if sys.argv[1:] == ["--golden"]:
        return golden()
    seed = int(os.environ.get("SEED", random.randrange(2**32)))
    print(f"TAP version 13\n# SEED={seed}\n1..3")
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        driver = Driver(folder)
        for n, test in enumerate((we_open_theirs, they_open_ours, records_pass_both_ways), 1):
            try:
                test(driver, random.Random(seed))
                print(f"ok {n} - {test.__name__}")
            except AssertionError as e:
                bad = 1
                print(f"not ok {n} - {test.__name__}\n#   {e}")
        driver.process.stdin.close()
        driver.process.wait()
    return bad


if __name__ == "__main__":
    sys.exit(main())
