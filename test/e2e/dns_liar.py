#!/usr/bin/python3
"""dns_liar.py ADDRESS: a name server that lies, on UDP and TCP port 53. How it lies is said by the
label before `.test` in the question; `honest.test` is answered as it should be, and hosts below
`hosts.test` have the address that their name says: h10-0-0-1.hosts.test."""
import random
import selectors
import socket
import struct
import sys

A, CNAME, TXT, AAAA, SRV = 1, 5, 16, 28, 33
EVIL = b"meshguard=203.0.113.66:51821"


def wire(name):
    return b"".join(bytes([len(l)]) + l for l in name.split(b".")) + b"\0"


def read_question(message):
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]])
        at += 1 + message[at]
    kind, = struct.unpack_from("!H", message, at + 1)
    return b".".join(labels).lower(), kind, message[12:at + 5]


def record(kind, data, ttl=30, length=None):
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, ttl,
                                     len(data) if length is None else length) + data


def strings(*texts):
    return b"".join(bytes([len(t)]) + t for t in texts)


def answer(ident, question, records=(), flags=0x8180, questions=1):
    return struct.pack("!6H", ident, flags, questions, len(records), 0, 0) + question + b"".join(records)


class Liar:
    def __init__(self, address):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((address, 53))
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.other.bind((address, 5353))
        self.tcp = socket.create_server((address, 53))
        self.held = []

    def lie(self, how, kind, ident, question, send, is_tcp):
        evil = [record(TXT, strings(EVIL))] if kind == TXT else []
        if how == "honest":
            text = [record(TXT, strings(b"meshguard=h10-0-0-1.hosts.test:51821"))] if kind == TXT else []
            send(answer(ident, question, text))
        elif how == "wrong-id":
            # All but the right one.
            for other in range(65536):
                if other != ident:
                    send(answer(other, question, evil))
        elif how == "wrong-source":
            return "other", answer(ident, question, evil)
        elif how == "wrong-question":
            send(answer(ident, wire(b"_meshguard._udp.other.test") + struct.pack("!HH", kind, 1), evil))
            send(answer(ident, question[:-4] + struct.pack("!HH", A, 1), evil))
        elif how == "no-question":
            send(answer(ident, b"", [r.replace(b"\xc0\x0c", question[:-4], 1) for r in evil], questions=0))
        elif how == "two-questions":
            send(answer(ident, question * 2, evil, questions=2))
        elif how == "loop":
            at = 12 + len(question)
            pointer = struct.pack("!H", 0xC000 | at)
            send(answer(ident, question, [pointer + r[2:] for r in evil] or
                        [record(SRV, b"\0\0\0\0\0\1" + struct.pack("!H", 0xC000 | at + 18))]))
        elif how == "loop-target":
            send(answer(ident, question, [record(SRV, b"\0\0\0\0\0\1" + struct.pack(
                "!H", 0xC000 | 12 + len(question) + 18))] if kind == SRV else []))
        elif how == "bad-length":
            send(answer(ident, question, [record(TXT, b"\xff" + EVIL)] if kind == TXT else []))
        elif how == "bad-record":
            send(answer(ident, question, [record(TXT, strings(EVIL), length=60000)] if kind == TXT else []))
        elif how == "alias-loop":
            send(answer(ident, question, [record(CNAME, b"\xc0\x0c")]))
        elif how == "truncated":
            if not is_tcp:
                send(answer(ident, question, flags=0x8380))
            # and over TCP it never says anything
        elif how == "garbage":
            send(answer(ident, question, flags=0x8380) if not is_tcp else
                 answer(ident, question, [random.Random(8).randbytes(60000)]))
        elif how == "many":
            # Seeds that are nobody's, and hosts that nobody knows.
            send(answer(ident, question, [record(TXT, strings(
                b"meshguard=127.0.0.1:51821", b"meshguard=224.0.0.1:1", b"meshguard=0.0.0.0:1",
                b"meshguard=[::]:1", b"meshguard=[ff02::1]:1", b"meshguard=h.stall.test",
                b"meshguard=h.servfail.test", b"meshguard=255.255.255.255:1"))] if kind == TXT else []))
        elif how == "servfail":
            send(answer(ident, question, flags=0x8182))
        elif how == "stall":
            pass
        else:
            send(answer(ident, question, flags=0x8183))
        return None

    def reply(self, message, send, is_tcp):
        try:
            name, kind, question = read_question(message)
        except (IndexError, struct.error):
            return None
        ident, = struct.unpack_from("!H", message)
        labels = name.decode("ascii", "replace").split(".")
        print(name.decode("ascii", "replace"), kind, "tcp" if is_tcp else "udp", flush=True)
        if len(labels) >= 3 and labels[-2:] == ["hosts", "test"]:
            host = bytes(int(n) for n in labels[0][1:].split("-"))
            send(answer(ident, question, [record(A, host)] if kind == A else []))
            return None
        return self.lie(labels[-2] if len(labels) > 1 else "", kind, ident, question, send, is_tcp)

    def on_udp(self, _):
        message, peer = self.udp.recvfrom(4096)
        elsewhere = self.reply(message, lambda m: self.udp.sendto(m, peer), False)
        if elsewhere:
            self.other.sendto(elsewhere[1], peer)

    def on_tcp(self, _):
        stream, _ = self.tcp.accept()
        self.held.append(stream)
        stream.settimeout(2)
        try:
            length, = struct.unpack("!H", stream.recv(2, socket.MSG_WAITALL))
            message = stream.recv(length, socket.MSG_WAITALL)
            self.reply(message, lambda m: stream.sendall(struct.pack("!H", len(m)) + m), True)
        except (OSError, struct.error):
            pass

    def run(self):
        watch = selectors.DefaultSelector()
        watch.register(self.udp, selectors.EVENT_READ, self.on_udp)
        watch.register(self.tcp, selectors.EVENT_READ, self.on_tcp)
        print("ready", flush=True)
        while True:
            for key, _ in watch.select():
                key.data(key.fileobj)


Liar(sys.argv[1]).run()
