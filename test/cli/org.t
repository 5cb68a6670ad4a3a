#!/usr/bin/python3
"""Organisations as files: making one, signing nodes, joining, vouching, revoking; nothing runs."""
import base64
import datetime
import hashlib
import json
import os
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import *

A, B, C = (b64(k) for k in KEYS)
ORG, NODE, OTHER = range(3)  # of RFC8032
DAY = 86400
L = 2**252 + 27742317777372353535851937790883648493
BASE = (15112221349535400772501151409588531511454012693041857206046113283949847762202,
        46316835694926478169428394003475163141307993866256225615783033603165251855960)


# --- RFC 8032, 5.1.6, so that a test can sign what the program would not

def times(n, point):
    sum_ = (0, 1)
    while n:
        if n & 1:
            sum_ = add(sum_, point)
        point = add(point, point)
        n >>= 1
    return sum_


def sign(who, message):
    h = hashlib.sha512(SECRETS[who][:32]).digest()
    scalar = int.from_bytes(h[:32], "little") & (2**254 - 8) | 2**254
    r = int.from_bytes(hashlib.sha512(h[32:] + message).digest(), "little") % L
    x, y = times(r, BASE)
    point = encode(y, x & 1)
    k = int.from_bytes(hashlib.sha512(point + KEYS[who] + message).digest(), "little") % L
    return point + ((r + k * scalar) % L).to_bytes(32, "little")


def certificate(node=NODE, begins=-DAY, ends=DAY, name=b"node", org=ORG, signer=None):
    """As docs/protocol.md has it; times from now."""
    now = int(time.time())
    body = (KEYS[org] + KEYS[node] + struct.pack(">QQHBB", now + begins, now + ends, 0, len(name), 0)
            + name)
    body = struct.pack(">BH", 1, 3 + len(body) + 64) + body
    return body + sign(org if signer is None else signer, b"meshguard certificate v1" + body)


def revocation(subject=NODE, number=1, reason=0, org=ORG, signer=None,
               context=b"meshguard revocation v1"):
    body = KEYS[org] + KEYS[subject] + struct.pack(">QQB", number, 1000, reason)
    body = struct.pack(">BBH", 1, 1, 4 + len(body) + 64) + body
    return body + sign(org if signer is None else signer, context + body)


def put_pair(w, n, name):
    w.write((b64(SECRETS[n]) + "\n").encode(), name + ".key", mode=0o600)
    w.write((b64(KEYS[n]) + "\n").encode(), name + ".pub")
    os.chmod(w.config, 0o700)


def node(w, n=NODE):
    put_pair(w, n, "identity")


def org(w, n=ORG):
    put_pair(w, n, "org/org")
    os.chmod(w.path("org"), 0o700)


def files(w):
    """Every file below the directory with its bytes."""
    found = {}
    for folder, _, names in os.walk(w.config):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, w.config)] = f.read()
    return found


def unchanged(w, before):
    eq(files(w), before, "no file changed")


def line(data):
    return b64(data).encode() + b"\n"


def fields(text):
    """Of a certificate in base64."""
    data = base64.b64decode(text.strip(), validate=True)
    begins, ends, flags, name, groups = struct.unpack(">QQHBB", data[67:87])
    return {"org": data[3:35], "node": data[35:67], "begins": begins, "ends": ends, "flags": flags,
            "name": data[87:87 + name].decode(), "groups": groups, "rest": data[87 + name:-64]}


# --- org-keygen and export --org

@test
def org_keygen_makes_a_pair():
    with World() as w:
        r = w.want(DONE, "org-keygen")
        secret = base64.b64decode(w.read("org", "org.key"))
        eq(len(secret), 64)
        eq(w.read("org", "org.pub"), (b64(secret[32:]) + "\n").encode())
        eq(os.stat(w.path("org", "org.key")).st_mode & 0o777, 0o600)
        eq(os.stat(w.path("org", "org.pub")).st_mode & 0o777, 0o644)
        eq(os.stat(w.path("org")).st_mode & 0o777, 0o700)
        ok(b64(secret[32:]) in r.text and b64(secret) not in r.text, r.text)
        eq(w.names(), ["org"])
        eq(w.want(DONE, "export", "--org").text, b64(secret[32:]) + "\n")
        w.want(FAILED, "export", says="meshguard keygen")


@test
def org_keygen_never_replaces_without_force():
    for name in ("org.key", "org.pub"):
        with World() as w:
            w.write(b"mine\n", "org", name, mode=0o600)
            os.chmod(w.config, 0o700)
            os.chmod(w.path("org"), 0o700)
            w.want(REFUSED, "org-keygen", says="--force")
            eq(w.read("org", name), b"mine\n")
            eq(w.names("org"), [name])
    with World() as w:
        w.want(DONE, "org-keygen")
        before = files(w)
        w.want(REFUSED, "org-keygen", says="an org is already")
        unchanged(w, before)
        w.want(DONE, "org-keygen", "--force")
        ok(all(files(w)[n] != before[n] for n in before), "both are new")


