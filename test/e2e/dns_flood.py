#!/usr/bin/python3
"""dns_flood.py SERVER NAME COUNT: asks so often for A of NAME as fast as the socket takes it, and prints how many
questions were sent and how many of them were answered, when nothing came for two seconds."""
import socket
import struct
import sys

server, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + b"\0"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.connect((server, 53))
answered = set()


def take(wait):
    s.settimeout(wait)
    try:
        while True:
            data = s.recv(2048)
            if len(data) > 12 and data[2] & 0x80:
                answered.add(data[:2])
    except (BlockingIOError, socket.timeout):
        pass


for i in range(count):
    s.send(struct.pack(">6H", i + 1, 0, 1, 0, 0, 0) + labels + struct.pack(">2H", 1, 1))
    if i % 8 == 7:
        take(0.002)
take(2)
print(count, len(answered))
