#!/usr/bin/python3
"""Membership of real processes: meshguard beside Debian's serf, measured in one run.

    bench/gossip.py [--sizes 10,50] [--systems meshguard,serf] [--json FILE] [--write FILE]

Needs root, nft, unshare, setpriv and serf. Each system and size has a world of its own: network, mounts, process ids.
When it ends, for whatever reason, the kernel ends all that ran in it and removes it.

Definitions, the same for both:
- Node i is at 127.0.0.1:20000+i; nothing but loopback. Gossip only: meshguard runs `up --gossip-only`.
- A line counts from its arrival here, by the monotonic clock.
- Joint start: one node runs, the others are launched one after the other as fast as possible with it as the seed, until
  every view is full. Who launches and who reads run before all others, so that 128 are launched within 0.2 s, however
  busy those make the host. From the first launch the start of the processes is in it, from the last what is left.
- Kill: SIGKILL of all processes of a node, until the last survivor has its event. Leave: SIGTERM, the same.
- Rejoin: the launch of the killed node, until the last of the others has its event.
- Bytes: of IP packets sent, counted once by nftables. Loss: at the input hook, random, both protocols.
- Pauses: C nodes are stopped for D ms and run for I ms, in lock step. As in Lifeguard's tables a false death is a
  `dead` or `failed` event about a node that was never stopped, in brackets those of observers that were never stopped.
- Watch: so many nodes and nothing happens; whatever is said of anybody is false.
- Idle: from 75 s after the joint start on. A minute after it has met others a meshguard node signs one more record, that it
  holds its address; these have been spread by then.
- Memory: smaps_rollup of all processes of a node after the idle phase, the mean. CPU: /proc/PID/stat over that phase.
"""
import argparse
import collections
import fcntl
import json
import os
import random
import re
import selectors
import signal
import statistics
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PORT = 20000
LIMIT_JOIN, LIMIT_KILL, LIMIT_CALM = 180, 60, 90


def median(values):
    return statistics.median(values) if values else None


def say(text):
    print("%s %s" % (time.strftime("%H:%M:%S"), text), file=sys.stderr, flush=True)


# --- the two systems --------------------------------------------------------------------------------------------------

class Meshguard:
    name = "meshguard"
    form = re.compile(rb'"event":"member_(alive|suspect|dead|left)","subject":"([^"]*)"')
    mark = b'"member_'

    def __init__(self, options, count):
        self.program = options.meshguard
        self.number = {}
        keys = []
        for i in range(count):
            subprocess.run([self.program, "keygen"], env=self.environment(i), check=True,
                           stdout=subprocess.DEVNULL)
            with open("/run/bench/%d/identity.pub" % i) as f:
                keys.append(f.read())
            self.number[keys[i].strip()] = i
        for i in range(count):
            folder = "/run/bench/%d/authorized_keys" % i
            os.makedirs(folder, exist_ok=True)
            # Keys are tried at a seed in the order of their names: nobody shall know the seed's place.
            for j in range(count):
                if j != i:
                    with open("%s/n%08x.pub" % (folder, options.random.getrandbits(32)), "w") as f:
                        f.write(keys[j])

    def environment(self, i):
        return {"PATH": os.environ["PATH"], "HOME": "/run/bench",
                "MESHGUARD_CONFIG_DIR": "/run/bench/%d" % i}

    def command(self, i, seed):
        words = [self.program, "up", "--gossip-only", "--log-events", "--interface", "n%d" % i,
                 "--port", str(PORT + i), "--announce", "127.0.0.1"]
        return words + (["--seed", "127.0.0.1:%d" % (PORT + seed)] if seed is not None else [])

    def event(self, line):
        """(kind, subject) of a line, or None."""
        m = self.form.search(line)
        return (m[1].decode(), self.number[m[2].decode()]) if m else None


