"""What the tests of the command line share: a world of files, a runner, TAP.

The program is $MESHGUARD, else build/meshguard. Nothing here needs root or the network.
"""
import base64
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("MESHGUARD", os.path.join(ROOT, "build", "meshguard"))

DONE, FAILED, USAGE, NOT_RUNNING, REFUSED, TIMED_OUT = range(6)

_tests = []
_bad = 0


def test(function):
    """Registers a test; its name with blanks is what it claims."""
    _tests.append(function)
    return function


def diag(text):
    for line in str(text).splitlines() or [""]:
        print("#   " + line)


def ok(claim, what):
    global _bad
    if not claim:
        _bad += 1
        line = sys._getframe(1).f_lineno
        print("#  line %d: %s" % (line, what))
    return claim


def eq(got, want, what=""):
    global _bad
    if got != want:
        _bad += 1
        print("#  line %d: %s" % (sys._getframe(1).f_lineno, what))
        diag("got  %r" % (got,))
        diag("want %r" % (want,))
    return got == want


class Result:
    def __init__(self, args, done):
        self.args, self.code = args, done.returncode
        self.out, self.err = done.stdout or b"", done.stderr or b""
        self.text, self.words = self.out.decode(), self.err.decode()


class World:
    """A home of its own; `config` is where MESHGUARD_CONFIG_DIR points."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="meshguard-cli-")
        self.config = os.path.join(self.dir, "config")
        self.env = {"HOME": os.path.join(self.dir, "home"), "PATH": os.environ["PATH"],
                    "LC_ALL": "C", "MESHGUARD_CONFIG_DIR": self.config}
        os.mkdir(self.env["HOME"])
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.config, *parts)

    def run(self, *args, stdin=b"", stdout=subprocess.PIPE, env=None, **more):
        done = subprocess.run([PROGRAM, *args], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
                              env=env or self.env, timeout=60, **more)
        return Result(args, done)

    def want(self, code, *args, says=None, **more):
        """Runs, and expects the exit code; errors are one line on standard error."""
        r = self.run(*args, **more)
        line = sys._getframe(1).f_lineno
        global _bad
        if r.code != code:
            _bad += 1
            print("#  line %d: %r gave %d, want %d" % (line, args, r.code, code))
            diag(r.text + r.words)
        if code != DONE and not (r.words.endswith("\n") and r.words.count("\n") == 1):
            _bad += 1
            print("#  line %d: %r: an error is one line" % (line, args))
            diag(r.words)
        if says is not None and says not in r.words + r.text:
            _bad += 1
            print("#  line %d: %r does not say %r" % (line, args, says))
            diag(r.text + r.words)
        return r

    def read(self, *parts):
        with open(self.path(*parts), "rb") as f:
            return f.read()

    def write(self, data, *parts, mode=0o644):
        os.makedirs(os.path.dirname(self.path(*parts)), mode=0o700, exist_ok=True)
        with open(self.path(*parts), "wb") as f:
            f.write(data)
        os.chmod(self.path(*parts), mode)

    def names(self, *parts):
        try:
            return sorted(os.listdir(self.path(*parts)))
        except FileNotFoundError:
            return []


def b64(data):
    return base64.b64encode(data).decode()


def main():
    global _bad
    failed = 0
    sys.stdout.reconfigure(line_buffering=True)
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    tests = [t for t in _tests if only in t.__name__]
    print("TAP version 13\n1..%d" % len(tests))
    for number, function in enumerate(tests, 1):
        _bad = 0
        skip = None
        try:
            skip = function()
        except Exception as e:  # a crash of the test is a failure of the test
            ok(False, "%s: %s" % (type(e).__name__, e))
        claim = function.__name__.replace("_", " ")
        print("%sok %d - %s%s" % ("not " if _bad else "", number, claim,
                                  " # SKIP " + skip if skip else ""))
        failed += _bad != 0
    sys.exit(failed != 0)


# --- Ed25519, as far as a test needs it (RFC 8032, section 5.1)

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def x_of(y):
    """An x of the curve for this y, or None."""
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * SQRT_M1 % P
    return None if (x * x - xx) % P else x


def encode(y, sign=0):
    return (y | sign << 255).to_bytes(32, "little")


def decode(key):
    n = int.from_bytes(key, "little")
    y, sign = n & (2**255 - 1), n >> 255
    x = x_of(y)
    return (x if x & 1 == sign else P - x), y


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    return ((x1 * y2 + x2 * y1) * pow(1 + k, P - 2, P) % P,
            (y1 * y2 + x1 * x2) * pow(1 - k, P - 2, P) % P)


def negative(key):
    """The key of -P: same X25519 twin."""
    return key[:31] + bytes([key[31] ^ 0x80])


# Seeds and public keys of RFC 8032, 7.1, tests 1 to 3, and the mesh addresses that follow.
RFC8032 = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
     "10.99.108.49", "fd99:6d67::6c31:412:68f4:7160"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
     "10.99.16.39", "fd99:6d67::1027:e035:b26b:605d"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
     "10.99.132.96", "fd99:6d67::8460:6c25:c8a5:a750"),
]
SECRETS = [bytes.fromhex(seed + public) for seed, public, _, _ in RFC8032]
KEYS = [bytes.fromhex(public) for _, public, _, _ in RFC8032]
