#!/usr/bin/python3
"""service: rules as files, what is refused, what is warned about, and what is explained."""
import json
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import *

HEX = [k.hex() for k in KEYS]


def peers(w):
    """node-1 and node-2 are trusted, and the org eosrio."""
    w.want(DONE, "trust", b64(KEYS[0]), "--name", "node-1")
    w.want(DONE, "trust", b64(KEYS[1]), "--name", "node-2")
    w.want(DONE, "trust", "--org", b64(KEYS[2]), "--name", "eosrio")


def rules(w, *parts):
    return w.read("services", *parts).decode()


def files(w):
    found = {}
    for folder, _, names in os.walk(w.path("services")):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                found[os.path.relpath(path, w.path("services"))] = f.read()
    return found


def unchanged(w, before):
    line = sys._getframe(1).f_lineno
    ok(files(w) == before, "line %d: files changed: %r" % (line, files(w)))


def silent(r):
    ok(r.words == "", "nothing to warn about: " + r.words)
    return r


# --- the examples of the specification

@test
def allow_ssh_and_https_and_deny_everything_else():
    with World() as w:
        silent(w.want(DONE, "service", "allow", "tcp", "22"))
        silent(w.want(DONE, "service", "allow", "tcp", "443"))
        silent(w.want(DONE, "service", "deny", "all"))
        eq(files(w), {"global.policy": b"allow tcp 22\nallow tcp 443\ndeny all\n"})
        eq(os.stat(w.path("services")).st_mode & 0o777, 0o700)
        w.want(DONE, "trust", b64(KEYS[0]), "--name", "node-1")
        for port, outcome in ((22, "allowed by services/global.policy:1: allow tcp 22"),
                              (443, "allowed by services/global.policy:2: allow tcp 443"),
                              (80, "denied by services/global.policy:3: deny all")):
            w.want(DONE, "service", "explain", "node-1", "tcp", str(port),
                   says="node-1 tcp %d: %s\n" % (port, outcome))
        w.want(DONE, "service", "explain", "node-1", "udp", "22", says="denied by")
        w.want(DONE, "service", "explain", "node-1", "icmp", says="node-1 icmp: denied by")


@test
def default_deny():
    with World() as w:
        w.want(DONE, "trust", b64(KEYS[0]), "--name", "node-1")
        w.want(DONE, "service", "explain", "node-1", "tcp", "80", says="allowed by default: allow")
        silent(w.want(DONE, "service", "default", "deny", says="default is deny"))
        eq(files(w), {"default": b"deny\n"})
        w.want(DONE, "service", "explain", "node-1", "tcp", "80",
               says="denied by services/default: deny")
        w.want(DONE, "service", "default", "allow")
        eq(files(w), {"default": b"allow\n"})
        w.want(DONE, "service", "default", "observe")
        r = w.want(DONE, "service", "explain", "node-1", "tcp", "80",
                   says="allowed by services/default: observe")
        ok("it would be denied" in r.text, r.text)
        for word in ("reject", "DENY", "", "deny all"):
            w.want(USAGE, "service", "default", word, says="allow, deny or observe")


@test
def postgres_for_one_peer_and_http_for_an_org():
    with World() as w:
        peers(w)
        w.want(DONE, "service", "default", "deny")
        silent(w.want(DONE, "service", "allow", "--peer", "node-1", "tcp", "5432"))
        silent(w.want(DONE, "service", "allow", "--org", "eosrio", "tcp", "80"))
        eq(files(w), {"default": b"deny\n", "peer/node-1.policy": b"allow tcp 5432\n",
                      "org/eosrio.policy": b"allow tcp 80\n"})
        w.want(DONE, "service", "explain", "node-1", "tcp", "5432",
               says="allowed by services/peer/node-1.policy:1: allow tcp 5432")
        w.want(DONE, "service", "explain", "node-2", "tcp", "5432", says="denied by")
        w.want(DONE, "service", "explain", "node-2", "tcp", "80", says="denied by")
        w.want(DONE, "service", "explain", "--org", "eosrio", "node-2", "tcp", "80",
               says="allowed by services/org/eosrio.policy:1: allow tcp 80")