@test
def export_org_checks_the_pair():
    with World() as w:
        w.want(FAILED, "export", "--org", says="org-keygen")
        org(w)
        eq(w.want(DONE, "export", "--org").text, A + "\n")
        os.chmod(w.path("org", "org.key"), 0o640)
        w.want(FAILED, "export", "--org", says="chmod 600")
        os.chmod(w.path("org", "org.key"), 0o600)
        w.write((B + "\n").encode(), "org", "org.pub")
        w.want(FAILED, "export", "--org", says="org/org.pub")


# --- org-sign

@test
def a_certificate_says_what_was_asked():
    with World() as w:
        org(w)
        now = time.time()
        r = w.want(DONE, "org-sign", B, "--name", "bob", "--expires", "90d", "--group", "web",
                   "--group=db")
        eq(r.text.count("\n"), 1)
        c = fields(r.text)
        eq((c["org"], c["node"], c["name"], c["flags"]), (KEYS[ORG], KEYS[NODE], "bob", 0))
        eq((c["groups"], c["rest"]), (2, b"\2db\3web"))
        ok(abs(c["ends"] - (now + 90 * DAY)) < 60, "ends in 90 days")
        ok(abs(c["begins"] - (now - 300)) < 60, "began five minutes ago")
        c = fields(w.want(DONE, "org-sign", B).text)
        eq(c["name"], "peer-1027e035")
        ok(abs(c["ends"] - (now + 365 * DAY)) < 60, "a year by default")


@test
def the_end_is_given_in_four_ways():
    def at(*date):
        return int(datetime.datetime(*date, tzinfo=datetime.timezone.utc).timestamp())
    now = time.time()
    rows = {"12h": now + 12 * 3600, "30m": now + 1800, "1d": now + DAY, "36500d": now + 36500 * DAY,
            "2099-01-31": at(2099, 1, 31), "2096-02-29": at(2096, 2, 29),
            "9999-12-31": at(9999, 12, 31), "4102444800": 4102444800}
    with World() as w:
        org(w)
        for text, end in rows.items():
            c = fields(w.want(DONE, "org-sign", B, "--expires", text).text)
            ok(abs(c["ends"] - end) < (60 if end not in (rows["2099-01-31"], 4102444800) else 1),
               text)
        before = files(w)
        for text in ("", "d", "x", "1.5d", "-1d", "90 d", "90w", "1d1h", "+90d", "0x10", "090d",
                     "2099-13-01", "2099-00-10", "2099-02-30", "2097-02-29", "2099-1-31",
                     "99-01-31", "2099/01/31", "2099-01-31T00:00", "99999999999999999999",
                     "9999999999999d", "253402300800", "10000-01-01"):
            w.want(USAGE, "org-sign", B, "--expires=" + text, says="--expires")
        for text in ("0d", "0", "90", "2020-01-31", "1577836800"):
            w.want(USAGE, "org-sign", B, "--expires", text, says="is over")
        unchanged(w, before)


@test
def the_file_for_a_certificate_is_a_new_one():
    with World() as w:
        org(w)
        path = os.path.join(w.dir, "bob.cert")
        r = w.want(DONE, "org-sign", B, "--name", "bob", "--out", path, says="org-join " + path)
        with open(path) as f:
            text = f.read()
        eq(fields(text)["name"], "bob")
        ok(text.strip() not in r.text, "not on the screen, too")
        w.want(REFUSED, "org-sign", B, "--name", "eve", "--out", path, says="already there")
        with open(path) as f:
            eq(f.read(), text, "what is there keeps its bytes")
        w.want(FAILED, "org-sign", B, "--out", os.path.join(w.dir, "missing", "x"), says="cannot write")
        w.want(REFUSED, "org-sign", B, "--out", w.dir, says="already there")
        w.want(FAILED, "org-sign", B, "--out", w.dir + "/", says="cannot write")
        w.want(DONE, "org-sign", B, "--out", "c.cert", cwd=w.dir)
        os.symlink("/nowhere", os.path.join(w.dir, "link"))
        w.want(REFUSED, "org-sign", B, "--out", os.path.join(w.dir, "link"))
        eq(sorted(os.listdir(w.dir)), ["bob.cert", "c.cert", "config", "home", "link"])
        eq(fields(w.want(DONE, "org-sign", B, "--out", "-").text)["node"], KEYS[NODE])
        with open("/dev/full", "wb") as full:
            eq(w.run("org-sign", B, stdout=full).code, FAILED)


