#!/usr/bin/python3
"""Runs whole published vector files through core/crypto.

MESHGUARD_VECTORS names a directory with wycheproof/*_test.json and
blake3/test_vectors.json; CC names the compiler. The unit tests carry short tables of
their own and need none of this.
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def words(*args):
    return " ".join(a or "-" for a in args)


def aead(path, prefix):
    """Valid vectors must seal and open; all others must be refused."""
    for group, t in tests(path):
        args = (t["key"], t["iv"], t["aad"])
        sealed = t["ct"] + t["tag"]
        good = t["result"] == "valid"
        yield t, words(prefix + "open", *args, sealed), t["msg"] or "-" if good else "bad"
        if good:
            yield t, words(prefix + "seal", *args, t["msg"]), sealed


def x25519(path):
    """A shared secret of zero is refused here, whatever the file calls it."""
    for group, t in tests(path):
        zero = set(t["shared"]) == {"0"}
        good = t["result"] != "invalid" and not zero
        yield t, words("x25519", t["private"], t["public"]), t["shared"] if good else "bad"


def ed25519(path):
    for group, t in tests(path):
        line = words("verify", group["publicKey"]["pk"], t["msg"], t["sig"])
        yield t, line, "-" if t["result"] == "valid" else "bad"


def siphash(path):
    for group, t in tests(path):
        if t["result"] == "valid":
            yield t, words("siphash", t["key"], t["msg"]), t["tag"]


def blake3(path):
    for t in json.loads(path.read_text())["cases"]:
        if t["input_len"] <= 64:  # one block, which is all that we have
            data = bytes(range(t["input_len"])).hex()
            yield t, words("blake3", data), t["hash"][:64]


def tests(path):
    for group in json.loads(path.read_text())["testGroups"]:
        for t in group["tests"]:
            yield group, t


def build(folder):
    driver = folder / "vectors"
    sources = [ROOT / "test/vectors.c", *ROOT.glob("core/base/*.c"), *ROOT.glob("core/crypto/*.c")]
    subprocess.run(
        [os.environ.get("CC", "cc"), "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra",
         "-iquote", ROOT / "core", "-iquote", ROOT / "test", "-o", driver, *sources,
         "-lsodium", "-lcrypto"], check=True)
    return driver


def main():
    if "MESHGUARD_VECTORS" not in os.environ:
        sys.exit("MESHGUARD_VECTORS names no directory of vectors")
    base = Path(os.environ["MESHGUARD_VECTORS"])
    wycheproof = base / "wycheproof"
    suites = {
        "chacha20-poly1305": aead(wycheproof / "chacha20_poly1305_test.json", ""),
        "xchacha20-poly1305": aead(wycheproof / "xchacha20_poly1305_test.json", "x"),
        "x25519": x25519(wycheproof / "x25519_test.json"),
        "ed25519": ed25519(wycheproof / "ed25519_test.json"),
        "siphash": siphash(wycheproof / "siphash_2_4_test.json"),
        "blake3": blake3(base / "blake3" / "test_vectors.json"),
    }
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        driver = build(Path(folder))
        for name, suite in suites.items():
            rows = list(suite)
            asked = "".join(line + "\n" for _, line, _ in rows)
            got = subprocess.run([driver], input=asked, capture_output=True, text=True, check=True)
            answers = got.stdout.split("\n")[:-1]
            wrong = [(t, a, w) for (t, _, w), a in zip(rows, answers) if a != w]
            for t, a, w in wrong:
                print(f"# {name} {t.get('tcId')} {t.get('comment')}: {a}, want {w}")
            bad += len(wrong) + (len(answers) != len(rows)) + (not rows)
            print(f"{name}: {len(rows) - len(wrong)} of {len(rows)}")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
