#!/usr/bin/python3
"""keygen: what it makes, and what it never destroys."""
import base64
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import *


def pair(w):
    return w.read("identity.key"), w.read("identity.pub")


@test
def it_makes_a_pair_and_says_what_follows_from_it():
    with World() as w:
        r = w.want(DONE, "keygen")
        secret, public = pair(w)
        eq(len(secret), 89)
        eq(len(public), 45)
        raw = base64.b64decode(secret.rstrip(b"\n"), validate=True)
        eq(b64(raw[32:]) + "\n", public.decode())
        eq(os.stat(w.path("identity.key")).st_mode & 0o7777, 0o600)
        eq(os.stat(w.config).st_mode & 0o7777, 0o700)
        ok(public.decode().strip() in r.text, "says the key")
        ok("10.99." in r.text and "fd99:6d67::" in r.text, "says the addresses")
        ok(w.config in r.text, "says the place")
        ok(secret.decode().strip() not in r.text, "keeps the secret")
        eq(r.words, "")
        eq(w.want(DONE, "export").out, public)
        eq(w.names(), ["identity.key", "identity.pub"], "nothing else is left")


@test
def two_pairs_differ():
    with World() as w:
        w.want(DONE, "keygen")
        first = pair(w)
        w.want(DONE, "keygen", "--force", says="running daemon keeps the old one")
        second = pair(w)
        ok(first[0] != second[0] and first[1] != second[1], "both halves are new")
        eq(w.want(DONE, "export").out, second[1])


def stands(w, *names):
    """keygen refuses, and every byte stays."""
    before = {n: os.lstat(w.path(n)) for n in names}
    r = w.want(REFUSED, "keygen", says="--force")
    ok(w.config in r.words, "names the place")
    for n in names:
        after = os.lstat(w.path(n))
        eq((after.st_ino, after.st_mtime_ns, after.st_mode),
           (before[n].st_ino, before[n].st_mtime_ns, before[n].st_mode), n)
    eq(w.names(), sorted(names))


@test
def it_refuses_to_touch_what_is_there():
    with World() as w:
        w.want(DONE, "keygen")
        stands(w, "identity.key", "identity.pub")
    for name in ("identity.key", "identity.pub"):
        with World() as w:
            w.write(b"half a pair\n", name)
            stands(w, name)
        with World() as w:
            w.write(b"", name, mode=0)
            stands(w, name)
        with World() as w:
            os.makedirs(w.path(name))
            os.chmod(w.config, 0o700)
            stands(w, name)
        with World() as w:
            os.mkdir(w.config, 0o700)
            os.symlink("nowhere", w.path(name))
            stands(w, name)


@test
def force_mends_half_a_pair():
    for name in ("identity.key", "identity.pub"):
        with World() as w:
            w.write(b"half a pair\n", name)
            w.want(DONE, "keygen", "--force")
            eq(w.want(DONE, "export").out, w.read("identity.pub"))
            eq(os.stat(w.path("identity.key")).st_mode & 0o7777, 0o600)


@test
def a_secret_that_cannot_be_written_leaves_the_old_public_half():
    with World() as w:
        w.write(b"old\n", "identity.pub")
        os.mkdir(w.path("identity.key"))
        w.want(FAILED, "keygen", "--force", says="identity.key")
        eq(w.read("identity.pub"), b"old\n")
        eq(w.names(), ["identity.key", "identity.pub"])


@test
def of_many_at_once_one_wins():
    with World() as w:
        os.mkdir(w.config, 0o700)
        runs = [subprocess.Popen([PROGRAM, "keygen"], env=w.env, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE) for _ in range(12)]
        said = [r.communicate()[0] for r in runs]
        eq(sorted(r.returncode for r in runs), [DONE] + [REFUSED] * 11)
        public = w.want(DONE, "export").out
        eq([public.strip() in s for s in said].count(True), 1, "the winner's key is there")


@test
def the_directory_is_found_in_the_stated_order():
    with World() as w:
        xdg = os.path.join(w.dir, "xdg")
        env = dict(w.env, XDG_CONFIG_HOME=xdg)
        w.want(DONE, "keygen", env=env)
        ok(os.path.exists(w.path("identity.key")), "MESHGUARD_CONFIG_DIR first")
        del env["MESHGUARD_CONFIG_DIR"]
        w.want(DONE, "keygen", env=env)
        ok(os.path.exists(xdg + "/meshguard/identity.key"), "then XDG_CONFIG_HOME")
        del env["XDG_CONFIG_HOME"]
        r = w.want(DONE, "keygen", env=env)
        ok(os.path.exists(env["HOME"] + "/.config/meshguard/identity.key"), "then HOME")
        eq(r.words, "", "none of them needs a word")


FULL = r"""
set -e
mount -t tmpfs -o size=64k none "$1"
export MESHGUARD_CONFIG_DIR=$1
cp -r "$3/." "$1"
chmod 700 "$1"
dd if=/dev/zero of="$1/fill" bs=1k 2>/dev/null || true
code=0
"$2" keygen $4 || code=$?
rm "$1/fill"
cp -r "$1/." "$3"
exit $code
"""


def on_a_full_disk(w, *options):
    mount = os.path.join(w.dir, "mount")
    os.mkdir(mount)
    os.makedirs(w.config, exist_ok=True)
    return subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", FULL, "sh",
                           mount, PROGRAM, w.config, *(options or [""])],
                          env=w.env, capture_output=True)


@test
def a_full_disk_leaves_nothing_or_the_old_pair():
    if os.geteuid() != 0:
        return "needs root to mount a small file system"
    with World() as w:
        r = on_a_full_disk(w)
        eq(r.returncode, FAILED, r.stderr)
        ok(b"No space left" in r.stderr, r.stderr)
        eq(w.names(), [])
    with World() as w:
        w.want(DONE, "keygen")
        before = pair(w)
        r = on_a_full_disk(w, "--force")
        eq(r.returncode, FAILED, r.stderr)
        eq(pair(w), before)
        eq(w.names(), ["identity.key", "identity.pub"])


main()