@test
def list_show_and_reset():
    with World() as w:
        peers(w)
        w.want(DONE, "service", "list", says="allow")
        w.want(DONE, "service", "reset", says="no service rules")
        w.want(DONE, "service", "default", "deny")
        w.want(DONE, "service", "allow", "tcp", "22")
        w.want(DONE, "service", "allow", "tcp", "8000-9000")
        w.want(DONE, "service", "allow", "--peer", "node-1", "tcp", "5432")
        w.want(DONE, "service", "reject", "--org", "eosrio", "udp")
        eq(w.want(DONE, "service", "list").text, """\
default  deny  (services/default)
global (services/global.policy)
    1  allow tcp 22
    2  allow tcp 8000-9000
peer node-1 (services/peer/node-1.policy)
    1  allow tcp 5432
org eosrio (services/org/eosrio.policy)
    1  reject udp
""")
        eq(w.want(DONE, "service", "list", "--org", "eosrio").text,
           "org eosrio (services/org/eosrio.policy)\n    1  reject udp\n")
        eq(w.want(DONE, "service", "show").text, """\
default  deny  (services/default)
global (services/global.policy)
    1  allow tcp 22
    2  allow tcp 8000-9000
peer policies: 1
org policies: 1
""")
        eq(w.want(DONE, "service", "show", "node-1").text, """\
node-1: the first rule that matches counts
  services/peer/node-1.policy:1: allow tcp 5432
  services/global.policy:1: allow tcp 22
  services/global.policy:2: allow tcp 8000-9000
  default: deny (services/default)
""")
        w.want(DONE, "service", "show", "node-2", "--org", "eosrio",
               says="services/org/eosrio.policy:1: reject udp\n  services/global")
        w.want(FAILED, "service", "show", "node-3", says="did you mean")
        w.want(DONE, "service", "reset", "--peer", "node-1", says="peer node-1")
        eq(sorted(files(w)), ["default", "global.policy", "org/eosrio.policy"])
        w.want(DONE, "service", "reset", "--peer", "node-1", says="no rules of its own")
        w.want(DONE, "service", "reset")
        ok(not os.path.exists(w.path("services")), "the folder is gone")
        eq(w.names(), ["authorized_keys", "trusted_orgs"])
        w.want(DONE, "service", "show", says="default  allow")


# --- words

@test
def options_stand_anywhere_and_words_mean_what_they_say():
    for words in (("service", "allow", "--peer", "node-1", "tcp", "5432"),
                  ("service", "--peer", "node-1", "allow", "tcp", "5432"),
                  ("--peer=node-1", "service", "allow", "tcp", "5432"),
                  ("service", "allow", "tcp", "5432", "--peer", "node-1")):
        with World() as w:
            peers(w)
            w.want(DONE, *words)
            eq(files(w), {"peer/node-1.policy": b"allow tcp 5432\n"})
    with World() as w:
        peers(w)
        w.want(DONE, "--org", "eosrio", "service", "allow", "tcp", "80")
        eq(files(w), {"org/eosrio.policy": b"allow tcp 80\n"})
    rows = (("tcp", "all", "tcp"), ("udp", "8000-9000", "udp 8000-9000"), ("icmp", None, "icmp"),
            ("all", "22", "all 22"), ("tcp", "5-5", "tcp 5"))
    with World() as w:
        for proto, port, text in rows:
            w.want(DONE, "service", "allow", proto, *([port] if port else []))
        eq(rules(w, "global.policy"), "".join("allow %s\n" % r[2] for r in rows))


@test
def wrong_words_change_nothing():
    with World() as w:
        peers(w)
        for words, says in (
                ((), "usage: meshguard service"), (("lst",), "did you mean service list?"),
                (("xyzzy",), "xyzzy"), (("allow",), "something is missing"),
                (("allow", "tcp", "22", "23"), "word too many"), (("allow", "sctp"), "protocol"),
                (("allow", "tcp", "0"), "port"), (("allow", "tcp", "65536"), "port"),
                (("allow", "tcp", "9000-8000"), "range"), (("allow", "tcp", "ssh"), "port"),
                (("allow", "icmp", "8"), "icmp has no ports"), (("deny", "TCP", "1"), "protocol"),
                (("insert", "1", "tcp", "22"), "begins with"), (("delete", "0"), "number"),
                (("insert", "x", "allow", "all"), "number"), (("allow", "all", "--at", "0"), "number"),
                (("list", "all"), "word too many"), (("reset", "--at", "1"), "takes no --at"),
                (("default", "deny", "--peer", "node-1"), "takes no --peer"),
                (("who", "tcp"), "not one service"), (("who", "all", "22"), "not one service"),
                (("explain", "node-1", "tcp", "1-2"), "not one service"),
                (("explain", "a/b", "tcp", "1"), "neither a name nor"),
                (("allow", "all", "--peer", "../x"), "neither a name nor"),
                (("allow", "all", "--org", "../x"), "--org"),
                (("learn", "--since", "7"), "--since"), (("learn", "--since", "d"), "--since"),
                (("list", "--since", "7d"), "takes no --since"),
                (("allow", "all", "--peer", b64(bytes(32))), "neither"),
                (("allow", "all", "--peer", "0" * 64), "neither"),
                (("allow", "all", "--peer", "node-1", "--org", "eosrio"), "do not go together")):
            w.want(USAGE, "service", *words, says=says)
        ok("services" not in w.names(), "nothing was made")