class Serf:
    name = "serf"
    form = re.compile(rb"serf: EventMember(Join|Failed|Leave): n(\d+) |memberlist: (Suspect) n(\d+) has failed")
    mark = b"ember"
    words = {b"Join": "alive", b"Failed": "dead", b"Leave": "left", b"Suspect": "suspect"}

    def __init__(self, options, count):
        self.program = options.serf
        with open("/run/bench/serf.json", "w") as f:
            json.dump({"leave_on_terminate": True}, f)

    def environment(self, i):
        return {"PATH": os.environ["PATH"], "HOME": "/run/bench"}

    def command(self, i, seed):
        words = [self.program, "agent", "-config-file=/run/bench/serf.json", "-node=n%d" % i,
                 "-bind=127.0.0.1:%d" % (PORT + i), "-rpc-addr=127.0.0.1:%d" % (PORT + 5000 + i),
                 "-profile=lan", "-log-level=info"]
        return words + (["-retry-join=127.0.0.1:%d" % (PORT + seed), "-retry-interval=1s"]
                        if seed is not None else [])

    def event(self, line):
        m = self.form.search(line)
        if not m:
            return None
        return self.words[m[1] or m[3]], int(m[2] or m[4])


# --- one world --------------------------------------------------------------------------------------------------------

Event = collections.namedtuple("Event", "at observer kind subject")


def hurry():
    """This thread, and none of its children, goes before all others: what is measured must not slow who measures."""
    os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))


class Child:
    """A process in a session of its own. Unlike subprocess it does not wait until the program runs."""

    def __init__(self, command, environment, output):
        null = os.open("/dev/null", os.O_RDONLY)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                for fd, to in ((null, 0), (output, 1), (output, 2)):
                    os.dup2(fd, to)
                os.execvpe(command[0], command, environment)
            finally:
                os._exit(127)
        os.close(null)

    def wait(self, timeout):
        end = time.monotonic() + timeout
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > end:
                raise TimeoutError("process %d does not end" % self.pid)
            time.sleep(0.01)


class World:
    def __init__(self, system, count):
        self.system, self.count = system, count
        self.process = [None] * count
        self.launched = [0.0] * count
        self.events = []
        self.alive = [set() for _ in range(count)]   # by observer: whom it holds alive
        self.full = [0.0] * count                    # when its view became full
        self.strange = collections.Counter()
        self.lock = threading.Lock()
        self.selector = selectors.DefaultSelector()
        self.wake, waker = os.pipe()
        self.waker = waker
        self.selector.register(self.wake, selectors.EVENT_READ, None)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        hurry()
        rest = collections.defaultdict(bytes)
        while True:
            for key, _ in self.selector.select():
                if key.data is None:
                    os.read(self.wake, 64)
                    continue
                data = os.read(key.fd, 65536)
                now = time.monotonic()
                if not data:
                    self.selector.unregister(key.fd)
                    os.close(key.fd)
                    rest.pop(key.fd, None)
                    continue
                lines = (rest[key.fd] + data).split(b"\n")
                rest[key.fd] = lines.pop()
                with self.lock:
                    for line in lines:
                        self.take(now, key.data, line)

    def take(self, now, observer, line):
        event = self.system.event(line) if self.system.mark in line else None
        if not event:
            if b"ERR" in line or b"meshguard: " in line and b" is up " not in line:
                self.strange[line.decode(errors="replace")[-100:]] += 1
            return
        kind, subject = event
        if subject == observer:
            return
        self.events.append(Event(now, observer, kind, subject))
        view = self.alive[observer]
        if kind == "alive":
            view.add(subject)
            if len(view) == self.count - 1:
                self.full[observer] = now
        elif kind in ("dead", "left"):
            view.discard(subject)

    def launch(self, i, seed):
        ours, theirs = os.pipe()
        fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, 1 << 20)  # we may be late; meshguard drops lines rather than wait
        with self.lock:
            self.alive[i].clear()
        self.launched[i] = time.monotonic()
        self.process[i] = Child(self.system.command(i, seed), self.system.environment(i), theirs)
        os.close(theirs)
        self.selector.register(ours, selectors.EVENT_READ, i)
        os.write(self.waker, b".")

    def signal(self, i, number, group=True):
        (os.killpg if group else os.kill)(self.process[i].pid, number)

    def reap(self, i):
        self.process[i].wait(30)
        self.process[i] = None

    def others(self, i):
        return [o for o in range(self.count) if o != i and self.process[o]]

    def when(self, since, subject, kinds):
        """By observer: the first such event about the subject from then on."""
        first = {}
        with self.lock:
            for e in reversed(self.events):
                if e.at < since:
                    break
                if e.subject == subject and e.kind in kinds:
                    first[e.observer] = e.at
        return first

    def wait(self, done, limit):
        end = time.monotonic() + limit
        while time.monotonic() < end:
            value = done()
            if value:
                return value
            time.sleep(0.02)
        return done()

    def all_know(self, since, subject, kinds, limit):
        others = self.others(subject)

        def done():
            first = self.when(since, subject, kinds)
            return first if all(o in first for o in others) else None
        return self.wait(done, limit)

    def is_full(self):
        running = [i for i in range(self.count) if self.process[i]]
        with self.lock:
            return all(len(self.alive[i]) == len(running) - 1 for i in running)

    def calm(self, limit=LIMIT_CALM):
        """Seconds until every view is full again, or None."""
        start = time.monotonic()
        return time.monotonic() - start if self.wait(self.is_full, limit) else None

    # -- what the kernel says

    @staticmethod
    def bytes():
        text = subprocess.run(["nft", "-j", "list", "counters", "table", "inet", "bench"], check=True,
                              stdout=subprocess.PIPE).stdout
        found = [x["counter"] for x in json.loads(text)["nftables"] if "counter" in x]
        return {c["name"]: (c["bytes"], c["packets"]) for c in found}

    def rate(self, before, after, seconds):
        """UDP and TCP bytes and UDP packets a second and node."""
        per = seconds * self.count
        return [(after[name][what] - before[name][what]) / per
                for name, what in (("sent_udp", 0), ("sent_tcp", 0), ("sent_udp", 1))]

    @staticmethod
    def family(pid):
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return [pid] + [int(p) for p in f.read().split()]

    def processes(self):
        return [p for process in self.process if process for p in self.family(process.pid)]

    def ticks(self):
        total = 0
        for p in self.processes():
            with open("/proc/%d/stat" % p) as f:
                fields = f.read().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total

    def memory(self):
        total = collections.Counter()
        for p in self.processes():
            with open("/proc/%d/smaps_rollup" % p) as f:
                for line in f:
                    words = line.split()
                    if words[0] in ("Rss:", "Pss:", "Private_Dirty:"):
                        total[words[0][:-1]] += int(words[1])
        return {k: v / 1024 / self.count for k, v in total.items()}


