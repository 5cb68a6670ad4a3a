#!/usr/bin/python3
"""connect: what is wrong with a token is said in one line and changes nothing; invitations are
listed and cancelled. Tokens are made here from docs/protocol.md alone."""
import base64
import os
import struct
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import *
from nacl.signing import SigningKey
from nacl.hash import blake2b
from nacl.encoding import RawEncoder

MAKER = SigningKey(bytes([1]) * 32)
ID, SECRET = b"\x01\x23\x45\x67\x89\xab\xcd\xef", b"sixteen bytes of"


def text_of(wire):
    return "mg://" + base64.urlsafe_b64encode(wire).decode().rstrip("=")


def body_of(key=MAKER, expires=None, version=2, flags=0, prefix=b"\x0a\x63\x00\x10", candidates=None):
    if candidates is None:
        candidates = [b"\x04" + bytes([2, 0, 0, 1]) + struct.pack(">H", 51821)]
    expires = int(time.time()) + 600 if expires is None else expires
    return (bytes([version, len(candidates) << 4, flags]) + key.verify_key.encode() + ID + SECRET
            + expires.to_bytes(5, "big") + prefix + b"".join(candidates))


def token(key=MAKER, **fields):
    body = body_of(key, **fields)
    return text_of(body + key.sign(b"meshguard token v2" + body).signature)


def reply(address, port, secret=SECRET):
    """The code as docs/protocol.md has it."""
    body = b"\x10" + struct.pack(">H", port) + bytes(address)
    mac = blake2b(b"meshguard token reply v2" + ID + body, digest_size=32, key=secret + bytes(16),
                  encoder=RawEncoder)[:5]
    bits = int.from_bytes(body + mac, "big") << 4
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[bits >> i & 31] for i in range(95, -1, -5))