@test
def org_sign_refuses_what_cannot_be():
    with World() as w:
        w.want(FAILED, "org-sign", B, says="meshguard org-keygen")
        eq(w.names(), [])
        org(w)
        before = files(w)
        w.want(REFUSED, "org-sign", A, says="own key")
        w.want(REFUSED, "org-sign", b64(negative(KEYS[ORG])), says="own key")
        w.want(USAGE, "org-sign", b64(encode(1)), says="not a valid Ed25519 key")
        w.want(USAGE, "org-sign", "nonsense", says="nonsense")
        w.want(USAGE, "org-sign", B, "--name", "../x", says="--name")
        w.want(USAGE, "org-sign", B, "--name=" + "n" * 64, says="--name")
        w.want(USAGE, "org-sign", B, "--group", "a b", says="--group")
        w.want(USAGE, "org-sign", B, "--group", "a", "--group", "a", says="twice")
        w.want(USAGE, "org-sign", B, *["--group=g%d" % i for i in range(9)], says="at most 8")
        w.want(USAGE, "org-sign", B, *["--group=%d" % i + "g" * 61 for i in range(8)], says="too long")
        w.want(USAGE, "org-sign", says="usage")
        unchanged(w, before)
        os.chmod(w.path("org", "org.key"), 0o644)
        w.want(FAILED, "org-sign", B, says="chmod 600")
        w.write(b64(SECRETS[ORG][:32] + KEYS[NODE]).encode(), "org", "org.key", mode=0o600)
        w.want(FAILED, "org-sign", B, says="org/org.key")


@test
def signing_needs_no_identity_and_joining_no_org_key():
    with World() as signer, World() as w:
        signer.want(DONE, "org-keygen")
        w.want(DONE, "keygen")
        key = w.want(DONE, "export").text.strip()
        text = signer.want(DONE, "org-sign", key, "--name", "bob").out
        public = signer.want(DONE, "export", "--org").text.strip()
        r = w.want(DONE, "org-join", "-", stdin=text, says="as bob, until 20")
        ok("(365 days)" in r.text, r.text)
        ok("trust --org " + public in r.words, "says how to trust the org")
        eq(signer.names(), ["org"])
        name = base64.b64decode(public).hex() + ".cert"
        eq(w.read("org", name), text)
        eq(os.stat(w.path("org", name)).st_mode & 0o777, 0o644)


# --- org-join

@test
def what_the_tests_sign_is_what_the_program_signs():
    with World() as w:
        node(w)
        org(w)
        mine = certificate(name=b"bob")
        w.want(DONE, "org-join", "-", stdin=line(mine), says="as bob")
        theirs = base64.b64decode(w.want(DONE, "org-sign", B, "--name", "bob").text)
        eq(theirs[:67], mine[:67])
        eq(theirs[83:-64], mine[83:-64])


@test
def a_certificate_of_somebody_else_is_refused():
    with World() as w:
        node(w)
        w.want(DONE, "trust", "--org", A)
        before = files(w)
        w.want(REFUSED, "org-join", "-", stdin=line(certificate(node=OTHER)), says="another node")
        w.want(REFUSED, "org-join", "-", stdin=line(certificate(signer=OTHER)), says="signature")
        w.want(REFUSED, "org-join", "-", stdin=line(certificate(signer=NODE)), says="signature")
        good = certificate()
        for at in (3, 40, 70, 80, 88, len(good) - 64, len(good) - 1):
            bad = bytearray(good)
            bad[at] ^= 1
            r = w.run("org-join", "-", stdin=line(bytes(bad)))
            ok(r.code in (REFUSED, USAGE), "byte %d" % at)
        w.want(REFUSED, "org-join", "-", stdin=line(good[:-64] + bytes(64)), says="signature")
        unchanged(w, before)
        w.want(DONE, "org-join", "-", stdin=line(good))


@test
def a_certificate_is_for_now():
    with World() as w:
        node(w)
        before = files(w)
        w.want(TIMED_OUT, "org-join", "-", stdin=line(certificate(ends=-3 * DAY, begins=-9 * DAY)),
               says="expired 3 days ago")
        w.want(TIMED_OUT, "org-join", "-", stdin=line(certificate(ends=-1)), says="expired")
        w.want(FAILED, "org-join", "-", stdin=line(certificate(begins=7200 + 30)),
               says="begins in 2 hours")
        unchanged(w, before)
        w.want(DONE, "org-join", "-", stdin=line(certificate(ends=3 * DAY + 30)), says="(3 days)")
        w.want(DONE, "org-join", "-", stdin=line(certificate(ends=115)), says="seconds)")