def nft(rules):
    subprocess.run(["nft", "-f", "-"], input=rules.encode(), check=True)


# --- the phases -------------------------------------------------------------------------------------------------------

def joins(w, out, options):
    hurry()
    w.launch(0, None)
    time.sleep(2)
    before = w.bytes()
    start = time.monotonic()
    for i in range(1, w.count):
        w.launch(i, 0)
        time.sleep(options.pace)
    last = time.monotonic()
    good = w.wait(w.is_full, LIMIT_JOIN)
    out["join_full"] = bool(good)
    if good:
        out["join_first"] = max(w.full) - start
        out["join_last"] = max(w.full) - last
        out["join_own"] = median([w.full[i] - w.launched[i] for i in range(1, w.count)])
    else:
        with w.lock:
            out["join_views"] = sorted(len(v) for v in w.alive)
    after = w.bytes()
    out["join_bytes"] = w.rate(before, after, 1)[:2]


def idle(w, out, options):
    time.sleep(options.settle)
    before, ticks, start = w.bytes(), w.ticks(), time.monotonic()
    time.sleep(options.idle)
    seconds = time.monotonic() - start
    out["idle_bytes"] = w.rate(before, w.bytes(), seconds)
    out["idle_cpu"] = 100 * (w.ticks() - ticks) / os.sysconf("SC_CLK_TCK") / seconds / w.count
    out["memory"] = w.memory()


