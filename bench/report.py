#!/usr/bin/env python3
"""Tables from what bench/compare measured: report.py DIRECTORY [--write FILE].

DIRECTORY holds results (lines MODE METRIC VALUE, and `round N LOAD` before each repetition), micro and
versions. With --write the tables go between the markers of FILE, too. All values are medians of the
repetitions, with the lowest and the highest; ratios are of medians.
"""
import os, platform, re, statistics, sys

BEGIN, END = "<!-- make bench: begin -->", "<!-- make bench: end -->"
DEBIAN, NEWER = "wireguard-go", "newer"
# What the newest wireguard-go is, as Debian's (0.0.20220316) times this; both were measured side by side.
NEWEST = {"tcp1": 4.3, "tcp4": 5.5, "cpu_gb": 0.226, "udp_rr64": 0.95, "cpu_packet": 0.92,
          "tcp_p50": 0.71, "udp_gso": 3.9}
# metric, name, must, hope; what costs is to be at most that, what is moved at least.
AGAINST = [
    ("tcp1", "TCP, one stream", 2.2, 2.8, False),
    ("tcp4", "TCP, four streams", 2.8, 3.6, False),
    ("cpu_gb", "CPU seconds a GB, both ends", 0.4, 0.3, True),
    ("udp_rr64", "UDP questions, 64 outstanding", 2.8, 3.3, False),
    ("cpu_packet", "CPU of a 64-byte packet", 0.22, 0.16, True),
    ("tcp_p50", "TCP question, p50", 0.7, 0.5, True),
    ("udp_gso", "UDP in runs, delivered", 2.1, 2.8, False),
]
ALL = [
    ("tcp1", "TCP, one stream, Mbit/s", 0), ("tcp1_reverse", "the same, reverse", 0),
    ("tcp4", "TCP, four streams, Mbit/s", 0),
    ("udp_gso", "UDP in runs, 1372 bytes, Mbit/s", 0), ("udp", "UDP one by one, 1372 bytes, Mbit/s", 0),
    ("pps64", "UDP of 64 bytes, 1000/s", 0),
    ("tcp_p50", "TCP question, p50, us", 0), ("tcp_p99", "p99, us", 0),
    ("udp_p50", "UDP question, p50, us", 0), ("udp_p99", "p99, us", 0),
    ("udp_rr64", "UDP, 64 outstanding, 1000/s", 1), ("udp64_p99", "p99, us", 0),
    ("cpu_gb", "CPU s/GB", 2), ("cpu_gb_reverse", "reverse, CPU s/GB", 2), ("cpu_gb4", "four streams, CPU s/GB", 2),
    ("cpu_packet", "CPU us a packet, 64 outstanding", 1), ("cpu_flood", "CPU us a delivered 64-byte packet", 1),
    ("dirty_rest", "private dirty memory at rest, MB", 1), ("dirty_load", "overloaded, MB", 1),
    ("rss_rest", "resident memory at rest, MB", 1), ("rss_load", "overloaded, MB", 1),
]


def read(path):
    """Rounds' values: values[mode][metric] = [one a round]; of `load` memory the most of a round."""
    values, loads, seen = {}, [], {}
    def close():
        for (mode, metric), found in seen.items():
            pick = max(found) if metric.endswith("_load") else statistics.median(found)
            values.setdefault(mode, {}).setdefault(metric, []).append(pick)
        seen.clear()
    with open(path) as f:
        for line in f:
            mode, metric, value = line.split()
            if mode == "round":
                close()
                loads.append(float(value))
                continue
            seen.setdefault((mode, metric), []).append(float(value))
    close()
    return values, loads