@test
def unknown_names_are_refused_unless_forced():
    with World() as w:
        peers(w)
        before = files(w)
        w.want(FAILED, "service", "allow", "--peer", "node1", "tcp", "22", says="did you mean node-1?")
        w.want(FAILED, "service", "deny", "--org", "eosroi", "all", says="did you mean eosrio?")
        w.want(FAILED, "service", "deny", "--org", "node-1", "all", says="--force")
        w.want(FAILED, "service", "deny", "--peer", "eosrio", "all", says="--force")
        w.want(FAILED, "service", "explain", "nobody", "tcp", "22", says="nobody")
        unchanged(w, before)
        w.want(DONE, "service", "deny", "--peer", "later", "all", "--force")
        w.want(DONE, "service", "deny", "--org", "later", "all", "--force")
        eq(sorted(files(w)), ["org/later.policy", "peer/later.policy"])
        # What has a file is known.
        w.want(DONE, "service", "allow", "--peer", "later", "tcp", "22", "--at", "1")
        w.want(DONE, "service", "delete", "--org", "later", "1")
        w.want(DONE, "service", "reset", "--peer", "later")
        eq(files(w), {})


@test
def a_key_names_a_file_by_its_digits():
    with World() as w:
        peers(w)
        silent(w.want(DONE, "service", "allow", "--peer", b64(KEYS[0]), "tcp", "22"))
        w.want(DONE, "service", "allow", "--peer", HEX[0], "tcp", "23")
        eq(files(w), {"peer/%s.policy" % HEX[0]: b"allow tcp 22\nallow tcp 23\n"})
        for name in ("node-1", HEX[0], b64(KEYS[0])):
            w.want(DONE, "service", "explain", name, "tcp", "23",
                   says="services/peer/%s.policy:2: allow tcp 23" % HEX[0])
        # It comes before the file of the alias.
        r = w.want(DONE, "service", "deny", "--peer", "node-1", "tcp", "22")
        ok("does not count for node-1" in r.words, r.words)
        w.want(DONE, "service", "explain", "node-1", "tcp", "22", says="allowed by services/peer/" + HEX[0])
        w.want(DONE, "service", "reset", "--peer", HEX[0])
        w.want(DONE, "service", "explain", b64(KEYS[0]), "tcp", "22",
               says="denied by services/peer/node-1.policy:1")
        r = w.want(DONE, "service", "allow", "--peer", b64(KEYS[0]), "tcp", "22")
        ok("does not count any more for node-1" in r.words, r.words)
        # Of a member of an org no file here knows.
        silent(w.want(DONE, "service", "allow", "--peer", b64(KEYS[2]), "udp", "53"))
        w.want(DONE, "service", "explain", b64(KEYS[2]), "udp", "53", says="an org may let it in")


# --- editing

@test
def rules_are_put_before_others():
    with World() as w:
        w.want(DONE, "service", "deny", "all")
        r = w.want(DONE, "service", "allow", "tcp", "22")
        eq(r.words, "meshguard: allow tcp 22 can never match: services/global.policy:1: deny all "
           "covers it; put it before with: meshguard service insert 1 allow tcp 22\n")
        eq(rules(w, "global.policy"), "deny all\nallow tcp 22\n")
        silent(w.want(DONE, "service", "insert", "1", "allow", "tcp", "22", says="moved"))
        eq(rules(w, "global.policy"), "allow tcp 22\ndeny all\n")
        silent(w.want(DONE, "service", "allow", "tcp", "443", "--at", "2"))
        silent(w.want(DONE, "service", "insert", "1", "reject", "udp"))
        eq(rules(w, "global.policy"), "reject udp\nallow tcp 22\nallow tcp 443\ndeny all\n")
        w.want(FAILED, "service", "insert", "6", "allow", "icmp", says="no rule 6: global has 4")
        w.want(DONE, "service", "insert", "5", "reject", "icmp", says="rule 5")
        w.want(DONE, "service", "delete", "5", says="reject icmp")
        w.want(DONE, "service", "delete", "1", says="rule 1 was reject udp")
        w.want(FAILED, "service", "delete", "4", says="global has 3")
        eq(rules(w, "global.policy"), "allow tcp 22\nallow tcp 443\ndeny all\n")
        for _ in range(3):
            w.want(DONE, "service", "delete", "1")
        eq(files(w), {}, "a file without a line goes")
        w.want(FAILED, "service", "delete", "1", says="global has 0")
    with World() as w:
        w.want(FAILED, "service", "delete", "1", says="no service rules")
        eq(w.names(), [])


@test
def what_is_there_already_is_said():
    with World() as w:
        w.want(DONE, "service", "allow", "tcp", "22")
        w.want(DONE, "service", "deny", "all")
        before = files(w)
        stamp = os.stat(w.path("services", "global.policy")).st_ino
        silent(w.want(DONE, "service", "allow", "tcp", "22", says="rule 1 is allow tcp 22 already"))
        w.want(DONE, "service", "allow", "tcp", "22-22", says="already")
        w.want(DONE, "service", "insert", "1", "allow", "tcp", "22", says="already")
        w.want(DONE, "service", "allow", "--at", "2", "tcp", "22", says="already")
        unchanged(w, before)
        eq(os.stat(w.path("services", "global.policy")).st_ino, stamp, "not written")


