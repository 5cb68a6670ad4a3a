#!/usr/bin/python3
"""rotate: a new key is announced, taken back, and put in the place of the old one; no step that is
cut short loses a key."""
import base64
import json
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import *


def key(w, *args):
    return base64.b64decode(w.want(DONE, "export", *args).out)


def statements(w):
    return w.names("statements")


def statement_name(old, new):
    return "successor-%s-%s" % (old.hex(), new.hex())


@test
def a_new_key_is_announced_beside_the_old_one():
    with World() as w:
        w.want(DONE, "keygen")
        secret = w.read("identity.key")
        old = key(w)
        r = w.want(DONE, "rotate")
        new = key(w, "--next")
        ok(new != old and b64(old) in r.text and b64(new) in r.text, r.text)
        ok(r.text.count("fd99:6d67:") == 2, "both addresses: " + r.text)
        eq(statements(w), [statement_name(old, new)])
        eq(w.read("identity.key"), secret, "the old one is in use")
        eq(os.stat(w.path("next.key")).st_mode & 0o777, 0o600)
        eq(base64.b64decode(w.read("next.key"))[32:], new)


@test
def the_statement_names_its_end():
    with World() as w:
        w.want(DONE, "keygen")
        w.want(DONE, "rotate", "--overlap", "2099-03-01", says="until 2099-03-01 00:00 UTC")
        wire = base64.b64decode(w.read("statements", statements(w)[0]))
        ok((4076006400).to_bytes(8, "big") in wire, wire.hex())
        eq(len(wire) > 2 * 64 + 2 * 32, True, "two keys and two signatures")


@test
def malformed_overlaps_change_nothing():
    with World() as w:
        w.want(DONE, "keygen")
        for text in ("", "x", "0d", "-1d", "2001-01-01", "7", "7w", "99999999999999d"):
            w.want(USAGE, "rotate", "--overlap=" + text, says="--overlap")
        for pair in (("--finish", "--cancel"), ("--finish", "--overlap=1d"),
                     ("--cancel", "--overlap=1d")):
            w.want(USAGE, "rotate", *pair, says="do not go together")
        eq(w.names(), ["identity.key", "identity.pub"])


@test
def without_an_identity_there_is_nothing_to_rotate():
    with World() as w:
        w.want(FAILED, "rotate", says="meshguard keygen")
        eq(w.names(), [], "no directory was made")
        w.want(DONE, "keygen")
        w.want(FAILED, "rotate", "--finish", says="no rotation is pending")
        w.want(FAILED, "rotate", "--cancel", says="no rotation is pending")
        w.want(FAILED, "export", "--next", says="no rotation is pending")


@test
def one_rotation_at_a_time():
    with World() as w:
        w.want(DONE, "keygen")
        w.want(DONE, "rotate", "--overlap", "2099-03-01")
        before = statements(w), w.read("next.key")
        w.want(REFUSED, "rotate", says="2099-03-01")
        eq((statements(w), w.read("next.key")), before)


@test
def a_cancelled_one_is_taken_up_with_the_same_key():
    with World() as w:
        w.want(DONE, "keygen")
        w.want(DONE, "rotate")
        new, before = key(w, "--next"), statements(w)
        w.want(DONE, "rotate", "--cancel", says="cancelled")
        eq(statements(w), [])
        w.want(FAILED, "rotate", "--cancel", says="was cancelled")
        w.want(FAILED, "rotate", "--finish", says="was cancelled")
        w.want(DONE, "rotate")
        eq(key(w, "--next"), new)
        eq(statements(w), before)


@test
def finish_changes_the_keys_and_keeps_the_old_one():
    with World() as w:
        w.want(DONE, "keygen")
        old, secret = key(w), w.read("identity.key")
        w.want(DONE, "rotate")
        new, next_secret, said = key(w, "--next"), w.read("next.key"), statements(w)
        w.want(DONE, "rotate", "--finish", says=b64(new))
        eq(key(w), new)
        eq(w.read("identity.key"), next_secret)
        eq(w.read("former.key"), secret)
        for name in ("identity.key", "former.key"):
            eq(os.stat(w.path(name)).st_mode & 0o777, 0o600, name)
        eq(w.names(), ["former.key", "identity.key", "identity.pub", "statements"])
        eq(statements(w), said, "the statement stays")
        w.want(FAILED, "rotate", "--finish", says="no rotation is pending")
        w.want(DONE, "rotate")
        ok(key(w, "--next") not in (old, new), "the next one is another key")


