#!/usr/bin/python3
"""stun_liar.py ADDRESS PORT WHAT...: a STUN server that answers each Binding request as the words say.

HOST:PORT says that address; `id` has a wrong transaction id; `elsewhere` answers from the next port; `silent`
nothing; `twice` answers two times; `late` after three seconds. A word for each request, the last one for all
that follow. One line on standard output a request: its source.
"""
import socket
import struct
import sys
import threading

MAGIC = 0x2112A442


def answer(request, host, port):
    six = ":" in host
    raw = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, host)
    mask = struct.pack(">I", MAGIC) + request[8:20]
    mapped = struct.pack(">BBH", 0, 2 if six else 1, port ^ (MAGIC >> 16)) + bytes(a ^ b for a, b in zip(raw, mask))
    body = struct.pack(">HH", 0x0020, len(mapped)) + mapped
    return struct.pack(">HHI", 0x0101, len(body), MAGIC) + request[8:20] + body


def main():
    address, port, words = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock, other = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((address, port))
    other.bind((address, port + 1))
    count = 0
    print("ready", flush=True)
    while True:
        request, source = sock.recvfrom(2048)
        if len(request) < 20 or request[:2] != b"\0\1":
            continue
        word = words[min(count, len(words) - 1)]
        count += 1
        print(f"{source[0]}:{source[1]} {word}", flush=True)
        true = answer(request, source[0], source[1])
        if word == "id":
            sock.sendto(true[:8] + bytes(12) + true[20:], source)
        elif word == "elsewhere":
            other.sendto(true, source)
        elif word == "late":
            threading.Timer(3, sock.sendto, (true, source)).start()
        elif word in ("true", "twice"):
            sock.sendto(true, source)
            if word == "twice":
                sock.sendto(true, source)
        elif word != "silent":
            host, told = word.rsplit(":", 1)
            sock.sendto(answer(request, host, int(told)), source)


main()