@test
def what_is_no_certificate_is_named():
    with World() as w:
        path = os.path.join(w.dir, "x.cert")
        w.want(FAILED, "org-join", path, says="No such file")
        good = line(certificate())
        w.want(FAILED, "org-join", "-", stdin=good, says="meshguard keygen")
        node(w)
        before = files(w)
        for text in (b"", b"\n", b"nonsense", A.encode(), good[:-5], b" " + good, good + good,
                     good[:40] + b"\n" + good[40:], line(certificate()[:-1]), line(bytes(200)),
                     line(certificate() + b"x"), b"A" * 5000, good + b"\0"):
            w.want(USAGE, "org-join", "-", stdin=text)
        w.want(USAGE, "org-join", "/dev/zero", says="not a certificate")
        w.want(FAILED, "org-join", w.dir, says="directory")
        w.want(USAGE, "org-join", says="usage")
        unchanged(w, before)
        with open(path, "wb") as f:
            f.write(good.rstrip() + b"\r\n")
        w.want(DONE, "org-join", path)


@test
def a_newer_certificate_takes_the_place_of_the_older():
    with World() as w:
        node(w)
        w.want(DONE, "trust", "--org", A, "--name", "acme")
        w.want(DONE, "org-join", "-", stdin=line(certificate(name=b"one")), says="joined acme as one")
        w.want(DONE, "org-join", "-", stdin=line(certificate(name=b"two")), says="joined acme as two")
        w.want(DONE, "org-join", "-", stdin=line(certificate(org=OTHER)))
        eq(w.names("org"), sorted(k.hex() + ".cert" for k in (KEYS[ORG], KEYS[OTHER])))
        eq(fields(w.read("org", KEYS[ORG].hex() + ".cert"))["name"], "two")


@test
def an_identity_of_another_key_is_not_joined_by_mistake():
    with World() as w:
        node(w, OTHER)
        w.want(REFUSED, "org-join", "-", stdin=line(certificate()), says="meshguard export")
        w.write(b"spoilt", "identity.key", mode=0o600)
        w.want(FAILED, "org-join", "-", stdin=line(certificate()), says="identity.key")
        eq(w.names("org"), [])


# --- trust and revoke with --org

def orgs(w):
    return {n: w.read("trusted_orgs", n) for n in w.names("trusted_orgs")}


@test
def an_org_is_trusted_in_either_order_of_words():
    for words in (("trust", "--org", A), ("trust", A, "--org"), ("--org", "trust", A)):
        with World() as w:
            w.want(DONE, *words, "--name", "acme", says="acme")
            eq(orgs(w), {"acme.pub": (A + "\n").encode()})
            eq(w.names("authorized_keys"), [])
            w.want(DONE, *words, "--name", "acme", says="already")
    with World() as w:
        w.want(DONE, "trust", "--org", A)
        eq(list(orgs(w)), ["6c3104.pub"], "six digits of the hash of its key")


@test
def collisions_of_orgs_are_told_apart():
    with World() as w:
        w.want(DONE, "trust", "--org", A, "--name", "acme")
        w.want(DONE, "trust", B, "--name", "bob")
        before = files(w)
        w.want(REFUSED, "trust", "--org", A, "--name", "other", says="under the name acme")
        w.want(REFUSED, "trust", "--org", C, "--name", "acme", says="revoke --org acme")
        w.want(REFUSED, "trust", "--org", b64(negative(KEYS[0])), "--name", "twin", says="acme")
        w.want(REFUSED, "trust", "--org", B, says="the key of the peer bob")
        w.want(REFUSED, "trust", "--org", b64(negative(KEYS[1])), says="peer bob")
        w.want(REFUSED, "trust", A, says="the key of the org acme")
        w.want(REFUSED, "trust", b64(negative(KEYS[0])), says="org acme")
        w.want(USAGE, "trust", "--org", b64(encode(1)), says="not a valid Ed25519 key")
        w.want(USAGE, "trust", "--org", C, "--name", "a/b", says="--name")
        unchanged(w, before)
        # A peer and an org may have one name.
        w.want(DONE, "trust", "--org", C, "--name", "bob")
        node(w, 0)
        w.want(DONE, "revoke", "--org", "acme")
        w.want(REFUSED, "trust", "--org", A, says="own key")