@test
def a_rule_that_can_never_match_is_warned_about():
    with World() as w:
        w.want(DONE, "service", "allow", "tcp", "1-1000")
        w.want(DONE, "service", "allow", "tcp", "1001-2000")
        r = w.want(DONE, "service", "allow", "tcp", "80")
        ok("services/global.policy:1: allow tcp 1-1000 covers it" in r.words, r.words)
        ok("insert" not in r.words, "it would change nothing")
        r = w.want(DONE, "service", "deny", "tcp", "900-1100")
        ok("the rules before it leave nothing" in r.words, r.words)
        silent(w.want(DONE, "service", "deny", "tcp", "2000-2001"))
        w.want(DONE, "trust", b64(KEYS[0]), "--name", "node-1")
        w.want(DONE, "service", "deny", "--peer", "node-1", "all")
        r = w.want(DONE, "service", "allow", "--peer", "node-1", "tcp", "22")
        ok("meshguard service insert 1 allow tcp 22 --peer node-1" in r.words, r.words)


@test
def comments_stay():
    text = ("# of this host\n\n\tallow   tcp 22 # ssh\r\n# the rest\n#  of it\n deny all"
            "  # all\n\n# end")
    with World() as w:
        w.write(text.encode(), "services", "global.policy")
        os.chmod(w.path("services"), 0o700)
        w.want(DONE, "service", "insert", "2", "allow", "tcp", "443")
        eq(w.read("services", "global.policy").decode(),
           text.replace("# the rest", "allow tcp 443\n# the rest"))
        w.want(DONE, "service", "delete", "2")
        eq(w.read("services", "global.policy").decode(), text)
        w.want(DONE, "service", "deny", "icmp")
        eq(w.read("services", "global.policy").decode(), text + "\ndeny icmp\n")
        w.want(DONE, "service", "delete", "1")
        eq(w.read("services", "global.policy").decode(),
           text.replace("\tallow   tcp 22 # ssh\r\n", "") + "\ndeny icmp\n")
        w.write(b"# mine\n\n  deny # for now\n# end", "services", "default")
        w.want(DONE, "service", "default", "allow")
        eq(rules(w, "default"), "# mine\n\n  allow # for now\n# end")


@test
def a_file_with_a_bad_line_is_not_edited():
    with World() as w:
        peers(w)
        w.write(b"allow tcp 22\nalow tcp 443\n", "services", "global.policy")
        w.write(b"perhaps\n", "services", "default")
        os.chmod(w.path("services"), 0o700)
        before = files(w)
        where = "services/global.policy:2: a rule begins with"
        for words in (("allow", "tcp", "80"), ("insert", "1", "deny", "all"), ("delete", "1")):
            w.want(FAILED, "service", *words, says=where)
        w.want(FAILED, "service", "default", "deny", says="services/default:1: the default is none")
        for words in (("list",), ("show",), ("show", "node-1"), ("explain", "node-1", "tcp", "22"),
                      ("who", "tcp", "22")):
            w.want(FAILED, "service", *words, says="services/default:1:")
        unchanged(w, before)
        w.write(b"deny\n", "services", "default")
        w.want(FAILED, "service", "list", says=where)
        # Others can be changed, but it is said.
        r = w.want(DONE, "service", "allow", "--peer", "node-1", "tcp", "22", says=where)
        ok("until that is mended" in r.words, r.words)
        w.want(DONE, "service", "reset")


@test
def what_is_not_ours_is_not_removed():
    with World() as w:
        peers(w)
        w.want(DONE, "service", "deny", "all")
        w.want(DONE, "service", "deny", "--peer", HEX[0], "all")
        w.want(DONE, "service", "deny", "--org", "eosrio", "all")
        w.write(b"x", "services", "notes.txt")
        w.write(b"x", "services", "peer", ".swp")
        os.mkdir(w.path("services", "old"))
        before = files(w)
        r = w.want(REFUSED, "service", "reset", says="notes.txt")
        ok("peer/.swp" in r.words and "old" in r.words and "global" not in r.words, r.words)
        unchanged(w, before)
        os.unlink(w.path("services", "notes.txt"))
        os.unlink(w.path("services", "peer", ".swp"))
        os.rmdir(w.path("services", "old"))
        w.want(DONE, "service", "reset")
        ok(".services.going" not in w.names() and "services" not in w.names(), w.names())


@test
def files_that_others_may_write_are_refused():
    with World() as w:
        w.want(DONE, "service", "deny", "all")
        os.chmod(w.path("services", "global.policy"), 0o666)
        w.want(FAILED, "service", "allow", "tcp", "22", says="chmod go-w")
        w.want(FAILED, "service", "list", says="chmod go-w")
        os.chmod(w.path("services", "global.policy"), 0o644)
        os.chmod(w.path("services"), 0o777)
        w.want(FAILED, "service", "allow", "tcp", "22", says="chmod go-w")
        w.want(FAILED, "service", "reset", says="chmod go-w")
        os.chmod(w.path("services"), 0o700)
        eq(files(w), {"global.policy": b"deny all\n"})


@test
def of_many_changes_at_once_none_is_lost():
    with World() as w:
        runs = [subprocess.Popen([PROGRAM, "service", "allow", "tcp", str(port)], env=w.env,
                                 stdout=subprocess.DEVNULL) for port in range(1, 13)]
        eq([r.wait(timeout=60) for r in runs], [DONE] * 12)
        eq(sorted(rules(w, "global.policy").splitlines()),
           sorted("allow tcp %d" % p for p in range(1, 13)))


