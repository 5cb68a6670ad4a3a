#!/usr/bin/python3
"""config show: what is in force and where it comes from, with nothing running."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from lib import *

INTERFACE = ["--interface", "mgtest7"]  # so that a daemon of this machine does not answer


def shown(w, **more):
    return json.loads(w.want(DONE, "config", "show", "--json", *INTERFACE, **more).text)


@test
def it_works_with_nothing_there():
    with World() as w:
        c = shown(w)
        eq(c["version"], 1)
        eq(c["directory"], {"path": w.config, "source": "MESHGUARD_CONFIG_DIR", "exists": False})
        eq(c["identity"], None)
        eq((c["trusted"], c["unusable"], c["trust_unreadable"]), ([], [], False))
        eq((c["org"], c["orgs"], c["certificates"], c["denied"]), (None, [], [], []))
        eq({n: v["value"] for n, v in c["settings"].items()},
           {"interface": "mgtest7", "port": 51821, "mtu": 1420, "prefix": "10.99.0.0/16",
            "max_members": 16384, "seeds": []})
        eq(c["settings"]["port"]["source"], "default")
        eq(c["settings"]["interface"]["source"], "--interface")
        r = w.want(DONE, "config", "show", *INTERFACE, says="not there yet")
        ok("meshguard keygen" in r.text and "meshguard trust" in r.text, "says what to do")
        eq(w.names(), [], "looking makes nothing")


@test
def it_shows_identity_and_trusted_keys():
    with World() as w:
        w.write((b64(SECRETS[0]) + "\n").encode(), "identity.key", mode=0o600)
        w.write((b64(KEYS[0]) + "\n").encode(), "identity.pub")
        os.chmod(w.config, 0o700)
        w.want(DONE, "trust", b64(KEYS[2]), "--name", "zoe")
        w.want(DONE, "trust", b64(KEYS[1]), "--name", "bob")
        c = shown(w)
        eq(c["identity"], {"key": b64(KEYS[0]), "ipv4": RFC8032[0][2], "ipv6": RFC8032[0][3]})
        eq(c["trusted"], [
            {"name": "bob", "key": b64(KEYS[1]), "ipv4": RFC8032[1][2], "ipv6": RFC8032[1][3]},
            {"name": "zoe", "key": b64(KEYS[2]), "ipv4": RFC8032[2][2], "ipv6": RFC8032[2][3]}])
        text = w.want(DONE, "config", "show", *INTERFACE).text
        for n in range(3):
            ok(b64(KEYS[n]) in text and RFC8032[n][2] in text and RFC8032[n][3] in text, str(n))
        ok(b64(SECRETS[0])[:40] not in text, "not the secret")


@test
def it_shows_the_rules_for_addresses():
    with World() as w:
        w.want(DONE, "keygen")
        eq(shown(w)["address_rules"], [])
        w.write(b"deny 172.16.0.0/12 # bridges\n\nallow fd00::/8\n", "addresses")
        eq(shown(w)["address_rules"], [{"rule": "deny", "prefix": "172.16.0.0/12"},
                                       {"rule": "allow", "prefix": "fd00::/8"}])
        text = w.want(DONE, "config", "show", *INTERFACE, says="address rules").text
        ok(text.index("172.16.0.0/12") < text.index("fd00::/8"), "in their order")
        w.write(b"allow 10.0.0.0/8\ndeny everybody\n", "addresses")
        c = shown(w)
        eq(c["address_rules"], [])
        ok("addresses:2: " in c["unusable"][0]["problem"], c["unusable"])
        w.want(DONE, "config", "show", *INTERFACE, says="addresses:2: ")


@test
def it_shows_orgs_certificates_and_denied_keys():
    with World() as w:
        w.write((b64(SECRETS[0]) + "\n").encode(), "identity.key", mode=0o600)
        w.write((b64(SECRETS[1]) + "\n").encode(), "org", "org.key", mode=0o600)
        os.chmod(w.config, 0o700)
        os.chmod(w.path("org"), 0o700)
        w.want(DONE, "trust", "--org", b64(KEYS[1]), "--name", "acme")
        w.want(DONE, "revoke", b64(KEYS[2]))
        text = w.want(DONE, "org-sign", b64(KEYS[0]), "--name", "alice", "--group", "db").out
        w.want(DONE, "org-join", "-", stdin=text)
        w.write(b"x\n", "org", "00" * 32 + ".cert")
        w.write(b"x\n", "trusted_orgs", "bad.pub")
        c = shown(w)
        eq(c["org"], {"key": b64(KEYS[1]), "alias": None})
        eq(c["orgs"], [{"name": "acme", "key": b64(KEYS[1]), "called": "acme"}])
        eq(c["denied"], [{"name": "peer-84606c25", "key": b64(KEYS[2])}])
        m, = c["certificates"]
        eq((m["org"], m["name"], m["state"], m["groups"]),
           (b64(KEYS[1]), "alice", "valid", ["db"]))
        eq(m["expires"] - m["not_before"], 365 * 86400 + 300)
        eq([u["name"] for u in c["unusable"]], ["bad", ""])
        ok("move it away" in c["unusable"][1]["problem"], c["unusable"])
        text = w.want(DONE, "config", "show", *INTERFACE).text
        for said in ("org made here", "acme  alice  until 20", "(365 days)", "trusted orgs",
                     "denied keys", b64(KEYS[1]), b64(KEYS[2])):
            ok(said in text, said + " in\n" + text)
        eq(text.count("unusable: "), 2)
        ok(b64(SECRETS[1])[:40] not in text, "not the secret")


@test
def keys_that_no_daemon_uses_are_unusable():
    with World() as w:
        w.write((b64(SECRETS[0]) + "\n").encode(), "identity.key", mode=0o600)
        for name, key in (("Bob", KEYS[1]), ("bobby", KEYS[1]), ("eve", negative(KEYS[1])), ("self", KEYS[0]),
                          ("zelf", negative(KEYS[0])), ("zoe", KEYS[2])):
            w.write((b64(key) + "\n").encode(), "authorized_keys", name + ".pub")
        os.chmod(w.config, 0o700)
        c = shown(w)
        eq([t["name"] for t in c["trusted"]], ["Bob", "bobby", "zoe"])
        eq([t["name"] for t in c["unusable"]], ["eve", "self", "zelf"])
        ok("same tunnel key as Bob" in c["unusable"][0]["problem"], "with whom")
        ok("own tunnel key" in c["unusable"][1]["problem"], "whose")


@test
def names_of_files_do_not_steer_the_terminal():
    with World() as w:
        w.write(b"x", "authorized_keys", "a\n\x1b[2Jb.pub")
        os.chmod(w.config, 0o700)
        r = w.want(DONE, "config", "show", *INTERFACE, says="a??[2Jb.pub")
        ok("\x1b" not in r.text, r.text)


@test
def what_is_unusable_is_named_with_its_reason():
    with World() as w:
        w.write(b"spoilt\n", "authorized_keys", "bad.pub")
        w.write((b64(encode(1)) + "\n").encode(), "authorized_keys", "small.pub")
        w.write((b64(KEYS[0]) + "\n").encode(), "authorized_keys", "white space.pub")
        w.write((b64(SECRETS[0]) + "\n").encode(), "identity.key", mode=0o644)
        os.symlink("/etc/passwd", w.path("authorized_keys", "link.pub"))
        os.chmod(w.config, 0o700)
        c = shown(w)
        eq(c["trusted"], [])
        eq([u["name"] for u in c["unusable"]], ["bad", "link", "small", "white space"])
        ok(all(u["problem"] for u in c["unusable"]), "each has a reason")
        ok("chmod 600" in c["identity"]["problem"], c["identity"])
        text = w.want(DONE, "config", "show", *INTERFACE).text
        eq(text.count("unusable: "), 5)


@test
def the_source_of_the_directory_is_said():
    with World() as w:
        env = dict(w.env)
        del env["MESHGUARD_CONFIG_DIR"]
        eq(shown(w, env=env)["directory"]["source"], "HOME")
        env["XDG_CONFIG_HOME"] = os.path.join(w.dir, "xdg")
        c = shown(w, env=env)
        eq(c["directory"]["source"], "XDG_CONFIG_HOME")
        eq(c["directory"]["path"], os.path.join(w.dir, "xdg", "meshguard"))
        env["XDG_CONFIG_HOME"] = "relative"
        eq(shown(w, env=env)["directory"]["source"], "HOME", "its specification says so")


main()