def kills(w, out, options):
    rows = out["kills"] = []
    for victim in options.random.sample(range(1, w.count), min(options.kills, w.count - 1)):
        start = time.monotonic()
        w.signal(victim, signal.SIGKILL)
        w.reap(victim)
        dead = w.all_know(start, victim, ("dead",), LIMIT_KILL)
        suspects = w.when(start, victim, ("suspect",))
        some = w.when(start, victim, ("dead",))
        row = {"suspect": min(suspects.values()) - start if suspects else None,
               "first": min(some.values()) - start if some else None,
               "all": max(dead.values()) - start if dead else None}
        start = time.monotonic()
        w.launch(victim, 0)
        seen = w.all_know(start, victim, ("alive",), LIMIT_KILL)
        row["rejoin"] = max(seen.values()) - start if seen else None
        row["rejoin_own"] = w.full[victim] - start if w.calm(LIMIT_KILL) is not None else None
        rows.append(row)
        time.sleep(3)


def leaves(w, out, options):
    rows = out["leaves"] = []
    for victim in options.random.sample(range(1, w.count), min(options.leaves, w.count - 1)):
        start = time.monotonic()
        w.signal(victim, signal.SIGTERM, group=False)
        know = w.all_know(start, victim, ("left", "dead"), LIMIT_KILL)
        w.reap(victim)
        rows.append({"all": max(know.values()) - start if know else None})
        w.launch(victim, 0)
        w.calm(LIMIT_KILL)
        time.sleep(3)


def false_deaths(w, since, stopped=()):
    with w.lock:
        events = [e for e in w.events if e.at >= since]
    dead = [e for e in events if e.kind == "dead" and e.subject not in stopped]
    return {"deaths": len(dead), "members": len({e.subject for e in dead}),
            "of_stopped": sum(e.kind == "dead" for e in events) - len(dead),
            "healthy": sum(e.observer not in stopped for e in dead),
            "suspicions": sum(e.kind == "suspect" and e.subject not in stopped for e in events)}


def loss(w, out, options):
    for percent in (10, 30):
        before, start = w.bytes(), time.monotonic()
        nft("add rule inet bench arriving meta l4proto { udp, tcp } numgen random mod 100 < %d drop" % percent)
        time.sleep(options.loss)
        nft("flush chain inet bench arriving")
        row = out["loss_%d" % percent] = false_deaths(w, start)
        row["bytes"] = w.rate(before, w.bytes(), time.monotonic() - start)
        row["calm"] = w.calm()
        time.sleep(5)


def pauses(w, out, options):
    count = max(1, round(w.count * options.stopped / 128))
    stopped = options.random.sample(range(1, w.count), count)
    before, start = w.bytes(), time.monotonic()
    end = start + options.pauses
    try:
        while time.monotonic() < end:
            for i in stopped:
                w.signal(i, signal.SIGSTOP)
            time.sleep(8.192)
            for i in stopped:
                w.signal(i, signal.SIGCONT)
            time.sleep(0.064)
    finally:
        for i in stopped:
            w.signal(i, signal.SIGCONT)
    rate = w.rate(before, w.bytes(), time.monotonic() - start)
    calm = w.calm()
    row = out["pauses"] = false_deaths(w, start, set(stopped))
    row.update(stopped=count, bytes=rate, calm=calm)


def watch(w, out, options):
    """Nothing happens for a long time: nor should anything be said."""
    time.sleep(options.settle)
    before, ticks, start = w.bytes(), w.ticks(), time.monotonic()
    time.sleep(options.watch)
    seconds = time.monotonic() - start
    row = out["watch"] = false_deaths(w, start)
    row["seconds"] = seconds
    row["bytes"] = w.rate(before, w.bytes(), seconds)
    row["cpu"] = 100 * (w.ticks() - ticks) / os.sysconf("SC_CLK_TCK") / seconds / w.count
    row["calm"] = w.calm()
    out["memory"] = w.memory()


PHASES = {"watch": watch, "joins": joins, "idle": idle, "kills": kills, "leaves": leaves, "loss": loss, "pauses": pauses}


def inside(options):
    """Runs in the world made for it; prints the result as JSON."""
    count = options.inside
    system = {"meshguard": Meshguard, "serf": Serf}[options.systems]
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.mkdir("/run/bench")
    nft("""table inet bench {
        counter sent_udp { }
        counter sent_tcp { }
        chain sending {
            type filter hook output priority 0;
            meta l4proto udp counter name "sent_udp"
            meta l4proto tcp counter name "sent_tcp"
        }
        chain arriving { type filter hook input priority 0; }
    }
""")
    options.random = random.Random(count)
    w = World(system(options, count), count)
    out = {"system": system.name, "count": count}
    start = time.monotonic()
    for name in ["joins"] + [p for p in options.phases.split(",") if p != "joins"]:
        say("%s, %d nodes: %s" % (system.name, count, name))
        PHASES[name](w, out, options)
        if name == "joins" and not out["join_full"]:
            break
    out["load"] = os.getloadavg()[0]
    out["seconds"] = time.monotonic() - start
    out["strange"] = w.strange.most_common(5)
    print(json.dumps(out))
    sys.stdout.flush()
    os._exit(0)  # the kernel ends the rest with this process, which is the first of its world


