#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets for packets, text and WireGuard: fuzz/seeds/<target>/<name>.

Run it from anywhere after changing a format; the files are checked in, and `make check` replays
them. Each is one case worth starting from: small, and named after what it shows.
"""
import os
import struct

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")


def write(target, seeds):
    folder = os.path.join(HERE, target)
    os.makedirs(folder, exist_ok=True)
    for name, data in seeds.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())


# --- IP packets

A4, B4 = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
A6, B6 = bytes([0xFD] + [0] * 14 + [1]), bytes([0xFD] + [0] * 14 + [2])
UDP = struct.pack(">HHHH", 5000, 53, 12, 0) + b"ping"
TCP = struct.pack(">HHIIBBHHH", 80, 1024, 1, 2, 0x50, 0x12, 512, 0, 0)


def ipv4(protocol, payload, fragment=0, options=b"", src=A4, dst=B4, tos=0):
    words = 5 + len(options) // 4
    return struct.pack(">BBHHHBBH", 0x40 | words, tos, words * 4 + len(payload), 7, fragment, 64,
                       protocol, 0) + src + dst + options + payload


def ipv6(next_header, payload, src=A6, dst=B6):
    return struct.pack(">IHBB", 0x60000000, len(payload), next_header, 64) + src + dst + payload


def option(next_header, words=0):
    return bytes([next_header, words]) + bytes(6 + 8 * words)


def fragment(next_header, offset, more):
    return struct.pack(">BBHI", next_header, 0, offset | more, 9)


PACKETS = {
    "v4-udp": ipv4(17, UDP),
    "v4-tcp-options": ipv4(6, TCP, options=bytes([1, 1, 1, 0])),
    "v4-padded": ipv4(17, UDP) + bytes(13),
    "v4-echo": ipv4(1, bytes([8, 0, 0, 0, 0, 1, 0, 1])),
    "v4-icmp-error": ipv4(1, bytes([3, 1, 0, 0, 0, 0, 0, 0]) + ipv4(17, UDP)),
    "v4-first-fragment": ipv4(17, UDP, fragment=0x2000),
    "v4-later-fragment": ipv4(17, UDP, fragment=0x00B9),
    "v4-multicast": ipv4(17, UDP, dst=bytes([224, 0, 0, 251])),
    "v4-long": ipv4(17, UDP + bytes(700)),
    "v4-cut": ipv4(17, UDP)[:-1],
    "v6-udp": ipv6(17, UDP),
    "v6-tcp": ipv6(6, TCP),
    "v6-echo": ipv6(58, bytes([128, 0, 0, 0, 0, 1, 0, 1])),
    "v6-icmp-error": ipv6(58, bytes([1, 3, 0, 0, 0, 0, 0, 0]) + ipv6(17, UDP)),
    "v6-chain": ipv6(0, option(43) + option(60, 1) + option(51) + bytes([17, 0]) + bytes(6) + UDP),
    "v6-first-fragment": ipv6(44, fragment(60, 0, 1) + option(17) + UDP),
    "v6-later-fragment": ipv6(44, fragment(17, 1448, 0) + UDP),
    "v6-chain-cut": ipv6(60, option(17, 9)[:12]),
    "v6-no-next": ipv6(59, b""),
    "v6-long": ipv6(17, UDP + bytes(1300)),
}

# --- text

TEXTS = {
    "base64": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "base64-one-byte": "/w==",
    "hex": "000102030405060708090a0b0c0d0e0fFF",
    "number": "18446744073709551615",
    "number-too-large": "18446744073709551616",
    "ipv4": "192.0.2.7",
    "ipv6": "2001:db8::1:0:0:1",
    "ipv6-v4-tail": "64:ff9b::192.0.2.33",
    "ipv6-full": "2001:0db8:0000:0000:0001:0000:0000:0001",
    "endpoint-v4": "192.0.2.7:51821",
    "endpoint-v6": "[2001:db8::1]:51821",
    "endpoint-scope": "[fe80::1%2]:51821",
    "endpoint-no-port": "[::1]",
    "prefix-v4": "10.0.0.0/8",
    "prefix-default": "0.0.0.0/0",
    "prefix-v6": "2001:db8:a000::/37",
    "prefix-host-bits": "10.1.2.3/9",
}

# --- service rules

RULES = {
    "each-word": "allow tcp 22\ndeny udp 53\nreject icmp\ndeny all\n",
    "ranges": "allow tcp 8000-9000\nallow udp 1-65535\nallow all 22\nallow tcp all\n",
    "comments": "# ours\r\n\r\n\tallow  tcp\t443 # the web\r\ndeny all#",
    "covered": "allow tcp 1-100\nallow tcp 101-200\nallow tcp 50-150\nallow udp 7\nallow all 7\n",
    "opposite": "deny tcp\nallow tcp 22\nreject icmp all\nallow all all",
    "bad-port": "allow tcp 22\nallow tcp 65536\n",
    "bad-range": "allow tcp 9000-8000\n",
    "default": "observe # for a week\n",
}

# --- what passes the filter: see fuzz/policy_filter.c


def crossing(out, peer, packet, wait=1):
    return struct.pack(">BBH", 0x80 * out | peer, wait, len(packet)) + packet


def tcp(flags, src, dst, words=5):
    return struct.pack(">HHIIBBHHH", src, dst, 1, 2, words << 4, flags, 512, 0, 0)


ANSWER = struct.pack(">HHHH", 53, 5000, 12, 0) + b"pong"
OUT4, BACK4 = ipv4(17, UDP), ipv4(17, ANSWER, src=B4, dst=A4)
OUT6, BACK6 = ipv6(17, UDP), ipv6(17, ANSWER, src=B6, dst=A6)
SYN6, SYN_ACK6 = ipv6(6, tcp(2, 40000, 443)), ipv6(6, tcp(18, 443, 40000), src=B6, dst=A6)
ECHO4 = ipv4(1, bytes([8, 0, 0, 0, 0, 1, 0, 1]))
CROSSINGS = {
    "unasked": crossing(0, 1, BACK4) + crossing(0, 1, SYN_ACK6) + crossing(0, 2, BACK6),
    "asked": crossing(1, 1, OUT4) + crossing(0, 1, BACK4) + crossing(0, 2, BACK4),
    "connected": crossing(1, 1, SYN6) + crossing(0, 1, SYN_ACK6) +
                 crossing(1, 1, ipv6(6, tcp(16, 40000, 443))) +
                 crossing(0, 1, ipv6(6, tcp(17, 443, 40000), src=B6, dst=A6)),
    "too-late": crossing(1, 1, OUT6) + crossing(0, 1, BACK6, 255) + crossing(0, 1, BACK6, 255),
    "an-error": crossing(1, 1, OUT4) +
                crossing(0, 1, ipv4(1, bytes([3, 1, 0, 0, 0, 0, 0, 0]) + OUT4, src=B4, dst=A4)),
    "a-ping": crossing(1, 1, ECHO4) +
              crossing(0, 1, ipv4(1, bytes([0, 0, 0, 0, 0, 1, 0, 1]), src=B4, dst=A4)),
    "fragments": crossing(1, 1, OUT6) +
                 crossing(0, 1, ipv6(44, fragment(17, 0, 1) + ANSWER + bytes(4), src=B6, dst=A6)) +
                 crossing(0, 1, ipv6(44, fragment(17, 16, 0) + bytes(8), src=B6, dst=A6)),
    "a-chain": crossing(0, 1, ipv6(0, option(60) + option(6) + tcp(2, 1, 22), src=B6, dst=A6)),
}

# --- UAPI

KEY_A, KEY_B = "a" * 64, "b" * 64
OWN = "7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13"  # of 11...11
CONFIGS = {
    "interface": "private_key=%s\nlisten_port=51820\nfwmark=66\nreplace_peers=true\n" % ("1" * 64),
    "peer": "public_key=%s\npreshared_key=%s\nendpoint=192.0.2.7:51820\n"
            "persistent_keepalive_interval=25\nreplace_allowed_ips=true\nallowed_ip=10.0.0.0/8\n"
            "allowed_ip=fd00::/37\n" % (KEY_A, KEY_B),
    "two-peers": "public_key=%s\nallowed_ip=10.0.0.0/8\npublic_key=%s\nallowed_ip=10.0.0.0/8\n"
                 "allowed_ip=-10.0.0.0/8\nendpoint=[fe80::1%%2]:1\n" % (KEY_A, KEY_B),
    "remove": "public_key=%s\nprotocol_version=1\npublic_key=%s\nremove=true\n" % (KEY_A, KEY_A),
    "update-only": "public_key=%s\nupdate_only=true\nallowed_ip=::/0\n" % KEY_A,
    "own-key": "private_key=%s\npublic_key=%s\nallowed_ip=0.0.0.0/0\n" % ("1" * 64, OWN),
    "many-peers": "".join("public_key=%064x\nallowed_ip=10.%d.0.0/16\n" % (i, i)
                          for i in range(6)),
    "no-line": "private_key\n",
    "bad-value": "public_key=%s\nallowed_ip=10.0.0.0/33\n" % KEY_A,
}

# --- programs for wg_input: see the enum there


def raw(data):
    return b"\0" + struct.pack(">H", len(data)) + data


def initiate(stamp=b"", static=b"", index=7):
    how = (1 if stamp else 0) | (2 if static else 0)
    return struct.pack(">BBIB", 1, how, index, 5) + stamp + static


def respond(index=9):
    return struct.pack(">BIB", 2, index, 6)


def data(inner, counter=None):
    how = b"\0" if counter is None else b"\1" + struct.pack(">Q", counter)
    return b"\3" + how + struct.pack(">H", len(inner)) + inner


def padded(packet):
    return packet + bytes(-len(packet) % 16)


def cookie():
    return b"\4" + bytes(range(24)) + b"address."


def wait(ms, times=1):
    return struct.pack(">BHB", 5, ms, times - 1)


def send(packet, by_address=False):
    return struct.pack(">BBH", 6, by_address, len(packet)) + packet


def again(at=0, flip=0):
    return struct.pack(">BHB", 7, at, flip)


def manage(what, *args):
    return bytes([8, what, *args])


IN4, IN6 = padded(ipv4(17, UDP)), padded(ipv6(17, UDP))
SPOOFED = padded(ipv4(17, UDP, src=bytes([192, 0, 2, 99])))
PROGRAMS = {
    "they-initiate": initiate() + data(b"") + data(IN4) + data(IN6) + send(IN4) + send(IN6, True),
    "we-initiate": send(IN4) + send(IN6, True) + respond() + data(b"") + data(IN4),
    "spoofed-source": initiate() + data(SPOOFED) + data(b"\x45" + bytes(31)) + data(bytes(16)),
    "counters": initiate() + data(IN4, 5) + data(IN4, 5) + data(IN4, 9000) + data(IN4, 100) +
                data(IN4, 2**64 - 2**13 - 2) + data(IN4, 2**64 - 2**13 - 1) + data(IN4, 2**64 - 1),
    "replayed-initiation": initiate() + again() + wait(50) + again() + wait(50) + initiate(),
    "stamps": initiate(stamp=b"\xff" * 12) + wait(60) + initiate(stamp=b"\x40" + bytes(11)),
    "other-static": initiate(static=bytes(32)) + initiate(static=bytes(range(32))),
    "low-order": initiate(static=b"\1" + bytes(31)),
    "broken": initiate() + again(20, 1) + again(60, 1) + again(100, 1) + again(120, 1) + again(4, 1),
    "broken-data": initiate() + data(IN4) + again(0, 1) + again(5, 1) + again(9, 1) + again(40, 1),
    "cookie": send(IN4) + cookie() + cookie() + wait(5400) + respond() + data(b""),
    "cookie-unasked": cookie(),
    "rekey": initiate() + data(IN4) + wait(60000, 2) + send(IN4) + respond() + data(IN4) +
             wait(60000, 4) + send(IN4) + wait(60000, 8) + wait(60000, 8),
    "gives-up": send(IN4) + wait(5400) * 20,
    "keepalive": manage(3, 10) + respond() + wait(10000) + wait(10000) + data(b"") + wait(11000),
    "roaming": initiate() + data(b"") + manage(5, 1, 1) + data(IN4) + send(IN4),
    "down-and-up": initiate() + data(IN4) + manage(1) + data(IN4) + send(IN4) + manage(2) +
                   send(IN4) + respond() + data(IN4),
    "expired": initiate() + data(IN4) + manage(0) + data(IN4) + send(IN4),
    "staged-many": send(IN4) * 12 + respond() + data(b""),
    "under-load": initiate() * 45 + wait(1100) + initiate(),
    "asked-to": manage(4) + manage(4) + respond() + data(b"") + manage(4),
    "raw-types": raw(bytes([1, 0, 0, 0]) + bytes(144)) + raw(bytes([2, 0, 0, 0]) + bytes(88)) +
                 raw(bytes([3, 0, 0, 0]) + bytes(60)) + raw(bytes([4, 0, 0, 0]) + bytes(28)) +
                 raw(bytes([4, 0, 0, 0]) + bytes(27)) + raw(b"") + raw(b"\5\0\0\0"),
}

write("packet_ip", PACKETS)
write("base_text", TEXTS)
write("policy_rules", RULES)
write("policy_filter", CROSSINGS)
write("wg_uapi", CONFIGS)
write("wg_input", PROGRAMS)

# --- tokens: a body as it is signed, and texts

HEAD = bytes(32) + b"id      " + b"secret          " + bytes([0, 0x69, 0, 0, 0]) + bytes([10, 99, 0, 16])
V4_SEEN = bytes([1]) + bytes([2, 0, 0, 1]) + struct.pack(">H", 51821)
V6_OPEN = bytes([12]) + bytes([0x20, 0x01, 0x0D, 0xB8] + [0] * 11 + [7]) + struct.pack(">H", 4000)

write("identity_token", {
    "smallest": bytes([2, 0, 0]) + HEAD,
    "two-candidates": bytes([2, 0x20, 1]) + HEAD + V4_SEEN + V6_OPEN,
    "introducer": bytes([2, 0x11, 1]) + HEAD + V4_SEEN + b"helper  " + V6_OPEN,
    "longest": bytes([2, 0x82, 1]) + HEAD + 8 * V6_OPEN + 2 * (b"helper  " + V6_OPEN),
    "nine-candidates": bytes([2, 0x90, 0]) + HEAD + 9 * V4_SEEN,
    "symmetric": bytes([2, 0x10, 3]) + HEAD + V4_SEEN,
    "unknown-flag": bytes([2, 0, 4]) + HEAD,
    "unknown-kind-bit": bytes([2, 0x10, 0]) + HEAD + bytes([17]) + V4_SEEN[1:],
    "port-0": bytes([2, 0x10, 0]) + HEAD + V4_SEEN[:5] + bytes(2),
    "host-bits": bytes([2, 0, 0]) + HEAD[:-4] + bytes([10, 99, 1, 16]),
    "trailing": bytes([2, 0, 0]) + HEAD + bytes(1),
    "text": "mg://" + "A" * 176,
    "text-wrapped": " mg://AgAA\r\nAAAA\nAAAA ",
    "text-padded": "mg://AgAAAA==",
    "text-too-long": "mg://" + "A" * 600,
    "text-unicode": "mg://\u00e4\u20ac",
    "reply": "20CAK-20000-5HKZZ-ZZZZZ",
    "reply-letters": "2ocak 20000 ililu uuuuu",
    "reply-ipv6": "2401A-40G1E-00000-00000-00000-00000-00000-0000",
})
