#!/bin/bash
# The control socket of a real daemon: stopped, crowded, and fed with garbage.
. "$(dirname "$0")/mesh.sh"

node A
up A
wait_for 5 "it serves" serves A
socket=$(on A find /run/meshguard -name mg0.sock)
descriptors() { find "/proc/$(child_of A)/fd" -mindepth 1 | wc -l; }
before=$(descriptors)

# --- a daemon that does not answer
# shellcheck disable=SC2046 # two words
kill -STOP $(both_of A)
start=$(now_us)
ok "status of a stopped daemon: 5" exits 5 mg A status
ok "it says so in one line" said "did not answer"
ok "and names the process" said "kill -KILL ${daemon[A]}"
ok "after five seconds" at_most $(($(now_us) - start)) 7000000
ok "config show works all the same" exits 0 mg A config show
ok "and says whose settings it cannot tell" said "does not tell"
# shellcheck disable=SC2046
kill -CONT $(both_of A)
ok "it goes on" within 5 serves A

# --- clients that only sit there
(exec nsenter -t "${holder[A]}" -m -n -- python3 - "$socket") <<'END' &
import socket, sys, time
held = []
for _ in range(40):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    held.append(s)
time.sleep(600)
END
sitters=$!
ok "they come in" within 5 eval '[ "$(descriptors)" -ge $((before + 16)) ]'
ok "not more than 16 of them" at_most "$(descriptors)" $((before + 17))
ok "and make room for who asks" within 5 serves A
kill $sitters
ok "their descriptors are free again" within 5 eval '[ "$(descriptors)" = "$before" ]'

# --- clients that talk nonsense, or hang up in the middle of the answer
on A python3 - "$socket" <<'END'
import os, random, socket, struct, sys
random.seed(7)
ask = b'{"version":1,"id":1,"verb":"status"}'
good = struct.pack(">I", len(ask)) + ask
for n in range(3000):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    kind = n % 4
    data = (os.urandom(random.randrange(200)) if kind == 0 else
            good[:random.randrange(len(good))] if kind == 1 else
            good * random.randrange(1, 50) if kind == 2 else
            struct.pack(">I", random.randrange(1, 65536)) + b"[" * 200)
    try:
        s.sendall(data)
    except OSError:
        pass
    s.close()
END
ok "nonsense was sent" same $? 0
ok "it serves" within 5 serves A
ok "all descriptors are free again" within 5 eval '[ "$(descriptors)" = "$before" ]'
ok "the same two processes run" kill -0 "${daemon[A]}"

# --- attack 06: asked all the time, while members come and go
mkdir "$work/some"
for n in $(seq 1 30); do
	on A env "MESHGUARD_CONFIG_DIR=$work/some/$n" "$MESHGUARD" keygen >/dev/null
	mv "$work/some/$n/identity.pub" "$work/some/k$n.pub"
done
keys=$work/A.d/authorized_keys
mkdir -p "$keys"
churn() {
	while [ -e "$work/some" ]; do
		cp "$work"/some/k*.pub "$keys/"
		sleep 0.15
		rm -f "$keys"/k*.pub
		sleep 0.15
	done
}
churn &
on A python3 - "$socket" >"$work/asked" <<'END'
import json, socket, struct, sys, threading, time
sizes, wrong, lock = set(), [], threading.Lock()

def frames(s):
    f = s.makefile("rb")
    while True:
        size, = struct.unpack(">I", f.read(4))
        a = json.loads(f.read(size))
        yield a
        if "done" in a or "error" in a:
            return

def hammer(verb):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    end = time.monotonic() + 4
    n = 0
    while time.monotonic() < end:
        n += 1
        ask = json.dumps({"version": 1, "id": n, "verb": verb}).encode()
        s.sendall(struct.pack(">I", len(ask)) + ask)
        got = list(frames(s))
        node = [a["node"] for a in got if "node" in a]
        peers = [a["peer"] for a in got if "peer" in a]
        good = (got[-1].get("done", {}).get("peers") == len(peers) and len(node) == 1
                and all(a["id"] == n for a in got)
                and len({p["key"] for p in peers}) == len(peers)
                and len({p["name"] for p in peers}) == len(peers)
                and all(p["state"] == "unknown" for p in peers)
                and (verb == "counters" or node[0]["trusted"] == len(peers)))
        with lock:
            sizes.add(len(peers))
            if not good:
                wrong.append((verb, node[0]["trusted"], len(peers)))

threads = [threading.Thread(target=hammer, args=(v,)) for v in ["status", "counters"] * 4]
[t.start() for t in threads]
[t.join() for t in threads]
print("sizes", sorted(sizes), "wrong", wrong[:5])
sys.exit(bool(wrong) or not {0, 30} <= sizes)
END
asked=$?
rm -r "$work/some"
[ $asked = 0 ] || note "$(cat "$work/asked")"
ok "attack 06: each answer is of one moment, whole, and its own" same $asked 0
ok "and the daemon lives" within 5 serves A
stop A
done_testing
