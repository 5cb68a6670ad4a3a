#!/usr/bin/python3
"""trust and revoke: who gets in, under which name, and what is refused in which order."""
import base64
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import *

A, B, C = (b64(k) for k in KEYS)


def trusted(w):
    return {n: w.read("authorized_keys", n) for n in w.names("authorized_keys")}


@test
def a_key_is_taken_in_three_forms():
    with World() as w:
        path = os.path.join(w.dir, "b.pub")
        with open(path, "w") as f:
            f.write(B + "\n")
        w.want(DONE, "trust", A, "--name", "alice", says="alice")
        w.want(DONE, "trust", "--name=bob", path)
        w.want(DONE, "trust", "-", "--name", "carol", stdin=(C + "\n").encode())
        eq(trusted(w), {"alice.pub": (A + "\n").encode(), "bob.pub": (B + "\n").encode(),
                        "carol.pub": (C + "\n").encode()})


@test
def it_says_the_addresses_of_the_new_one():
    for n, (_, _, ipv4, ipv6) in enumerate(RFC8032):
        with World() as w:
            r = w.want(DONE, "trust", b64(KEYS[n]), "--name", "x")
            ok(ipv4 in r.text and ipv6 in r.text, r.text)


@test
def a_name_is_made_from_the_key():
    with World() as w:
        w.want(DONE, "trust", A)
        w.want(DONE, "trust", A, says="already")
        # BLAKE3 of the key begins with the bytes of its address.
        eq(list(trusted(w)), ["peer-6c310412.pub"])