@test
def a_full_disk_loses_nothing():
    with World() as w:
        peers(w)
        for words in (("allow", "tcp", "22"), ("default", "deny"),
                      ("deny", "--peer", "node-1", "all")):
            w.want(DONE, "service", *words)
        before = files(w)
        for words in (("deny", "all"), ("default", "allow"), ("insert", "1", "deny", "udp"),
                      ("allow", "--peer", "node-1", "udp"), ("allow", "--org", "eosrio", "udp")):
            r = subprocess.run(["sh", "-c", 'trap "" XFSZ; ulimit -f 0; exec "$@"', "sh", PROGRAM,
                                "service", *words], env=w.env, capture_output=True, timeout=60)
            eq(r.returncode, FAILED, words)
            ok(b"File too large" in r.stderr, r.stderr)
            unchanged(w, before)


@test
def a_file_has_room_for_so_many_rules():
    with World() as w:
        w.write("".join("deny tcp %d\n" % n for n in range(1, 1025)).encode(), "services",
                "global.policy")
        os.chmod(w.path("services"), 0o700)
        before = files(w)
        w.want(FAILED, "service", "allow", "udp", says="at most 1024 rules")
        unchanged(w, before)
        w.want(DONE, "service", "insert", "1", "deny", "tcp", "1024", says="moved")


# --- explaining

@test
def explain_goes_through_every_step():
    with World() as w:
        peers(w)
        w.want(DONE, "service", "allow", "--peer", "node-1", "tcp", "5432")
        w.want(DONE, "service", "allow", "--org", "eosrio", "tcp", "80")
        w.want(DONE, "service", "reject", "udp")
        w.want(DONE, "service", "default", "deny")
        eq(w.want(DONE, "service", "explain", "node-1", "tcp", "22").text, """\
node-1 tcp 22: denied by services/default: deny
  trust    authorized_keys/node-1.pub
  peer     services/peer/node-1.policy: no rule matches
  org      no rules
  global   services/global.policy: no rule matches
  default  services/default: deny
""")
        eq(w.want(DONE, "service", "explain", "node-2", "udp", "53", "--org", "eosrio").text, """\
node-2 udp 53: rejected by services/global.policy:1: reject udp
  trust    authorized_keys/node-2.pub
  peer     no rules
  org      services/org/eosrio.policy: no rule matches
  global   services/global.policy:1: reject udp
""")
        eq(w.want(DONE, "service", "explain", "stranger", "tcp", "80", "--org", "eosrio").text, """\
stranger tcp 80: allowed by services/org/eosrio.policy:1: allow tcp 80
  trust    as a member of the org eosrio
  peer     no rules
  org      services/org/eosrio.policy:1: allow tcp 80
""")
        w.want(DONE, "service", "explain", "node-1", "all", says="node-1 all: denied")
        w.want(DONE, "revoke", "--deny", "node-2")
        r = w.want(DONE, "service", "explain", b64(KEYS[1]), "udp", "53",
                   says="kept out, whatever the rules say")
        ok("denied_keys/node-2.pub keeps this key out" in r.text, r.text)


@test
def who_names_those_that_can_and_by_what():
    with World() as w:
        peers(w)
        w.write((b64(KEYS[0]) + "\n").encode(), "authorized_keys", "other.pub")
        w.want(DONE, "service", "default", "deny")
        w.want(DONE, "service", "allow", "--peer", "node-1", "tcp", "5432")
        w.want(DONE, "service", "allow", "--org", "eosrio", "tcp", "5432")
        eq(w.want(DONE, "service", "who", "tcp", "5432").text, """\
WHO                BY
node-1             services/peer/node-1.policy:1: allow tcp 5432
members of eosrio  services/org/eosrio.policy:1: allow tcp 5432
1 of 2 trusted peers can reach tcp 5432
""")
        w.want(DONE, "service", "who", "icmp", says="0 of 2 trusted peers can reach icmp\n")
        w.want(DONE, "service", "allow", "icmp")
        w.want(DONE, "service", "who", "icmp", says="2 of 2")
        w.want(DONE, "revoke", "--deny", "node-2")
        w.want(DONE, "service", "who", "icmp", says="1 of 1")


# --- changes that wait for their confirmation

MARK = """id 00112233445566778899aabbccddeeff
had yes
boot %s
until-boot-ms %d
until %d
within 3600
"""


def wait(w, seconds, before):
    """As the command and a daemon leave it: services.before/ and the mark."""
    with open("/proc/sys/kernel/random/boot_id") as f:
        boot = f.read().strip()
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    w.write(before, "services.before", "global.policy")
    w.write(b"00112233445566778899aabbccddeeff", "services.before", "undone")
    w.write((MARK % (boot, (now + seconds) * 1000, 1)).encode(), "services.pending")