@test
def what_belongs_to_a_key_goes_with_it():
    with World() as w:
        w.want(DONE, "keygen")
        old = key(w)
        w.want(DONE, "org-keygen")
        org = base64.b64decode(w.read("org", "org.pub")).hex()
        w.want(DONE, "org-sign", w.path("identity.pub"), "--name", "me", "--out", w.path("a"))
        w.want(DONE, "org-join", w.path("a"))
        w.want(DONE, "rotate")
        new = key(w, "--next")
        w.write(base64.b64encode(new) + b"\n", "next.pub")
        w.want(DONE, "org-sign", w.path("next.pub"), "--name", "me", "--out", w.path("b"))
        w.want(DONE, "org-join", w.path("b"), says="with the next key")
        w.want(DONE, "org-join", w.path("b"), says="with the next key")
        first, second = w.read("a"), w.read("b")
        aside = "%s-%s.cert" % (org, new.hex())
        eq((w.read("org", org + ".cert"), w.read("org", aside)), (first, second))
        for name, data in (("clock", b"old"), ("next.clock", b"new"), ("peers", b"all")):
            w.write(data, "state", name, mode=0o600)
        w.want(DONE, "rotate", "--finish")
        eq(w.read("org", org + ".cert"), second)
        eq(w.read("org", "%s-%s.cert" % (org, old.hex())), first)
        ok(aside not in w.names("org"), "it is in one place")
        eq({n: w.read("state", n) for n in w.names("state")},
           {"clock": b"new", "former.clock": b"old", "peers": b"all"})


@test
def what_a_kill_leaves_is_finished_or_taken_up():
    """Each state between two writes, made by hand."""
    def files(w):
        return {n: w.read(n) for n in w.names() if n != "statements"}

    with World() as w:
        w.want(DONE, "keygen")
        w.want(DONE, "rotate")
        before, said = files(w), (statements(w)[0], w.read("statements", statements(w)[0]))
        w.want(DONE, "rotate", "--finish")
        after = files(w)
    new_only = {"next.key": before["next.key"]}
    old = {"identity.key": before["identity.key"], "former.key": before["identity.key"]}
    states = [
        dict(before, **old),                                      # former.key was written
        dict(old, **new_only),                                    # identity.pub was removed
        dict(new_only, **{"identity.key": after["identity.key"],
                          "former.key": after["former.key"]}),    # identity.key was replaced
        dict(after, **new_only),                                  # identity.pub was written
    ]
    for state in states:
        with World() as w:
            for name, data in state.items():
                w.write(data, name, mode=0o644 if name.endswith(".pub") else 0o600)
            w.write(said[1], "statements", said[0])
            w.want(DONE, "export")
            w.want(REFUSED, "rotate", says="--finish")
            w.want(DONE, "rotate", "--finish")
            eq(files(w), after, sorted(state))


@test
def a_second_announcement_is_not_made():
    with World() as w:
        w.want(DONE, "keygen")
        w.want(DONE, "rotate")
        new, said = key(w, "--next"), statements(w)
        os.remove(w.path("next.key"))
        w.want(REFUSED, "rotate", says=b64(new))
        eq((statements(w), w.names()), (said, ["identity.key", "identity.pub", "statements"]))


@test
def an_unusable_next_key_is_named_and_stays():
    with World() as w:
        w.want(DONE, "keygen")
        w.write(b"nonsense\n", "next.key", mode=0o600)
        for option in ([], ["--finish"], ["--cancel"]):
            w.want(FAILED, "rotate", *option, says="next.key")
        eq(w.read("next.key"), b"nonsense\n")
        os.chmod(w.path("next.key"), 0o644)
        w.want(FAILED, "rotate", says="chmod")


@test
def members_are_told_of_their_certificates():
    with World() as w:
        w.want(DONE, "keygen")
        w.want(DONE, "org-keygen")
        cert = os.path.join(w.dir, "c")
        w.want(DONE, "org-sign", w.path("identity.pub"), "--out", cert)
        w.want(DONE, "org-join", cert)
        w.want(DONE, "rotate", says="export --next")
        w.want(DONE, "rotate", "--finish", says="org-join")


# --- the other side


class Peers:
    """Alice, who rotates, and another machine that trusts her."""

    def __enter__(self):
        self.alice, self.w = World(), World()
        self.alice.want(DONE, "keygen")
        self.w.want(DONE, "keygen")
        self.old = key(self.alice)
        self.w.want(DONE, "trust", self.alice.path("identity.pub"), "--name", "alice")
        return self

    def __exit__(self, *_):
        self.alice.__exit__()
        self.w.__exit__()

    def rotate(self, *args):
        """Returns the path of the statement, and the new key."""
        self.alice.want(DONE, "rotate", *args)
        new = key(self.alice, "--next")
        return self.alice.path("statements", statement_name(self.old, new)), new

    def carry(self, path):
        """What a running daemon does."""
        with open(path, "rb") as f:
            self.w.write(f.read(), "statements", os.path.basename(path))

    def trusted(self):
        return {n[:-4]: base64.b64decode(self.w.read("authorized_keys", n))
                for n in self.w.names("authorized_keys") if n.endswith(".pub")}