@test
def revoke_org_takes_a_name_or_a_key():
    with World() as w:
        w.want(FAILED, "revoke", "--org", "acme", says="no org is trusted by the name acme")
        for name, key in (("acme", A), ("copy", A), ("bob", B), ("carol", C)):
            w.write((key + "\n").encode(), "trusted_orgs", name + ".pub")
        w.write((A + "\n").encode(), "authorized_keys", "acme.pub")
        os.chmod(w.config, 0o700)
        w.want(FAILED, "revoke", "--org", "caroll", says="did you mean carol?")
        w.want(DONE, "revoke", "--org", "acme", says="copy")
        eq(list(orgs(w)), ["bob.pub", "carol.pub"])
        w.want(DONE, "revoke", B, "--org", says="bob")
        w.want(FAILED, "revoke", "--org", B, says="no org of this key")
        w.want(USAGE, "revoke", "--org", "--deny", "carol", says="--deny")
        eq(list(orgs(w)), ["carol.pub"])
        eq(w.names("authorized_keys"), ["acme.pub"], "peers are others")
        eq(w.names("denied_keys"), [])


# --- denials

def denied(w):
    return {n: w.read("denied_keys", n) for n in w.names("denied_keys")}


@test
def where_no_org_is_trusted_revoke_leaves_nothing():
    with World() as w:
        w.want(DONE, "trust", B, "--name", "bob")
        w.want(DONE, "revoke", "bob")
        eq(w.names(), ["authorized_keys"])


@test
def a_revoked_key_that_an_org_might_let_in_is_denied():
    with World() as w:
        w.want(DONE, "trust", "--org", A, "--name", "acme")
        w.want(DONE, "trust", B, "--name", "bob")
        w.want(DONE, "revoke", "bob", says="denied bob")
        eq(denied(w), {"bob.pub": (B + "\n").encode()})
        eq(w.names("authorized_keys"), [])
        # One that was never trusted by itself.
        w.want(DONE, "revoke", C, says="denied")
        eq(sorted(denied(w).values()), sorted((k + "\n").encode() for k in (B, C)))
        w.want(DONE, "revoke", C, says="denied")
        eq(len(denied(w)), 2)
        w.want(DONE, "trust", B, "--name", "robert", says="not denied any more")
        w.want(DONE, "trust", C, "--name", "carol", says="not denied any more")
        eq(denied(w), {})
        eq(w.names("authorized_keys"), ["carol.pub", "robert.pub"])


@test
def deny_asks_for_it_where_no_org_is_trusted():
    with World() as w:
        w.want(FAILED, "revoke", B, says="not trusted")
        w.want(DONE, "revoke", "--deny", B, says="denied")
        eq(list(denied(w).values()), [(B + "\n").encode()])


@test
def two_denied_keys_of_one_name_do_not_meet():
    with World() as w:
        for key in (B, C):
            w.want(DONE, "trust", key, "--name", "bob")
            w.want(DONE, "revoke", "--deny", "bob")
        eq(denied(w), {"bob.pub": (B + "\n").encode(),
                       KEYS[OTHER].hex()[:32] + ".pub": (C + "\n").encode()})
        w.want(DONE, "trust", C)
        eq(list(denied(w)), ["bob.pub"])


@test
def a_denial_that_cannot_be_written_leaves_the_trust_as_it_is():
    with World() as w:
        w.want(DONE, "trust", "--org", A, "--name", "acme")
        w.want(DONE, "trust", B, "--name", "bob")
        w.write(b"", "denied_keys")
        before = files(w)
        w.want(FAILED, "revoke", "bob", says="denied_keys")
        unchanged(w, before)


# --- org-vouch and org-revoke

def statement(data):
    kind, number, issued = data[1], *struct.unpack(">QQ", data[68:84])
    return {"kind": kind, "issuer": data[4:36], "subject": data[36:68], "number": number,
            "issued": issued, "body": data[84:-64]}


def statement_name(kind, subject=NODE, issuer=ORG):
    return "%s-%s-%s" % (kind, KEYS[issuer].hex(), KEYS[subject].hex())


@test
def org_revoke_keeps_a_statement():
    with World() as w:
        org(w)
        now = int(time.time())
        w.want(DONE, "org-revoke", B, says="revoked " + B + " (unspecified)")
        name = statement_name("revocation")
        eq(w.names("statements"), [name])
        s = statement(base64.b64decode(w.read("statements", name).strip(), validate=True))
        eq((s["kind"], s["issuer"], s["subject"], s["body"]), (1, KEYS[ORG], KEYS[NODE], b"\0"))
        ok(abs(s["issued"] - now) < 60 and abs(s["number"] - now) < 60, s)
        eq(os.stat(w.path("statements", name)).st_mode & 0o777, 0o644)
        eq(os.stat(w.path("statements")).st_mode & 0o777, 0o700)
        for reason, body in (("key-compromised", b"\1"), ("admin-removed", b"\2")):
            w.want(DONE, "org-revoke", "--reason", reason, B, says=reason)
            t = statement(base64.b64decode(w.read("statements", name)))
            eq(t["body"], body)
            ok(t["number"] > s["number"], "numbers rise")
            s = t