@test
def nobody_rolls_back_without_a_daemon():
    with World() as w:
        peers(w)
        w.want(DONE, "service", "allow", "tcp", "22")
        before = files(w)
        for words in (("allow", "udp"), ("deny", "all"), ("reject", "udp"), ("delete", "1"),
                      ("insert", "1", "deny", "all"), ("default", "deny"), ("reset",)):
            w.want(NOT_RUNNING, "service", *words, "--confirm-within", "60s", "--interface",
                   "mgtest7", says="nobody would roll the change back")
            unchanged(w, before)
        eq([n for n in w.names() if n.startswith("services.")], [])


@test
def confirmation_is_waited_for_ten_seconds_to_an_hour():
    with World() as w:
        for span in ("9s", "3601s", "61m", "2h", "0s", "60", "s", "1d", "1.5m", "60s "):
            w.want(USAGE, "service", "deny", "all", "--confirm-within", span, says="10s to 1h")
        for span in ("10s", "3600s", "60m", "1h", "1m"):
            w.want(NOT_RUNNING, "service", "deny", "all", "--confirm-within", span,
                   "--interface", "mgtest7")
        for words in (("list",), ("confirm",), ("who", "tcp", "22")):
            w.want(USAGE, "service", *words, "--confirm-within", "60s", says="takes no")


@test
def without_a_change_that_waits_there_is_nothing_to_confirm():
    with World() as w:
        w.want(FAILED, "service", "confirm", says="no change of the service rules waits")
        ok(w.names() == [], w.names())
        w.want(DONE, "service", "deny", "all")
        w.want(FAILED, "service", "confirm", says="no change of the service rules waits")


@test
def what_waits_is_told_joined_and_confirmed():
    with World() as w:
        w.want(DONE, "service", "deny", "all")
        wait(w, 600, b"allow all\n")
        for words in (("list",), ("show",)):
            w.want(DONE, "service", *words, says="a change waits for its confirmation; it is "
                   "rolled back at ")
        r = w.want(DONE, "service", "allow", "tcp", "22", "--at", "1",
                   says="this one is rolled back with it at ")
        ok("(in 10m00s) unless: meshguard service confirm" in r.words, r.words)
        w.want(DONE, "service", "confirm", says="confirmed")
        eq(files(w), {"global.policy": b"allow tcp 22\ndeny all\n"})
        eq([n for n in w.names() if n.startswith("services.")], [])
        ok("confirmation" not in w.want(DONE, "service", "list").text, "nothing waits")


@test
def what_is_overdue_is_rolled_back_by_the_next_command():
    with World() as w:
        w.want(DONE, "service", "deny", "all")
        wait(w, -1, b"allow all\n")
        w.want(DONE, "service", "list", says="was not confirmed in time")
        w.want(DONE, "service", "deny", "udp", says="was not confirmed in time; it is rolled back")
        eq(files(w), {"global.policy": b"allow all\ndeny udp\n"})
        wait(w, -1, b"allow tcp\n")
        w.want(TIMED_OUT, "service", "confirm", says="too late: the change is rolled back")
        eq(files(w), {"global.policy": b"allow tcp\n"})
        eq([n for n in w.names() if n.startswith("services.")], [])


@test
def a_damaged_mark_is_told():
    with World() as w:
        w.want(DONE, "service", "deny", "all")
        w.write(b"nonsense\n", "services.pending")
        for words in (("allow", "tcp"), ("confirm",), ("reset",)):
            w.want(FAILED, "service", *words, says="services.pending is damaged")
        w.want(DONE, "service", "list", says="services.pending is damaged")


@test
def a_damaged_mark_with_its_copy_rolls_back():
    for data in (b"", b"nonsense\n", MARK[:40].encode()):
        with World() as w:
            w.want(DONE, "service", "deny", "all")
            wait(w, 600, b"allow all\n")
            w.write(data, "services.pending")
            w.want(DONE, "service", "list", says="services.pending is damaged; the rules of before")
            w.want(DONE, "service", "deny", "udp",
                   says="services.pending was damaged: the rules of before are back")
            eq(files(w), {"global.policy": b"allow all\ndeny udp\n"})
            wait(w, 600, b"allow tcp\n")
            w.write(data, "services.pending")
            w.want(TIMED_OUT, "service", "confirm", says="too late: the change is rolled back")
            eq(files(w), {"global.policy": b"allow tcp\n"})
            w.want(FAILED, "service", "confirm", says="no change of the service rules waits")


# --- the connection over which a change is made

# Mesh addresses of node-1, as SSH says who is here; the server's own do not matter.
SSH4, SSH6 = (RFC8032[0][i] + " 50000 10.99.1.1 22" for i in (2, 3))


def over(w, connection):
    return dict(w.env, SSH_CONNECTION=connection)


