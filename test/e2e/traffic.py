#!/usr/bin/python3
"""Numbered traffic, to see whether anything of it is lost.

    traffic.py serve PORT...               TCP and UDP echo, both families, until it is killed
    traffic.py flow ADDRESS PORT FILE      one TCP stream and one UDP flow to an echo server, both
                                           paced, until FILE is there; prints what came back as
                                           "udp SENT ECHOED tcp SENT ECHOED"
    traffic.py datagram ADDRESS PORT SIZE  one UDP datagram; 0 if it comes back whole in two seconds
    traffic.py burst FROM,OTHER TO PORT COUNT
                                           COUNT datagrams, as fast as they go, from these own
                                           addresses in turn
"""
import os
import select
import socket
import sys
import time

PACE = 0.004          # seconds from one datagram, and piece of the stream, to the next
PIECE = 1000          # bytes
BIG = 65535
PATIENCE = 2.0
SO_RCVBUFFORCE = 33
ROOM = 16 << 20       # on a busy machine we ourselves must not be who loses datagrams


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def serve(ports):
    listeners, udp, streams = [], [], []
    for port in map(int, ports):
        for fam, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            for kind, into in ((socket.SOCK_STREAM, listeners), (socket.SOCK_DGRAM, udp)):
                s = socket.socket(fam, kind)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if fam == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
                s.bind((host, port))
                if kind == socket.SOCK_STREAM:
                    s.listen(16)
                into.append(s)
    print("ready", flush=True)
    while True:
        for s in select.select(listeners + udp + streams, [], [])[0]:
            if s in listeners:
                streams.append(s.accept()[0])
            elif s in udp:
                data, who = s.recvfrom(BIG)
                s.sendto(data, who)
            else:
                try:
                    data = s.recv(BIG)
                    s.sendall(data)
                except OSError:
                    data = b""
                if not data:
                    streams.remove(s)
                    s.close()


def echoes(udp, tcp, seen, got):
    """What is there to be read; returns the bytes of the stream."""
    for s in select.select([udp, tcp], [], [], 0)[0]:
        if s is udp:
            seen.add(udp.recv(BIG)[:8])
        else:
            data = tcp.recv(BIG)
            if not data:
                raise SystemExit("the stream was ended")
            got += len(data)
    return got


def flow(address, port, end):
    udp = socket.socket(family(address), socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
    udp.connect((address, int(port)))
    tcp = socket.create_connection((address, int(port)), timeout=PATIENCE)
    tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    tcp.settimeout(10 * PATIENCE)  # a path that is replaced, and what TCP waits after that
    seen, got, count = set(), 0, 0
    print("begins", flush=True)
    due = time.monotonic()
    while not os.path.exists(end):
        udp.send(b"%08d" % count + bytes(200))
        tcp.sendall(bytes(PIECE))
        count += 1
        due += PACE
        got = echoes(udp, tcp, seen, got)
        time.sleep(max(0, due - time.monotonic()))
    last = time.monotonic() + 10 * PATIENCE
    while time.monotonic() < last and (len(seen) < count or got < count * PIECE):
        got = echoes(udp, tcp, seen, got)
        time.sleep(PACE)
    print("udp %d %d tcp %d %d" % (count, len(seen), count * PIECE, got))


def datagram(address, port, size):
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.settimeout(PATIENCE)
    s.connect((address, int(port)))
    data = bytes(n * n % 251 for n in range(int(size)))
    s.send(data)
    try:
        sys.exit(s.recv(BIG) != data)
    except OSError:
        sys.exit(1)


def burst(sources, to, port, count):
    own = []
    for source in sources.split(","):
        s = socket.socket(family(to), socket.SOCK_DGRAM)
        s.bind((source, 0))
        s.connect((to, int(port)))
        own.append(s)
    for n in range(int(count)):
        own[n % len(own)].send(bytes(100 + n % len(own)))


if __name__ == "__main__":
    verb, args = sys.argv[1], sys.argv[2:]
    if verb == "serve":
        serve(args)
    {"flow": flow, "datagram": datagram, "burst": burst}[verb](*args)
