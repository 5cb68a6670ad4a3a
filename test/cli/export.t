#!/usr/bin/python3
"""export: the public key, or the reason why there is none."""
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import *


def identity(w, n=0, secret=None, public=None):
    w.write((b64(SECRETS[n]) + "\n").encode() if secret is None else secret, "identity.key",
            mode=0o600)
    w.write((b64(KEYS[n]) + "\n").encode() if public is None else public, "identity.pub")
    os.chmod(w.config, 0o700)


@test
def it_prints_one_line():
    for n in range(3):
        with World() as w:
            identity(w, n)
            r = w.want(DONE, "export")
            eq(r.text, b64(KEYS[n]) + "\n")
            eq(r.words, "")


@test
def white_space_at_the_end_is_forgiven():
    for end in (b"", b"\n", b"\r\n", b" \n", b"\t\n\n"):
        with World() as w:
            identity(w, 0, b64(SECRETS[0]).encode() + end, b64(KEYS[0]).encode() + end)
            eq(w.want(DONE, "export").text, b64(KEYS[0]) + "\n", repr(end))


@test
def without_an_identity_it_says_how_to_make_one():
    with World() as w:
        w.want(FAILED, "export", says="meshguard keygen")
        os.mkdir(w.config, 0o700)
        w.want(FAILED, "export", says="meshguard keygen")


@test
def what_does_not_belong_together_is_named():
    with World() as w:
        identity(w, 0, public=(b64(KEYS[1]) + "\n").encode())
        w.want(FAILED, "export", says="identity.pub")
    with World() as w:  # the public half of the secret file is another's
        identity(w, 0, secret=b64(SECRETS[0][:32] + KEYS[1]).encode())
        w.want(FAILED, "export", says="identity.key")
    with World() as w:
        w.write((b64(KEYS[0]) + "\n").encode(), "identity.pub")
        os.chmod(w.config, 0o700)
        w.want(FAILED, "export", says="identity.key")


@test
def spoilt_files_are_named_and_their_content_is_not():
    for secret in (b"", b"secret", b64(SECRETS[0][:63]).encode(), b64(SECRETS[0] + b"x").encode(),
                   b" " + b64(SECRETS[0]).encode(), b64(SECRETS[0])[:-1].encode(), b"A" * 5000):
        with World() as w:
            identity(w, 0, secret=secret)
            r = w.want(FAILED, "export", says="identity.key")
            ok(not secret or secret[:40].decode() not in r.words, "the secret stays secret")
            eq(r.text, "")


@test
def loose_modes_are_refused_with_the_cure():
    for mode in (0o640, 0o604, 0o644, 0o660, 0o666):
        with World() as w:
            identity(w)
            os.chmod(w.path("identity.key"), mode)
            r = w.want(FAILED, "export", says="chmod 600")
            eq(r.text, "")


@test
def a_missing_public_half_is_said_and_made_up_for():
    with World() as w:
        identity(w)
        os.unlink(w.path("identity.pub"))
        r = w.want(DONE, "export")
        eq(r.text, b64(KEYS[0]) + "\n")
        ok("identity.pub" in r.words, "says what is missing")


main()