@test
def a_change_that_would_cut_the_own_connection_is_refused():
    with World() as w:
        peers(w)
        for ssh in (SSH4, SSH6, "::ffff:" + SSH4):
            env = over(w, ssh)
            r = w.want(FAILED, "service", "deny", "all", env=env, says="this would cut the "
                       "connection over which you are here, tcp 22 from ")
            ok("services/global.policy:1: deny all; --confirm-within 60s tries it, --force "
               "does it" in r.words, r.words)
            ok(" " + ssh.split()[0].replace("::ffff:", "") + ": " in r.words, r.words)
            w.want(FAILED, "service", "default", "deny", env=env, says="services/default: deny")
            w.want(FAILED, "service", "reject", "tcp", "1-100", env=env, says="would cut")
            w.want(FAILED, "service", "deny", "--peer", "node-1", "all", env=env,
                   says="services/peer/node-1.policy:1: deny all")
            w.want(FAILED, "service", "deny", "--peer", b64(KEYS[0]), "all", env=env,
                   says="would cut")
            eq(files(w), {})
            # What does not concern it is done.
            w.want(DONE, "service", "deny", "udp", env=env)
            w.want(DONE, "service", "deny", "--peer", "node-2", "all", env=env)
            w.want(DONE, "service", "default", "observe", env=env)
            w.want(DONE, "service", "reset", env=env)
        for other in ("192.0.2.1 50000 192.0.2.2 22", "fe80::1%eth0 5 fe80::2%eth0 22", "",
                      "nonsense", RFC8032[1][2] + " 50000 10.99.1.1 x"):
            w.want(DONE, "service", "deny", "all", env=over(w, other))
            w.want(DONE, "service", "reset", env=over(w, other))


@test
def taking_away_what_lets_the_own_connection_in_is_refused():
    with World() as w:
        peers(w)
        env = over(w, SSH4)
        w.want(DONE, "service", "allow", "tcp", "22", env=env)
        w.want(DONE, "service", "default", "deny", env=env)
        w.want(FAILED, "service", "delete", "1", env=env, says="services/default: deny")
        w.want(DONE, "service", "allow", "--peer", "node-1", "tcp", "22", env=env)
        w.want(DONE, "service", "delete", "1", env=env)
        w.want(FAILED, "service", "reset", "--peer", "node-1", env=env, says="would cut")
        w.want(FAILED, "service", "insert", "1", "deny", "tcp", "--peer", "node-1", env=env,
               says="services/peer/node-1.policy:1: deny tcp")
        # Another port of the server is another service.
        w.want(DONE, "service", "deny", "tcp", "23-65535", "--at", "1", "--peer", "node-1",
               env=env)
        w.want(DONE, "service", "reset", env=env)


@test
def what_the_rules_keep_out_already_is_not_cut():
    with World() as w:
        peers(w)
        w.want(DONE, "service", "deny", "all")
        w.want(DONE, "service", "default", "deny", env=over(w, SSH4))
        w.want(DONE, "service", "reset")
        # A file that is bad keeps any change out of force.
        w.write(b"nonsense\n", "services", "peer", "node-2.policy")
        os.chmod(w.path("services"), 0o700)
        w.want(DONE, "service", "deny", "all", env=over(w, SSH4), says="until that is mended")


@test
def somebody_else_of_the_mesh_is_asked_for_as_anybody():
    with World() as w:
        peers(w)
        env = over(w, "10.99.200.7 50000 10.99.1.1 22")
        w.want(DONE, "service", "deny", "--peer", "node-1", "all", env=env)
        w.want(FAILED, "service", "deny", "all", env=env, says="would cut")


@test
def force_and_a_confirmation_make_the_change():
    with World() as w:
        peers(w)
        env = over(w, SSH4)
        silent(w.want(DONE, "service", "deny", "all", "--force", env=env))
        eq(files(w), {"global.policy": b"deny all\n"})
        w.want(DONE, "service", "reset", env=env)
        # It is the daemon that is missing, not the permission.
        w.want(NOT_RUNNING, "service", "deny", "all", "--confirm-within", "60s", "--interface",
               "mgtest7", env=env)


@test
def the_connection_is_found_behind_sudo():
    with World() as w:
        peers(w)
        script = 'env -u SSH_CONNECTION sh -c \'"$@"; exit $?\' sh "$@"; exit $?'
        r = subprocess.run(["sh", "-c", script, "sh", PROGRAM, "service", "deny", "all"],
                           env=over(w, SSH6), capture_output=True, timeout=60)
        eq(r.returncode, FAILED)
        ok(b"would cut the connection" in r.stderr, r.stderr)


# --- for programs

def said(w, *args, env=None):
    r = silent(w.want(DONE, "service", *args, "--json", env=env))
    ok(r.text.count("\n") == 1, r.text)
    answer = json.loads(r.text)
    eq(answer.pop("version"), 1)
    return answer


def rule(origin, name, file, line, number, text):
    return {"origin": origin, "list": name, "file": file and "services/" + file, "line": line,
            "number": number, "rule": text, "covered": False, "packets": None, "flows": None}


GLOBAL = [rule("global", "", "global.policy", 2, 1, "allow tcp 22"),
          rule("global", "", "global.policy", 3, 2, "deny all")]
NODE1 = [rule("peer", "node-1", "peer/node-1.policy", 1, 1, "allow tcp 5432")]
EOSRIO = [rule("org", "eosrio", "org/eosrio.policy", 1, 1, "reject udp")]
DEFAULT = rule("default", "", "default", 0, 0, "observe")


