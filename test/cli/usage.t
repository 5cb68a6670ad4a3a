#!/usr/bin/python3
"""Help, slips of the pen, exit codes, and output that does not arrive."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import *

COMMANDS = ["keygen", "export", "trust", "revoke", "rotate", "org-keygen", "org-sign", "org-join",
            "org-vouch", "org-revoke", "org-alias", "service", "up", "down", "status", "ping", "netcheck", "config show",
            "wireguard", "version", "help"]


@test
def every_command_has_a_page_that_fits_a_screen():
    with World() as w:
        for command in COMMANDS:
            words = command.split()
            page = w.want(DONE, "help", *words)
            eq(page.words, "")
            eq(w.want(DONE, *words, "--help").out, page.out, command)
            lines = page.text.splitlines()
            ok(len(lines) <= (40 if command == "up" else 24), "%s: %d lines" % (command, len(lines)))
            for line in lines:
                ok(len(line) <= 80, "%s: %s" % (command, line))
            ok(page.text.startswith("usage: meshguard " + command), command)
            ok("\nexample: " in page.text, command)
        eq(w.names(), [], "help makes no directory")


@test
def the_list_names_every_command():
    with World() as w:
        r = w.want(DONE, "help")
        for command in COMMANDS:
            ok("\n  %s " % command in r.text, command)
        for line in r.text.splitlines():
            ok(len(line) <= 80, line)
        eq(w.want(DONE, "--help").out, r.out)
        eq(w.want(DONE, "-h").out, r.out)


@test
def without_a_word_the_list_is_an_error():
    with World() as w:
        r = w.run()
        eq(r.code, USAGE)
        eq(r.text, "")
        ok(r.words.startswith("usage: meshguard"), r.words)


@test
def words_of_two_parts_help_with_the_second():
    with World() as w:
        w.want(USAGE, "config", says="show")
        w.want(USAGE, "config", "shwo", says="config show")
        w.want(DONE, "config", "--help", says="usage: meshguard config show")
        w.want(DONE, "help", "config", says="usage: meshguard config show")


@test
def slips_are_answered_with_the_nearest_word():
    with World() as w:
        for slip, word in (("keygne", "keygen"), ("exprot", "export"), ("trsut", "trust"),
                           ("rev", "revoke"), ("stauts", "status"), ("donw", "down"),
                           ("confg", "config"), ("verison", "version"), ("wiregaurd", "wireguard"),
                           ("hlep", "help")):
            w.want(USAGE, slip, says="did you mean %s?" % word)
            w.want(USAGE, "help", slip, says="did you mean %s?" % word)
        r = w.want(USAGE, "xyzzy", says='"xyzzy"')
        ok("did you mean" not in r.words, "nothing is near")
        w.want(USAGE, "trust", "--nmae", "x", says="did you mean --name?")
        w.want(USAGE, "up", "--sede=a:1", says="did you mean --seed?")
        w.want(USAGE, "status", "--jsno", says="did you mean --json?")
        eq(w.names(), [])


@test
def unknown_options_are_errors_of_every_command():
    with World() as w:
        for command in COMMANDS:
            if command != "wireguard":
                w.want(USAGE, *command.split(), "--no-such-option", says="--no-such-option")
                w.want(USAGE, *command.split(), "-q", says="-q")
        eq(w.names(), [])


@test
def words_too_many_or_too_few_are_errors():
    with World() as w:
        for command in ("keygen", "org-keygen", "export", "up", "down", "status", "config show", "version"):
            w.want(USAGE, *command.split(), "extra", says="extra")
        for command in ("trust", "revoke", "org-sign", "org-join", "org-vouch", "org-revoke",
                        "org-alias", "service"):
            w.want(USAGE, command, says="usage: meshguard " + command)
        w.want(USAGE, "help", "trust", "extra", says="extra")


@test
def options_stand_anywhere():
    with World() as w:
        w.want(DONE, "--name", "a", "trust", b64(KEYS[0]))
        w.want(DONE, "--name=b", "trust", b64(KEYS[1]))
        w.want(DONE, "--json", "config", "show", says='"version"')
        w.want(DONE, "config", "--json", "show", says='"version"')
        w.want(NOT_RUNNING, "--interface", "mgtest7", "status", says="mgtest7")
        w.want(DONE, "--help", "trust", says="usage: meshguard trust")
        eq(w.names("authorized_keys"), ["a.pub", "b.pub"])
        w.want(DONE, "--org", "trust", b64(KEYS[2]), "--name", "c")
        eq(w.names("trusted_orgs"), ["c.pub"])


@test
def two_dashes_end_the_options():
    with World() as w:
        w.want(FAILED, "trust", "--", "--name", says="--name")
        w.want(USAGE, "keygen", "--", "--force", says="--force")
        w.want(DONE, "--", "version", says="meshguard ")


@test
def values_of_up_are_checked_before_anything_happens():
    rows = [("--port", "0"), ("--port", "65536"), ("--port", "1e3"), ("--port", "-1"),
            ("--mtu", "1279"), ("--mtu", "65441"), ("--seed", "192.0.2.7."),
            ("--seed", "192.0.2.7:0"), ("--seed", "192.0.2.7:65536"), ("--seed", "300.0.2.7:1"),
            ("--seed", ":51821"), ("--seed", "2001:db8::1:51821"), ("--seed", "a b:1"),
            ("--seed", "224.0.0.1:1"), ("--seed", "[2001:db8::1]x"), ("--seed", "2001:db8::1"),
            ("--seed", "a..b"), ("--dns", "a b"), ("--dns", "x" * 64), ("--dns", "192.0.2.7"), ("--dns", "-"), ("--seed", "[::]:51821"),
            ("--interface", "a/b"), ("--interface", "sixteen-letters-"), ("--interface", ".."),
            ("--interface", "mg%d"), ("--prefix", "10.0.0.0"), ("--prefix", "10.0.0.0/7"),
            ("--prefix", "10.0.0.0/25"), ("--prefix", "fd00::/16"), ("--prefix", "127.0.0.0/8"),
            ("--prefix", "224.0.0.0/8"), ("--prefix", "x/16"), ("--announce", "192.0.2"),
            ("--announce", "192.0.2.7:0"), ("--announce", "224.0.0.1"), ("--announce", "name"),
            ("--announce", "fe80::1"), ("--announce", "0.0.0.0"), ("--stun", "192.0.2.7:0"),
            ("--stun", "224.0.0.1:1"), ("--stun", "-x:1"), ("--map", "on"),
            ("--birthday", "on")]
    with World() as w:
        for option, value in rows:
            w.want(USAGE, "up", option, value, says=option)
        w.want(USAGE, "up", "--port", "1", "--port", "2", says="twice")
        w.want(USAGE, "up", *["--seed=192.0.2.7:1"] * 65, says="64")
        w.want(USAGE, "up", *["--dns=example.org"] * 9, says="8")
        w.want(USAGE, "up", *["--stun=192.0.2.7:1"] * 5, says="at most 4")
        w.want(USAGE, "up", "--stun", "off", "--stun", "192.0.2.7:1", says="off alone")
        w.want(USAGE, "up", *["--announce=192.0.2.7"] * 9, says="at most 8")
        for n in ("0", "65537", "many"):
            w.want(USAGE, "up", "--max-members", n, says="--max-members")
        w.want(USAGE, "up", "--log-events", "--detach", says="--detach")
        w.want(USAGE, "up", "--gossip-only", "--mtu", "1300", says="--mtu")
        w.want(USAGE, "up", "--gossip-only", "--debug-keylog", "x", says="--debug-keylog")
        ok("--announce" in w.want(DONE, "help", "up").text, "help has every option")
        eq(w.names(), [])


@test
def without_a_daemon_status_and_down_say_so():
    with World() as w:
        eq(w.want(NOT_RUNNING, "status", "--interface", "mgtest7").words,
           "meshguard is not running on mgtest7; start it with: "
           "meshguard up --interface mgtest7\n")
        r = w.want(NOT_RUNNING, "status", "--json", "--interface", "mgtest7")
        eq(r.text, "", "no half of an answer")
        w.want(NOT_RUNNING, "netcheck", "--interface", "mgtest7", says="not running on mgtest7")
        w.want(NOT_RUNNING, "down", "--interface", "mgtest7", says="not running on mgtest7")


@test
def the_version_is_one_line():
    with World() as w:
        r = w.want(DONE, "version")
        ok(r.text.startswith("meshguard ") and r.text.count("\n") == 1, r.text)
        eq(w.want(DONE, "--version").out, r.out)


@test
def output_that_does_not_arrive_is_a_failure():
    with World() as w:
        w.want(DONE, "keygen")
        for command in ("help", "help up", "version", "--version", "export", "config show",
                        "config show --json", "up --help"):
            with open("/dev/full", "wb") as full:
                w.want(FAILED, *command.split(), stdout=full, says="No space left")
        done = subprocess.run(["sh", "-c", '"$0" export >&-', PROGRAM], env=w.env,
                              capture_output=True)
        eq(done.returncode, FAILED, "a closed output")


@test
def no_colour_goes_into_a_pipe():
    with World() as w:
        env = dict(w.env, TERM="xterm-256color")
        ok("\033" not in w.want(DONE, "config", "show", env=env).text, "no escapes")


@test
def errors_hold_no_control_characters():
    with World() as w:
        r = w.want(USAGE, "tru\nst\033[2J")
        ok("\033" not in r.words, r.words)


main()