@test
def the_number_goes_on_from_the_highest_of_any_kind():
    with World() as w:
        org(w)
        w.write(line(revocation(number=2**63)), "statements", statement_name("revocation"))
        os.chmod(w.path("statements"), 0o700)
        w.want(DONE, "org-revoke", B)
        s = statement(base64.b64decode(w.read("statements", statement_name("revocation"))))
        eq(s["number"], 2**63 + 1)
        w.want(DONE, "org-vouch", C)
        before = statement(base64.b64decode(w.read("statements", statement_name("vouch", OTHER))))
        w.want(DONE, "org-revoke", C)
        after = statement(base64.b64decode(w.read("statements", statement_name("revocation", OTHER))))
        ok(after["number"] > before["number"], "of one subject")
        w.write(line(revocation(number=2**64 - 1)), "statements", statement_name("revocation"))
        w.want(REFUSED, "org-revoke", B, says="highest")


@test
def a_spoilt_statement_is_not_replaced():
    for data in (b"notes\n", line(revocation(subject=OTHER)), line(revocation(signer=OTHER)),
                 line(revocation(context=b"meshguard vouch v1")), line(revocation()[:-1])):
        with World() as w:
            org(w)
            w.write(data, "statements", statement_name("revocation"))
            os.chmod(w.path("statements"), 0o700)
            before = files(w)
            w.want(FAILED, "org-revoke", B, says=statement_name("revocation"))
            w.want(FAILED, "org-vouch", B, says=statement_name("revocation"))
            w.want(FAILED, "org-sign", B, says=statement_name("revocation"))
            unchanged(w, before)


@test
def what_is_revoked_stays_revoked():
    with World() as w:
        org(w)
        w.want(DONE, "org-vouch", B, says="vouched for " + B)
        w.want(DONE, "org-revoke", B, "--reason=key-compromised")
        before = files(w)
        w.want(REFUSED, "org-vouch", B, says="key-compromised")
        w.want(REFUSED, "org-sign", B, says="keygen --force")
        unchanged(w, before)
        node(w)
        w.want(REFUSED, "org-join", "-", stdin=line(certificate()), says="has revoked")


@test
def org_words_of_the_wrong_kind_are_refused():
    with World() as w:
        for command in ("org-vouch", "org-revoke"):
            w.want(FAILED, command, B, says="org-keygen")
        org(w)
        before = files(w)
        for command in ("org-vouch", "org-revoke"):
            w.want(REFUSED, command, A, says="own key")
            w.want(USAGE, command, b64(encode(1)), says="not a valid Ed25519 key")
            w.want(USAGE, command, says="usage")
        w.want(USAGE, "org-revoke", B, "--reason", "boredom", says="key-compromised")
        unchanged(w, before)


@test
def a_trusted_key_is_not_the_orgs_to_revoke():
    with World() as w:
        org(w)
        w.want(DONE, "trust", B, "--name", "bob")
        r = w.want(DONE, "org-revoke", B)
        ok("meshguard revoke bob" in r.words, r.words)
        eq(w.names("authorized_keys"), ["bob.pub"])


@test
def statements_are_carried_to_other_machines():
    with World() as signer, World() as w:
        org(signer)
        node(w, OTHER)
        paths = [os.path.join(signer.dir, n) for n in ("vouch", "one", "two")]
        signer.want(DONE, "org-vouch", B, "--out", paths[0])
        signer.want(REFUSED, "org-vouch", B, "--out", paths[0], says="already there")
        signer.want(DONE, "org-revoke", B, "--out", paths[1])
        signer.want(DONE, "org-revoke", B, "--reason", "admin-removed", "--out", paths[2])
        r = w.want(DONE, "org-join", paths[0], says="took the vouch by 6c3104")
        ok("trust --org" in r.words, r.words)
        w.want(DONE, "trust", "--org", A, "--name", "acme")
        w.want(DONE, "org-join", paths[2], says="took the revocation by acme")
        w.want(DONE, "org-join", paths[1], says="known already")
        eq({n: w.read("statements", n) for n in w.names("statements")},
           {n: signer.read("statements", n) for n in signer.names("statements")})
        before = files(w)
        w.want(REFUSED, "org-join", "-", stdin=line(revocation(signer=OTHER)), says="signature")
        w.want(REFUSED, "org-join", "-", stdin=line(revocation(context=b"meshguard vouch v1")))
        w.want(USAGE, "org-join", "-", stdin=line(revocation(reason=3)))
        unchanged(w, before)
        eq(signer.want(DONE, "org-vouch", C, "--out", "-").text.count("\n"), 1)


NO_ROOM = ["sh", "-c", 'trap "" XFSZ; ulimit -f 0; exec "$@"', "sh"]