@test
def an_accepted_key_takes_the_name_and_the_old_one_stays_beside_it():
    for carried in (True, False):
        with Peers() as p:
            path, new = p.rotate()
            if carried:
                p.carry(path)
            r = p.w.want(DONE, "trust", "--successor", "alice", *([] if carried else [path]))
            ok(b64(new) in r.text and b64(p.old) in r.text, r.text)
            ok(r.text.count("10.99.") == 2 and r.text.count("fd99:") == 2, r.text)
            eq(p.trusted(), {"alice": new, "alice.old": p.old})
            eq(p.w.names("statements"), [statement_name(p.old, new)])
            # Again there is nothing: the statement is about the other key.
            p.w.want(FAILED, "trust", "--successor", "alice", says="no new key")


@test
def nothing_is_accepted_that_was_not_announced():
    with Peers() as p:
        p.w.want(FAILED, "trust", "--successor", "alice", says="alice has announced no new key")
        p.w.want(FAILED, "trust", "--successor", "alcie", says="did you mean alice?")
        p.w.want(USAGE, "trust", "--successor", "../alice", says="a name is")
        for more in (["--name", "x"], ["--org"]):
            p.w.want(USAGE, "trust", "--successor", "alice", *more, says="--successor")
        path, new = p.rotate()
        with open(path, "rb") as f:
            wire = bytearray(base64.b64decode(f.read()))
        for at in (len(wire) - 1, len(wire) - 65):  # each of both signatures
            bad = bytearray(wire)
            bad[at] ^= 1
            p.w.want(REFUSED, "trust", "--successor", "alice", "-",
                     stdin=base64.b64encode(bad) + b"\n", says="both keys")
        p.w.want(USAGE, "trust", "--successor", "alice", "-", stdin=b"x\n")
        other = World()
        other.want(DONE, "keygen")
        other.want(DONE, "rotate")
        p.w.want(REFUSED, "trust", "--successor", "alice",
                 other.path("statements", other.names("statements")[0]), says="not about the key")
        other.__exit__()
        eq(p.trusted(), {"alice": p.old})
        eq(p.w.names("statements"), [])


@test
def two_keys_are_none():
    with Peers() as p:
        first, one = p.rotate()
        os.remove(p.alice.path("next.key"))
        os.rename(first, first + ".away")
        second, two = p.rotate()
        os.rename(first + ".away", first)
        p.carry(first)
        p.carry(second)
        r = p.w.want(FAILED, "trust", "--successor", "alice", says="neither")
        ok(b64(one) in r.words and b64(two) in r.words, r.words)
        eq(p.trusted(), {"alice": p.old})


@test
def what_is_over_is_not_accepted():
    with Peers() as p:
        # The shortest overlap that can be given; the clock is waited for, not for a while.
        end = int(time.time()) + 2
        path, new = p.rotate("--overlap", str(end))
        p.carry(path)
        while time.time() < end:
            time.sleep(0.05)
        p.w.want(TIMED_OUT, "trust", "--successor", "alice", says="ended")
        eq(p.trusted(), {"alice": p.old})


@test
def keys_that_belong_to_others_are_refused():
    with Peers() as p:
        path, new = p.rotate()
        p.carry(path)
        p.w.want(DONE, "trust", b64(new), "--name", "bob")
        p.w.want(REFUSED, "trust", "--successor", "alice", says="under the name bob")
        p.w.want(DONE, "revoke", "bob", "--deny")
        p.w.want(REFUSED, "trust", "--successor", "alice", says="denied")
        eq(p.trusted(), {"alice": p.old})
        os.rename(p.w.path("denied_keys", "bob.pub"), p.w.path("bob"))
        p.w.write((b64(new) + "\n").encode(), "trusted_orgs", "bob.pub")
        p.w.want(REFUSED, "trust", "--successor", "alice", says="the org bob")
        eq(p.trusted(), {"alice": p.old})


@test
def a_name_that_is_taken_is_not_overwritten():
    with Peers() as p:
        path, new = p.rotate()
        p.carry(path)
        p.w.want(DONE, "trust", b64(KEYS[0]), "--name", "alice.old")
        p.w.want(DONE, "trust", "--successor", "alice")
        eq(p.trusted()["alice.old"], KEYS[0])
        eq(sorted(p.trusted().values()), sorted([KEYS[0], p.old, new]))
        eq(p.trusted()["alice"], new)