# --- the report -------------------------------------------------------------------------------------------------------

def number(value, form="%.2f"):
    return "-" if value is None else form % value


def spread(rows, name, form="%.1f"):
    values = sorted(r[name] for r in rows if r.get(name) is not None)
    missing = len(rows) - len(values)
    text = "-" if not values else "{0} ({0}-{0})".format(form) % (median(values), values[0], values[-1])
    return text + (" [%d never]" % missing if missing else "")


def losses(r, name):
    row = r.get(name)
    if not row:
        return "-"
    return "%d (%d), %d, %.0f" % (row["deaths"], row["members"], row["suspicions"], sum(row["bytes"][:2]))


def pause_cell(r):
    row = r.get("pauses")
    return "-" if not row else "%d: %d (%d), %.0f" % (row["stopped"], row["deaths"], row["healthy"],
                                                      sum(row["bytes"][:2]))


def memory_cell(r):
    m = r.get("memory")
    return "-" if not m else "%.1f / %.1f / %.1f" % (m["Rss"], m["Pss"], m["Private_Dirty"])


def watch_cell(r):
    row = r.get("watch")
    return "-" if not row else "%.0f s: %d (%d), %d, %.0f, %.3f %%" % (
        row["seconds"], row["deaths"], row["members"], row["suspicions"], sum(row["bytes"][:2]), row["cpu"])


ROWS = [
    ("joint start, from the first launch: all views full, s",
     lambda r: number(r.get("join_first")) if r["join_full"] else "not within %d" % LIMIT_JOIN),
    ("- from the last launch", lambda r: number(r.get("join_last"))),
    ("- a node from its own launch, median", lambda r: number(r.get("join_own"))),
    ("- bytes a node, UDP + TCP", lambda r: "%.0f + %.0f" % tuple(r["join_bytes"])),
    ("idle bytes/s a node, UDP + TCP",
     lambda r: "%.0f + %.0f" % tuple(r["idle_bytes"][:2]) if "idle_bytes" in r else "-"),
    ("CPU a node, idle, %", lambda r: number(r.get("idle_cpu"), "%.3f")),
    ("RSS / PSS / private dirty a node, MB", memory_cell),
    ("SIGKILL: first suspicion, s: median (min-max)", lambda r: spread(r.get("kills", []), "suspect")),
    ("SIGKILL: first verdict", lambda r: spread(r.get("kills", []), "first")),
    ("SIGKILL: all survivors know", lambda r: spread(r.get("kills", []), "all")),
    ("rejoin: seen by all, from the launch", lambda r: spread(r.get("kills", []), "rejoin", "%.2f")),
    ("leave: seen by all", lambda r: spread(r.get("leaves", []), "all", "%.3f")),
    ("10 % loss: false deaths (members), suspicions, B/s a node", lambda r: losses(r, "loss_10")),
    ("30 % loss: the same", lambda r: losses(r, "loss_30")),
    ("pauses, so many nodes stopped: false deaths (both never stopped), B/s a node", pause_cell),
    ("- verdicts about the stopped ones", lambda r: str(r["pauses"]["of_stopped"]) if "pauses" in r else "-"),
    ("left alone (phase watch): false deaths (members), suspicions, B/s and CPU a node", watch_cell),
    ("load average of the host at the end", lambda r: number(r.get("load"), "%.1f")),
]