@test
def what_cannot_be_written_loses_nothing():
    with World() as w:
        node(w)
        org(w)
        w.want(DONE, "trust", "--org", C, "--name", "other")
        w.want(DONE, "org-join", "-", stdin=line(certificate()))
        w.want(DONE, "org-revoke", C)
        w.want(DONE, "org-vouch", B)
        before = files(w)
        for args in (["org-keygen", "--force"], ["org-revoke", C], ["org-vouch", B],
                     ["org-join", "-"], ["trust", "--org", A], ["revoke", C],
                     ["org-sign", B, "--out", os.path.join(w.dir, "x")],
                     ["org-vouch", B, "--out", os.path.join(w.dir, "x")]):
            r = subprocess.run(NO_ROOM + [PROGRAM] + args, env=w.env, capture_output=True,
                               input=line(certificate(name=b"new")), timeout=60)
            eq(r.returncode, FAILED, args)
            ok(b"File too large" in r.stderr, r.stderr)
            unchanged(w, before)
        eq(sorted(os.listdir(w.dir)), ["config", "home"])


@test
def of_many_org_keygens_one_wins():
    with World() as w:
        runs = [subprocess.Popen([PROGRAM, "org-keygen"], env=w.env, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL) for _ in range(8)]
        codes = sorted(r.wait(timeout=60) for r in runs)
        eq(codes, [DONE] + [REFUSED] * 7)
        w.want(DONE, "export", "--org")


# --- org-alias: what orgs are called

def alias(name, of=ORG, number=1, signer=None, subject=None):
    body = (KEYS[of] + KEYS[of if subject is None else subject] + struct.pack(">QQ", number, 1000)
            + bytes([len(name)]) + name)
    body = struct.pack(">BBH", 1, 3, 4 + len(body) + 64) + body
    return body + sign(of if signer is None else signer, b"meshguard alias v1" + body)


def say_alias(w, name, of=ORG):
    w.write(line(alias(name, of)), "statements", statement_name("alias", of, of))
    os.chmod(w.path("statements"), 0o700)


@test
def org_alias_keeps_a_statement():
    with World() as w:
        w.want(FAILED, "org-alias", "acme", says="org-keygen")
        org(w)
        before = files(w)
        for name in ("a.b", "", "abcdef", "mesh", "a b", "x" * 64, "../x", "1027e0"):
            w.want(USAGE, "org-alias", name, says="6c3104")
        unchanged(w, before)
        w.want(DONE, "org-alias", "acme", says="called acme")
        w.want(DONE, "config", "show", says="6c3104; it calls itself acme")
        name = statement_name("alias", ORG)
        eq(w.names("statements"), [name])
        s = statement(base64.b64decode(w.read("statements", name)))
        eq((s["kind"], s["issuer"], s["subject"], s["body"]), (3, KEYS[ORG], KEYS[ORG], b"\4acme"))
        w.want(DONE, "org-alias", "beta")
        t = statement(base64.b64decode(w.read("statements", name)))
        ok(t["body"] == b"\4beta" and t["number"] > s["number"], t)
        w.want(DONE, "org-alias", "6c3104", says="called 6c3104")


@test
def an_alias_is_carried_and_names_the_org():
    with World() as signer, World() as w:
        org(signer)
        node(w, OTHER)
        path = os.path.join(signer.dir, "alias")
        signer.want(DONE, "org-alias", "acme", "--out", path)
        w.want(DONE, "trust", "--org", A, says="6c3104")
        w.want(DONE, "org-join", path, says="took the alias by acme")
        eq(w.names("trusted_orgs"), ["6c3104.pub"])
        w.want(DONE, "config", "show", says="called acme")
        shown = json.loads(w.want(DONE, "config", "show", "--json").text)
        eq(shown["orgs"], [{"name": "6c3104", "key": A, "called": "acme"}])
        w.want(DONE, "service", "allow", "--org", "acme", "tcp", "80", says="org acme")
        w.want(DONE, "service", "deny", "--org", "6c3104", "all")
        eq(w.read("services", "org", "6c3104.policy"), b"allow tcp 80\ndeny all\n")
        w.want(DONE, "service", "list", says="called acme")
        w.want(DONE, "service", "list", "--org", "acme", says="allow tcp 80")
        w.want(DONE, "service", "who", "tcp", "80", says="members of acme")
        w.want(DONE, "trust", "--org", A, says="6c3104 is trusted already")
        w.want(DONE, "revoke", "--org", "acme", says="revoked 6c3104")
        eq(w.names("trusted_orgs"), [])
        w.want(FAILED, "revoke", "--org", "acme")