class Report:
    def __init__(self, directory):
        self.values, self.loads = read(os.path.join(directory, "results"))
        self.micro = self.text(directory, "micro")
        self.versions = self.text(directory, "versions")
        self.newer = bool(self.values.get(NEWER, {}).get("tcp1"))
        self.lines = []

    @staticmethod
    def text(directory, name):
        try:
            with open(os.path.join(directory, name)) as f:
                return f.read().strip()
        except FileNotFoundError:
            return ""

    def all(self, mode, metric):
        return self.values.get(mode, {}).get(metric, [])

    def median(self, mode, metric):
        found = self.all(mode, metric)
        return statistics.median(found) if found else None

    def cell(self, mode, metric, digits, factor=1.0):
        found = [v * factor for v in self.all(mode, metric)]
        if not found:
            return "–"
        text = "%.*f" % (digits, statistics.median(found))
        if len(found) > 1:
            text += " [%.*f..%.*f]" % (digits, min(found), digits, max(found))
        return text

    def out(self, *lines):
        self.lines.extend(lines)

    def row(self, *cells):
        self.out("| " + " | ".join(cells) + " |")

    def head(self, *cells):
        self.row(*cells)
        self.out("|" + "---|" * len(cells))

    @staticmethod
    def verdict(value, must, hope, cost):
        if value is None:
            return "not measured"
        better = (lambda a, b: a <= b) if cost else (lambda a, b: a >= b)
        return "hoped for" if better(value, hope) else "reached" if better(value, must) else "**missed**"

    def judged(self, name, ours, theirs, value, must, hope, cost, digits=2, judge=True):
        sign = "≤" if cost else "≥"
        self.row(name, ours, theirs, "–" if value is None else "%.*f" % (digits, value),
                 "%s %g" % (sign, must), "%s %g" % (sign, hope),
                 self.verdict(value, must, hope, cost) if judge else "not judged")

    def against(self):
        reference = NEWER if self.newer else DEBIAN
        has_uso = tuple(int(n) for n in re.findall(r"\d+", platform.release())[:2]) >= (6, 2)
        self.out("Ratios are to the newer wireguard-go that was given." if self.newer else
                 "No newer wireguard-go was given: the newest is taken as Debian's times a factor, which was "
                 "measured side by side (in brackets).", "")
        self.head("", "meshguard", "wireguard-go", "ratio", "must", "hope", "")
        digits = {metric: d for metric, _, d in ALL}
        for metric, name, must, hope, cost in AGAINST:
            factor = 1.0 if self.newer else NEWEST[metric]
            ours, theirs = self.median("meshguard", metric), self.median(reference, metric)
            ratio = ours / (theirs * factor) if ours is not None and theirs else None
            said = self.cell(reference, metric, digits[metric], factor)
            self.judged(name, self.cell("meshguard", metric, digits[metric]),
                        said if self.newer or said == "–" else "%s (× %g)" % (said, factor),
                        ratio, must, hope, cost, judge=metric != "udp_gso" or has_uso)
        self.absolute(reference)

    def absolute(self, reference):
        load = self.all("meshguard", "dirty_load")
        self.judged("private dirty memory under overload, MB", self.cell("meshguard", "dirty_load", 1),
                    self.cell(reference, "dirty_load", 1), max(load) if load else None, 16, 8, True, 1)
        for name, few, many, must, hope in (
                ("1000 peers against 1", "meshguard/peers-1", "meshguard/peers-1000", 0.95, 1),
                ("200 rules against none", "meshguard/rules-0", "meshguard/rules-200", 0.95, 0.98)):
            a, b = self.median(few, "tcp1"), self.median(many, "tcp1")
            self.judged(name + ", Mbit/s", "%s; %s" % (self.cell(many, "tcp1", 0), self.cell(few, "tcp1", 0)),
                        "–", b / a if a and b else None, must, hope, False)
        value = self.median("meshguard", "spoofed_delivered")
        reset = sum(self.all("meshguard", "flows_reset"))
        self.judged("half of the load delivered under spoofed initiations",
                    "%s, %d flows reset" % (self.cell("meshguard", "spoofed_delivered", 2), reset),
                    self.cell(reference, "spoofed_delivered", 2),
                    0 if reset else value, 0.9, 0.98, False)
        self.out("", "The stranger sent %s thousand initiations a second (meshguard), for which it took %s seconds of CPU "
                 "a second of its own." % (self.cell("meshguard", "spoofed_rate", 0),
                                           self.cell("meshguard", "spoofed_cpu", 2)))

    def limits(self):
        self.head("of the limit", "veth without a tunnel", "TUN without encryption")
        for metric, name, _ in ALL[:12]:
            ours = self.median("meshguard", metric)
            cells = []
            for mode in ("raw", "plain"):
                limit = self.median(mode, metric)
                cells.append("%.2f" % (ours / limit) if ours is not None and limit else "–")
            self.row(name.split(", Mbit")[0].split(", us")[0].split(", 1000")[0], *cells)

    def everything(self):
        modes = [m for m in ("raw", "plain", "meshguard", NEWER, DEBIAN, "nebula", "tinc", "fastd", "openvpn")
                 if m in self.values]
        self.head("", *["wireguard-go, newer" if m == NEWER else "wireguard-go, Debian" if m == DEBIAN else m
                        for m in modes])
        for metric, name, digits in ALL:
            self.row(name, *[self.cell(m, metric, digits) for m in modes])

    def peers(self):
        counts = sorted({int(m.split("-")[-1]) for m in self.values if "/peers-" in m})
        self.head("peers, TCP Mbit/s", *map(str, counts))
        for mode in ("meshguard", DEBIAN):
            cells = [self.cell("%s/peers-%d" % (mode, n), "tcp1", 0) for n in counts]
            if set(cells) != {"–"}:
                self.row(mode, *cells)

    def make(self):
        load = "%.1f" % max(self.loads) if self.loads else "?"
        self.out("%d repetitions in alternation, medians [lowest..highest]; Linux %s, %d cores, load at the start of a "
                 "repetition at most %s.%s" % (len(self.loads), platform.release().split("-")[0], os.cpu_count(), load,
                 " The machine was busy: ratios mean little." if self.loads and max(self.loads) > os.cpu_count() else ""), "")
        self.against()
        self.out("")
        self.everything()
        self.out("")
        self.limits()
        self.out("")
        self.peers()
        self.out("", "Versions: " + "; ".join(self.versions.splitlines()) + ".")
        if self.micro:
            self.out("", "Microbenchmarks (`make bench-aead bench-packet bench-filter`), without a network:", "",
                     "```", *[line.rstrip() for line in self.micro.splitlines()], "```")
        return "\n".join(self.lines)


def main():
    report = Report(sys.argv[1])
    text = report.make()
    print(text)
    if len(sys.argv) == 4 and sys.argv[2] == "--write":
        with open(sys.argv[3]) as f:
            old = f.read()
        before, found, rest = old.partition(BEGIN)
        _, end, after = rest.partition(END)
        if not found or not end:
            sys.exit("%s has no markers" % sys.argv[3])
        with open(sys.argv[3], "w") as f:
            f.write(before + BEGIN + "\n" + text + "\n" + END + after)


main()