@test
def what_is_no_key_is_refused_by_its_first_fault():
    torsion = [encode(1), encode(0), encode(0, 1), encode(P - 1),
               bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
               bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")]
    not_base64 = ["", "abc", b64(KEYS[0][:31]), b64(KEYS[0] + b"x"), A[:-1], A + "=", A[:-2] + "x=",
                  A[:20] + "\n" + A[20:], " " + A, A.replace("=", ""), "A" * 5000]
    points = {
        "not on the curve": [encode(y) for y in range(2, 40) if x_of(y) is None][:5],
        "not canonical": [(P + y).to_bytes(32, "little") for y in range(19)],
        "of small order": torsion + [negative(t) for t in torsion[3:]],
        # A good point plus one of small order: the same X25519 results for two keys.
        "of mixed order": [(lambda s: encode(s[1], s[0] & 1))(add(decode(KEYS[0]), decode(t)))
                           for t in torsion[1:]],
    }
    with World() as w:
        for text in not_base64:
            w.want(USAGE, "trust", "-", stdin=text.encode(), says="base64")
        for kind, keys in points.items():
            ok(keys, kind)
            for key in keys:
                w.want(USAGE, "trust", b64(key), says="not a valid Ed25519 key")
        eq(trusted(w), {}, "nothing was written")


@test
def words_that_are_neither_key_nor_file_are_named():
    with World() as w:
        w.want(USAGE, "trust", "nonsense", says="nonsense")
        w.want(FAILED, "trust", "missing.pub", says="No such file")
        w.want(FAILED, "trust", "/nowhere/x", says="No such file")
        w.want(FAILED, "trust", w.dir, says="directory")
        w.want(USAGE, "trust", "/dev/zero", says="base64")
        w.want(USAGE, "trust", says="KEY")
        w.want(USAGE, "trust", A, B, says="too many")


@test
def a_file_named_like_a_word_is_found():
    with World() as w:
        with open(os.path.join(w.dir, "alice"), "w") as f:
            f.write(A)
        w.want(DONE, "trust", "alice", cwd=w.dir)
        w.want(DONE, "trust", "./alice", cwd=w.dir, says="already")


@test
def collisions_are_told_apart():
    with World() as w:
        w.want(DONE, "trust", A, "--name", "alice")
        before = trusted(w)
        w.want(DONE, "trust", A, "--name", "alice", says="already")
        w.want(REFUSED, "trust", A, "--name", "other", says="alice")
        w.want(REFUSED, "trust", A, says="alice")
        w.want(REFUSED, "trust", B, "--name", "alice", says="another key")
        w.want(REFUSED, "trust", b64(negative(KEYS[0])), "--name", "twin", says="alice")
        w.want(DONE, "trust", B, "--name", "bob")
        # Both at once: the key is asked for first.
        w.want(REFUSED, "trust", A, "--name", "bob", says="under the name alice")
        eq({n: d for n, d in trusted(w).items() if n != "bob.pub"}, before)


@test
def the_own_key_is_refused():
    with World() as w:
        w.want(DONE, "keygen")
        w.want(REFUSED, "trust", w.path("identity.pub"), says="own key")
        own = base64.b64decode(w.read("identity.pub"))
        w.want(REFUSED, "trust", b64(negative(own)), says="own")
        eq(trusted(w), {})


@test
def names_are_not_paths():
    bad = [".", "..", ".x", "../x", "a/b", "/etc/x", "a b", "a\nb", "\u00e4", "a" * 64, "x;y"]
    with World() as w:
        for name in bad:
            w.want(USAGE, "trust", A, "--name=" + name)
            w.want(USAGE, "revoke", "--", name)
        w.want(USAGE, "trust", A, "--name=")
        eq(trusted(w), {})
        for name, key in (("a" * 63, A), ("x.y-z_0", B), ("7", C)):
            w.want(DONE, "trust", key, "--name", name)
            w.want(DONE, "revoke", name)
        eq(trusted(w), {})


@test
def a_name_held_by_a_spoilt_file_is_not_overwritten():
    with World() as w:
        w.write(b"my notes\n", "authorized_keys", "alice.pub")
        os.chmod(w.config, 0o700)
        r = w.run("trust", A, "--name", "alice")
        eq(r.code, REFUSED)
        ok("revoke alice" in r.words, r.words)
        eq(trusted(w), {"alice.pub": b"my notes\n"})
        w.want(DONE, "revoke", "alice")
        w.want(DONE, "trust", A, "--name", "alice")


@test
def of_many_keys_for_one_name_one_wins():
    with World() as w:
        w.want(DONE, "keygen")
        runs = [subprocess.Popen([PROGRAM, "trust", k, "--name", "x"], env=w.env,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                for k in (A, B, C) * 4]
        for r in runs:
            r.communicate()
        won = w.read("authorized_keys", "x.pub").decode().strip()
        for r, key in zip(runs, (A, B, C) * 4):
            if key == won:
                ok(r.returncode in (DONE, REFUSED), "the winner's own copies")
            else:
                eq(r.returncode, REFUSED)
        eq(w.names("authorized_keys"), ["x.pub"])


@test
def revoke_takes_a_name_or_a_key():
    with World() as w:
        w.want(DONE, "trust", A, "--name", "alice")
        w.want(DONE, "trust", B, "--name", "bob")
        w.want(DONE, "revoke", "alice", says="alice")
        w.want(DONE, "revoke", B, says="bob")
        eq(trusted(w), {})


@test
def revoke_of_a_key_removes_each_copy():
    with World() as w:
        for name in ("one", "two", "three"):
            w.write((A + "\n").encode(), "authorized_keys", name + ".pub")
        w.write((B + "\n").encode(), "authorized_keys", "bob.pub")
        os.chmod(w.config, 0o700)
        w.want(DONE, "revoke", A)
        eq(list(trusted(w)), ["bob.pub"])


@test
def revoke_lets_nobody_stay_in_under_another_name():
    with World() as w:
        for n in range(200):
            w.write((A + "\n").encode(), "authorized_keys", "copy%03d.pub" % n)
        w.write((B + "\n").encode(), "authorized_keys", "bob.pub")
        w.write((B + "\n").encode(), "authorized_keys", "bobby.pub")
        w.write((C + "\n").encode(), "authorized_keys", "carol.pub")
        os.chmod(w.config, 0o700)
        w.want(DONE, "revoke", "bob", says="bobby")
        w.want(DONE, "revoke", A)
        eq(list(trusted(w)), ["carol.pub"])


@test
def a_pipe_that_nobody_writes_to_is_no_key():
    with World() as w:
        path = os.path.join(w.dir, "pipe")
        os.mkfifo(path)
        w.want(USAGE, "trust", path)
        # One that somebody does write to is waited for.
        r, wr = os.pipe()
        run = subprocess.Popen([PROGRAM, "trust", "/proc/self/fd/%d" % r, "--name", "a"], env=w.env,
                               pass_fds=[r], stdout=subprocess.DEVNULL)
        os.write(wr, (A + "\n").encode())
        os.close(wr)
        eq(run.wait(timeout=60), DONE)
        os.close(r)
        eq(list(trusted(w)), ["a.pub"])


@test
def revoke_of_nobody_says_so():
    with World() as w:
        w.want(FAILED, "revoke", "alice", says="alice")
        w.want(DONE, "trust", A, "--name", "alice")
        w.want(FAILED, "revoke", "alcie", says="did you mean alice?")
        w.want(FAILED, "revoke", B, says="not trusted")
        w.want(USAGE, "revoke", b64(encode(1)))
        w.want(USAGE, "revoke")
        eq(list(trusted(w)), ["alice.pub"])


@test
def files_of_a_trusted_folder_that_are_no_keys_are_counted():
    with World() as w:
        w.write(b"spoilt\n", "authorized_keys", "bad.pub")
        w.write(b"a note\n", "authorized_keys", "README")
        os.chmod(w.config, 0o700)
        r = w.want(DONE, "trust", A, "--name", "alice")
        ok("1 unusable" in r.words, r.words)


@test
def a_denial_ends_without_trust():
    with World() as w:
        w.want(FAILED, "trust", "--undeny", "bob")
        w.want(DONE, "revoke", "--deny", A, says="meshguard trust --undeny peer-6c310412 ends that")
        w.want(DONE, "trust", B, "--name", "bob")
        w.want(DONE, "revoke", "--deny", "bob")
        eq(w.names("denied_keys"), ["bob.pub", "peer-6c310412.pub"])
        w.want(FAILED, "trust", "--undeny", "bop", says="nobody is denied by the name bop; did you mean bob")
        w.want(FAILED, "trust", "--undeny", C, says="not denied here")
        w.want(USAGE, "trust", "--undeny", "not/a/name", says="neither")
        w.want(USAGE, "trust", "--undeny", "bob", "--name", "x")
        w.want(USAGE, "trust", "--undeny", says="usage")
        w.want(DONE, "trust", "--undeny", "bob", says="bob is not denied any more")
        w.want(DONE, "trust", "--undeny", A)
        eq((w.names("denied_keys"), w.names("authorized_keys")), ([], []))
        w.write(b"x\n", "denied_keys", "spoilt.pub")
        w.want(DONE, "trust", "--undeny", "spoilt", says="no usable key")
        eq(w.names("denied_keys"), [])


main()