@test
def a_kill_between_both_files_is_made_good():
    with Peers() as p:
        path, new = p.rotate()
        p.carry(path)
        p.w.write((b64(p.old) + "\n").encode(), "authorized_keys", "alice.old.pub")
        p.w.want(DONE, "trust", "--successor", "alice")
        eq(p.trusted(), {"alice": new, "alice.old": p.old})


@test
def following_is_a_file_beside_the_key():
    with Peers() as p:
        p.w.want(USAGE, "trust", "--successor", "alice", "--follow", says="--follow")
        p.w.want(USAGE, "trust", b64(KEYS[0]), "--org", "--follow", says="--follow")
        p.w.want(DONE, "trust", b64(p.old), "--name", "alice", "--follow", says="is followed")
        eq(p.w.read("authorized_keys", "alice.follow"), (b64(p.old) + "\n").encode())
        path, new = p.rotate()
        p.carry(path)
        p.w.want(DONE, "trust", "--successor", "alice")
        eq(p.w.read("authorized_keys", "alice.follow"), (b64(new) + "\n").encode())
        p.w.want(DONE, "revoke", "alice")
        eq(p.w.names("authorized_keys"), [])


@test
def config_show_lists_what_was_announced():
    def shown(w):
        page = json.loads(w.want(DONE, "config", "show", "--json").out)
        return [(r["name"], r["key"], r["successor"], r["state"]) for r in page["rotations"]]

    with Peers() as p:
        eq(shown(p.w), [])
        path, new = p.rotate("--overlap", "2099-03-01")
        eq(shown(p.alice), [(None, b64(p.old), b64(new), "pending")])
        p.alice.want(DONE, "config", "show", says="this machine pending " + b64(new))
        p.carry(path)
        eq(shown(p.w), [("alice", b64(p.old), b64(new), "pending")])
        p.w.want(DONE, "config", "show", says=b64(new) + " 2099-03-01 00:00 UTC")
        p.w.want(DONE, "trust", "--successor", "alice")
        eq(shown(p.w), [("alice.old", b64(p.old), b64(new), "accepted")])
        # Alice herself is announced twice, as if by a thief.
        os.remove(p.alice.path("next.key"))
        os.rename(path, path + "x")
        second, two = p.rotate()
        p.carry(second)
        eq(sorted(r[3] for r in shown(p.w)), ["disputed", "disputed"])


@test
def a_kill_at_any_moment_loses_no_key():
    def secrets(w):
        return {w.read(n)[:88] for n in w.names() if n.endswith(".key")}

    for step in range(40):
        with World() as w:
            w.want(DONE, "keygen")
            old = w.read("identity.key")[:88]
            for words in (["rotate"], ["rotate", "--finish"]):
                before = secrets(w)
                child = subprocess.Popen([PROGRAM, *words], env=w.env, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL)
                time.sleep(step * 0.0004)
                child.kill()
                child.wait()
                ok(before <= secrets(w), "step %d of %s" % (step, words))
                w.want(DONE, "export")
                w.run(*words)  # what is left, or a refusal
            ok(old in secrets(w) and w.read("identity.key")[:88] != old, "step %d" % step)


@test
def who_is_revoked_is_out_under_both_keys():
    for options in ([], ["--deny"]):
        with Peers() as p:
            path, new = p.rotate()
            p.carry(path)
            p.w.want(DONE, "trust", "--successor", "alice")
            p.w.want(DONE, "trust", b64(KEYS[0]), "--name", "bob")
            p.w.want(DONE, "revoke", "alice", *options, says="revoked alice.old")
            eq(p.trusted(), {"bob": KEYS[0]})
            eq(len(p.w.names("denied_keys")), 2 if options else 0)
    with Peers() as p:
        path, new = p.rotate()
        p.carry(path)
        p.w.want(DONE, "trust", "--successor", "alice")
        p.w.want(DONE, "revoke", "alice.old")
        eq(p.trusted(), {"alice": new}, "the old key can be ended early")


@test
def both_keys_keep_the_service_rules():
    def rules(p, name):
        return p.w.read("services", "peer", name + ".policy")

    with Peers() as p:
        path, new = p.rotate()
        p.carry(path)
        p.w.want(DONE, "service", "deny", "tcp", "22", "--peer", "alice")
        p.w.want(DONE, "trust", "--successor", "alice")
        eq(p.w.names("services", "peer"), sorted(["alice.policy", p.old.hex() + ".policy"]))
        eq(rules(p, p.old.hex()), rules(p, "alice"))
    with Peers() as p:
        path, new = p.rotate()
        p.carry(path)
        p.w.want(DONE, "service", "deny", "tcp", "22", "--peer", b64(p.old))
        p.w.want(DONE, "trust", "--successor", "alice")
        eq(rules(p, new.hex()), rules(p, p.old.hex()))


main()