def some(w):
    peers(w)
    w.want(DONE, "service", "default", "observe")
    w.want(DONE, "service", "allow", "--peer", "node-1", "tcp", "5432")
    w.want(DONE, "service", "reject", "--org", "eosrio", "udp")
    w.write(b"# mine\nallow tcp 22\ndeny all\n", "services", "global.policy")


@test
def rules_that_never_match_are_marked():
    with World() as w:
        w.write(b"allow tcp 80-90\ndeny tcp 85\nallow udp 1-99\nallow udp 100-65535\n"
                b"deny udp 50-200\ndeny all\n", "services", "global.policy")
        lines = w.want(DONE, "service", "list").text.splitlines()
        eq([l.split("  never")[1] for l in lines if "never" in l],
           [" matches: rule 1 covers it", " matches: those before it leave nothing"])
        ok(lines[3].startswith("    2  deny tcp 85  never"), lines)
        eq([r["covered"] for r in said(w, "list")["rules"]],
           [False, True, False, False, True, False])


@test
def list_and_show_for_programs():
    with World() as w:
        nothing = rule("default", "", None, 0, 0, "allow")
        eq(said(w, "list"), {"rules": [], "default": nothing, "pending": None})
        eq(said(w, "show"), {"rules": [], "default": nothing, "pending": None,
                             "peer_policies": 0, "org_policies": 0})
        some(w)
        eq(said(w, "list"), {"rules": GLOBAL + NODE1 + EOSRIO, "default": DEFAULT,
                             "pending": None})
        eq(said(w, "list", "--peer", "node-1")["rules"], NODE1)
        eq(said(w, "list", "--peer", "node-2")["rules"], [])
        eq(said(w, "list", "--org", "eosrio")["rules"], EOSRIO)
        eq(said(w, "show"), {"rules": GLOBAL, "default": DEFAULT, "pending": None,
                             "peer_policies": 1, "org_policies": 1})
        eq(said(w, "show", "node-1"), {"peer": "node-1", "org": None, "rules": NODE1 + GLOBAL,
                                       "default": DEFAULT, "pending": None})
        eq(said(w, "show", "node-2", "--org", "eosrio"), {
            "peer": "node-2", "org": "eosrio", "rules": EOSRIO + GLOBAL, "default": DEFAULT,
            "pending": None})
        wait(w, 600, b"allow all\n")
        for words in (("list",), ("show",), ("show", "node-1")):
            pending = said(w, *words)["pending"]
            ok(590 <= pending["left_s"] <= 600, pending)
            ok(abs(pending["until"] - pending["left_s"] - time.time()) < 5, pending)
        w.want(FAILED, "service", "list", "--json", "--peer", "nobody")
        for words in (("deny", "all"), ("confirm",), ("reset",)):
            w.want(USAGE, "service", *words, "--json", says="takes no --json")


@test
def explain_and_who_for_programs():
    with World() as w:
        some(w)
        tcp22, udp53 = ({"protocol": "tcp", "port": 22}, {"protocol": "udp", "port": 53})
        eq(said(w, "explain", "node-1", "tcp", "22"), {
            "peer": "node-1", "org": None, "service": tcp22, "verdict": "allowed",
            "observed": False, "by": GLOBAL[0], "trusted": "node-1", "denied": None})
        eq(said(w, "explain", "stranger", "udp", "53", "--org", "eosrio"), {
            "peer": "stranger", "org": "eosrio", "service": udp53, "verdict": "rejected",
            "observed": False, "by": EOSRIO[0], "trusted": None, "denied": None})
        eq(said(w, "explain", "node-1", "all")["service"], {"protocol": "all", "port": None})
        eq(said(w, "explain", "node-1", "all")["by"], GLOBAL[1])
        eq(said(w, "who", "tcp", "5432"), {
            "service": {"protocol": "tcp", "port": 5432}, "trusted": 2, "orgs": [],
            "members": [], "admitted": 0, "peers": [{"name": "node-1", "by": NODE1[0]}]})
        w.want(DONE, "service", "delete", "2")
        answer = said(w, "explain", "node-2", "icmp")
        eq((answer["verdict"], answer["observed"], answer["by"]), ("allowed", True, DEFAULT))
        answer = said(w, "who", "udp", "53")
        eq([p["name"] for p in answer["peers"]], ["node-1", "node-2"])
        eq(answer["orgs"], [])
        eq([o["name"] for o in said(w, "who", "icmp")["orgs"]], ["eosrio"])
        w.want(DONE, "revoke", "--deny", "node-2")
        eq(said(w, "explain", b64(KEYS[1]), "icmp"), {
            "peer": b64(KEYS[1]), "org": None, "service": {"protocol": "icmp", "port": None},
            "verdict": "kept-out", "observed": False, "by": None, "trusted": None,
            "denied": "node-2"})


@test
def learn_needs_a_daemon():
    with World() as w:
        w.want(NOT_RUNNING, "service", "learn", "--since", "7d", "--interface", "mgtest7",
               says="mgtest7")


main()