@test
def trust_takes_an_alias_that_is_known():
    with World() as w:
        node(w, OTHER)
        say_alias(w, b"acme")
        w.want(DONE, "trust", "--org", A, says="the org acme")
        eq(w.names("trusted_orgs"), ["acme.pub"])
        w.want(DONE, "trust", "--org", A, says="acme is trusted already")
        say_alias(w, b"other")  # the name that it has here stays
        w.want(DONE, "trust", "--org", A, says="acme is trusted already")
    with World() as w:
        node(w, OTHER)
        say_alias(w, b"acme")
        w.want(DONE, "trust", "--org", A, "--name", "mine", says="the org mine")
        ok("called" not in w.want(DONE, "config", "show").text, "a name here counts")
    for text in (line(alias(b"acme", signer=NODE)), line(alias(b"acme"))[:-6] + b"AAAA\n",
                 line(alias(b"a.b")), line(alias(b"mesh")), line(alias(b"acme", subject=NODE)),
                 line(alias(b"1027e0"))):
        with World() as w:
            node(w, OTHER)
            w.write(text, "statements", statement_name("alias", ORG, ORG))
            os.chmod(w.path("statements"), 0o700)
            w.want(DONE, "trust", "--org", A, says="the org 6c3104")


@test
def two_orgs_of_one_name_are_called_by_their_digits():
    with World() as w:
        node(w, OTHER)
        w.want(DONE, "trust", "--org", A)
        w.want(DONE, "trust", "--org", B)
        say_alias(w, b"acme", ORG)
        say_alias(w, b"Acme", NODE)
        ok("called" not in w.want(DONE, "config", "show").text, "neither")
        w.want(FAILED, "revoke", "--org", "acme")
        w.want(FAILED, "service", "allow", "--org", "acme", "tcp", "80")
        w.want(DONE, "revoke", "--org", B)
        w.want(DONE, "config", "show", says="called acme")
        w.want(DONE, "trust", "--org", B, "--name", "ACME")
        ok("called" not in w.want(DONE, "config", "show").text, "a name here comes first")


# --- a file of another kind than was asked for

def successor():
    body = KEYS[NODE] + KEYS[OTHER] + struct.pack(">QQQ", 1, 1000, 2**32)
    body = struct.pack(">BBH", 1, 4, 4 + len(body) + 128) + body
    context = b"meshguard successor v1"
    return body + sign(NODE, context + body) + sign(OTHER, context + body)


@test
def what_is_no_key_is_told_by_its_kind():
    secret = (b64(SECRETS[NODE]) + "\n").encode()
    rows = [(line(certificate(name=b"bob")), "a certificate, for bob", "org-join"),
            (line(revocation()), "a statement of an org (revocation)", "org-join"),
            (line(alias(b"acme")), "a statement of an org (alias)", "org-join"),
            (line(successor()), "the announcement of a new key", "trust --successor NAME"),
            (secret, "a secret key", "export"),
            (b"mg://abcdef\n", "a token", "connect --join")]
    with World() as w:
        org(w)
        before = files(w)
        path = os.path.join(w.dir, "file")
        for data, kind, command in rows:
            with open(path, "wb") as f:
                f.write(data)
            for words in (("trust",), ("trust", "--org"), ("org-sign",), ("org-vouch",),
                          ("org-revoke",)):
                r = w.want(USAGE, *words, path, says=kind)
                ok("meshguard " + command in r.words, r.words)
            r = w.want(USAGE, "trust", "-", stdin=data, says="standard input: " + kind)
            w.want(USAGE, "trust", data.decode().strip(), says=kind)
        ok(secret.decode().strip() not in r.words, "no secret is shown")
        unchanged(w, before)


@test
def an_orgs_key_is_not_trusted_as_a_peers():
    with World() as w:
        org(w)
        w.want(REFUSED, "trust", A, says="trust --org " + A)
        w.want(DONE, "trust", "--org", A)
    for put in (lambda w: w.write(line(certificate()), "org", KEYS[ORG].hex() + ".cert"),
                lambda w: w.write(line(revocation()), "statements", statement_name("revocation"))):
        with World() as w:
            node(w)
            put(w)
            for folder in ("org", "statements"):
                os.makedirs(w.path(folder), mode=0o700, exist_ok=True)
                os.chmod(w.path(folder), 0o700)
            w.want(REFUSED, "trust", A, says="trust --org")
            w.want(DONE, "trust", C)
    with World() as w:
        os.makedirs(os.path.join(w.dir, "other", "org"))
        path = os.path.join(w.dir, "other", "org", "org.pub")
        with open(path, "w") as f:
            f.write(A + "\n")
        w.want(REFUSED, "trust", path, says="trust --org " + path)
        w.want(DONE, "trust", "--org", path)


main()