def table(results):
    heads = ["%s, N = %d" % (r["system"], r["count"]) for r in results]
    lines = ["| | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name, cell in ROWS:
        cells = [cell(r) for r in results]
        if any(c != "-" for c in cells):  # else its phase was not run
            lines.append("| %s | %s |" % (name, " | ".join(cells)))
    return "\n".join(lines) + "\n"


BEGIN, END = "<!-- bench/gossip.py writes from here -->", "<!-- to here -->"


def write_into(path, text):
    try:
        with open(path) as f:
            old = f.read()
    except FileNotFoundError:
        old = "# Membership, measured\n\n%s\n%s\n" % (BEGIN, END)
    if BEGIN not in old:
        old = old.rstrip("\n") + "\n\n## Real processes beside serf\n\n%s\n%s\n" % (BEGIN, END)
    head, rest = old.split(BEGIN, 1)
    with open(path, "w") as f:
        f.write(head + BEGIN + "\n" + text + END + rest.split(END, 1)[1])


def limit(options, count):
    """Seconds after which a world is ended from outside: nothing here takes longer unless it hangs."""
    return (LIMIT_JOIN + 20 + options.idle + (options.kills * 3 + options.leaves * 2) * LIMIT_KILL
            + 2 * (options.loss + LIMIT_CALM) + options.pauses + LIMIT_CALM + options.watch + count
            + count * options.pace)


def run_world(options, system, count):
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork",
               "--kill-child", "--mount-proc", sys.executable, os.path.abspath(__file__), "--inside", str(count),
               "--systems", system]
    for name in ("meshguard", "serf", "idle", "kills", "leaves", "loss", "pauses", "stopped", "watch", "phases",
                 "pace"):
        command += ["--" + name, str(getattr(options, name))]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=limit(options, count))
    except subprocess.TimeoutExpired:
        say("%s, %d nodes: took too long" % (system, count))
        return None
    if done.returncode:
        say("%s, %d nodes: failed" % (system, count))
        return None
    return json.loads(done.stdout)


def arguments():
    p = argparse.ArgumentParser(description="membership of real processes, meshguard beside serf")
    p.add_argument("--sizes", default="10,50", help="numbers of nodes (default: 10,50)")
    p.add_argument("--systems", default="meshguard,serf")
    p.add_argument("--phases", default="idle,kills,leaves,loss,pauses", help="after the joint start")
    p.add_argument("--meshguard", default=os.environ.get("MESHGUARD", os.path.join(ROOT, "build", "meshguard")))
    p.add_argument("--serf", default="serf")
    p.add_argument("--idle", type=int, default=60, help="seconds")
    p.add_argument("--settle", type=int, default=75, help="seconds from the joint start to what is idle")
    p.add_argument("--pace", type=float, default=0, help="seconds from one launch of the joint start to the next")
    p.add_argument("--kills", type=int, default=5)
    p.add_argument("--leaves", type=int, default=3)
    p.add_argument("--loss", type=int, default=60, help="seconds for each rate")
    p.add_argument("--pauses", type=int, default=120, help="seconds")
    p.add_argument("--stopped", type=int, default=16, help="stopped nodes of 128; fewer nodes: fewer of them")
    p.add_argument("--watch", type=int, default=600, help="seconds of the phase watch (not among the default phases)")
    p.add_argument("--json", help="where all numbers go")
    p.add_argument("--write", help="the document whose table is replaced")
    p.add_argument("--show", action="append", help="measure nothing: the table of what --json kept; repeats")
    p.add_argument("--inside", type=int, default=0, help=argparse.SUPPRESS)
    return p.parse_args()


def measure(options):
    results = []
    for count in [int(n) for n in options.sizes.split(",")]:
        for system in options.systems.split(","):
            r = run_world(options, system, count)
            if r:
                results.append(r)
                if options.json:
                    with open(options.json, "w") as f:
                        json.dump(results, f, indent=1)
    return results


def main():
    options = arguments()
    if options.inside:
        return inside(options)
    if options.show:
        results = []
        for path in options.show:
            with open(path) as f:
                results += json.load(f)
    else:
        if os.geteuid() != 0:
            say("network namespaces need root")
            return 1
        results = measure(options)
    text = table(results)
    print(text)
    if options.write:
        write_into(options.write, text)
    worlds = len(options.sizes.split(",")) * len(options.systems.split(","))
    return 0 if options.show or len(results) == worlds else 1


if __name__ == "__main__":
    sys.exit(main())