def invitation(w, name=None, **fields):
    """As --generate leaves it."""
    os.makedirs(w.path("invitations"), mode=0o700, exist_ok=True)
    lines = "token %s\n" % token(SigningKey(w.seed), **fields)
    if name:
        lines += "name %s\n" % name
    with open(w.path("invitations", ID.hex()), "w", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(lines)


def with_identity():
    w = World()
    w.want(DONE, "keygen")
    w.seed = base64.b64decode(w.read("identity.key"))[:32]
    return w


def files(w):
    return sorted(os.path.join(d, f) for d, _, names in os.walk(w.config) for f in names)


def refused(w, code, text, says, stdin=None):
    before = files(w)
    if stdin is None:
        r = w.run("connect", "--join=" + text)
    else:
        r = w.run("connect", "--join", "-", stdin=stdin)
    eq(r.code, code, repr(text)[:100] + r.words)
    ok(says in r.words, r.words)
    eq(r.words.count("\n"), 1, "one line: " + r.words)
    eq(r.out, b"")
    eq(files(w), before, "nothing is written")


@test
def options_that_do_not_go_together():
    with World() as w:
        for args in ((), ("--in", "5"), ("--join", "mg://", "--in", "5"), ("--list", "--qr"),
                     ("--generate", "--join", "mg://"), ("--reply", "X", "--name", "x"),
                     ("--list", "--cancel", "0123456789abcdef"), ("--confirm",), ("--join",),
                     ("--generate", "--in", "0"), ("--generate", "--in", "1441"),
                     ("--generate", "--name", "../x"), ("--generate", "mg://x")):
            r = w.want(USAGE, "connect", *args)
            eq(r.words.count("\n"), 1, r.words)
        eq(files(w), [])


# Attack 14 of the list that the project began with.
@test
def what_is_no_token_is_refused():
    with with_identity() as w:
        for n in list(range(1, 40)) + [100, 229, 230, 231, 599, 600, 601, 1999, 2000]:
            refused(w, USAGE, ("mg://" + "A" * 2000)[:n], "not a token that can be used")
        good = token()
        for bad in (good + "=", good + "==", good[:-1], good + "A", good[5:], "MG" + good[2:],
                    good[:50] + " " + good[51:], good[:50] + "+" + good[51:], good[:50] + "/",
                    good[:50] + "\u00e4" + good[51:], good[:50] + "\U0001f511" + good[51:],
                    good + good, "http" + good[2:], "mg://" + good):
            refused(w, USAGE, bad, "not a token that can be used")
        refused(w, USAGE, "NUL", "not a token that can be used",
                stdin=good[:50].encode() + b"\0" + good[51:].encode())
        refused(w, USAGE, "long", "not a token", stdin=b"mg://" + b"A" * 100000)
        refused(w, USAGE, "empty", "not a token", stdin=b"")


@test
def each_bit_of_a_token_counts():
    with with_identity() as w:
        good = base64.urlsafe_b64decode(token()[5:] + "===")
        for at in range(0, len(good), 7):
            wire = bytearray(good)
            wire[at] ^= 1 << at % 8
            refused(w, USAGE, text_of(bytes(wire)), "not a token that can be used")
        refused(w, USAGE, token(version=3), "a version that this program does not know")
        refused(w, USAGE, token(flags=4), "a version that this program does not know")
        for bad in (dict(prefix=b"\x0a\x63\x00\x07"), dict(prefix=b"\x0a\x63\x01\x10"),
                    dict(candidates=[b"\x00" + bytes([2, 0, 0, 1, 0, 0])]),
                    dict(candidates=[b"\x40" + bytes([2, 0, 0, 1, 0, 1])]),
                    dict(candidates=[b"\x00" + bytes([224, 0, 0, 1, 0, 1])])):
            refused(w, USAGE, token(**bad), "a part of it is missing, or too much")


@test
def a_token_that_is_over():
    with with_identity() as w:
        for when in (0, 1, int(time.time()) - 1):
            refused(w, TIMED_OUT, token(expires=when), "the token has expired")


@test
def tokens_that_this_host_cannot_join_by():
    with World() as w:
        refused(w, FAILED, token(), "meshguard keygen")
    with with_identity() as w:
        refused(w, REFUSED, token(SigningKey(w.seed)), "this token was made here")
        w.want(DONE, "trust", base64.b64encode(MAKER.verify_key.encode()).decode(), "--name", "x")
        r = w.run("connect", "--join", token(), "--name", "x")
        eq(r.code, REFUSED, r.words)
        os.makedirs(w.path("denied_keys"), mode=0o700)
        os.rename(w.path("authorized_keys", "x.pub"), w.path("denied_keys", "x.pub"))
        refused(w, REFUSED, token(), "kept out here as x")


@test
def invitations_are_listed_and_cancelled():
    with with_identity() as w:
        w.want(DONE, "connect", "--list", says="no invitations")
        invitation(w, name="bob")
        r = w.want(DONE, "connect", "--list")
        ok(ID.hex() in r.text and "open" in r.text and "bob" in r.text, r.text)
        ok("mg://" not in r.text and SECRET.hex() not in r.text, "no secret: " + r.text)
        w.want(USAGE, "connect", "--cancel", "x", says="16 hex digits")
        w.want(FAILED, "connect", "--cancel", "0" * 16, says="there is no invitation")
        w.want(DONE, "connect", "--cancel", ID.hex().upper(), says="is cancelled")
        eq(w.names("invitations"), [])
        w.want(FAILED, "connect", "--cancel", ID.hex())
        invitation(w, expires=1)
        w.want(DONE, "connect", "--list", says="expired")


@test
def an_invitation_that_is_damaged_is_said_and_passed_over():
    with with_identity() as w:
        invitation(w)
        with open(w.path("invitations", "f" * 16), "w") as f:
            f.write("token mg://AAAA\n")
        os.chmod(w.path("invitations", "f" * 16), 0o600)
        r = w.want(DONE, "connect", "--list")
        ok(ID.hex() in r.text and "f" * 16 in r.words, r.text + r.words)
        os.chmod(w.path("invitations", ID.hex()), 0o644)
        r = w.want(DONE, "connect", "--list")
        ok(ID.hex() not in r.text and "chmod" in r.words, r.text + r.words)


@test
def a_reply_code_is_for_one_invitation():
    with with_identity() as w:
        w.want(USAGE, "connect", "--reply", "2", says="not a code")
        invitation(w)
        code = reply([2, 0, 0, 9], 4000)
        for bad in ("0", code[:-1], code + "0", code[:4] + ("1" if code[4] != "1" else "2") + code[5:],
                    reply([2, 0, 0, 9], 4000, b"another secret.."), "U" * 20, "\u00e4" * 20):
            w.want(USAGE, "connect", "--reply=" + bad, says="not a code")
        eq(w.names("invitations"), [ID.hex()])
        for good in (code, code.lower(), "-".join(code[i:i + 5] for i in range(0, 20, 5))):
            w.want(NOT_RUNNING, "connect", "--reply", good, says="no daemon runs")


main()
