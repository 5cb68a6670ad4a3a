#!/usr/bin/python3
"""pcp_liar.py ADDRESS pcp|nat-pmp EXTERNAL: a router that says to have mapped each port, as EXTERNAL, for two hours, and
maps nothing. nat-pmp: it does not speak PCP. One line on standard output for each question."""
import socket
import struct
import sys
import time

address, speaks, external = sys.argv[1:4]
start = time.monotonic() - 1000
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((address, 5351))
print("ready", flush=True)
while True:
    data, source = sock.recvfrom(2048)
    epoch = int(time.monotonic() - start)
    print("asked", data[:2].hex(), flush=True)
    if data[0] == 2 and speaks == "pcp" and data[1] == 0:  # ANNOUNCE
        answer = struct.pack(">BBBBII12x", 2, 0x80, 0, 0, 0, epoch)
    elif data[0] == 2 and speaks == "pcp":  # MAP: nonce, protocol and inside port as they came
        port = struct.unpack(">H", data[40:42])[0]
        answer = (struct.pack(">BBBBII12x", 2, 0x81, 0, 0, 7200, epoch) + data[24:42] + struct.pack(">H", port) +
                  bytes(10) + b"\xff\xff" + socket.inet_aton(external))
    elif data[0] == 2:
        answer = struct.pack(">BBHI", 0, 0x80 | data[1] & 0x7F, 1, epoch)  # it knows version 0 alone
    elif data[1] == 0:
        answer = struct.pack(">BBHI", 0, 0x80, 0, epoch) + socket.inet_aton(external)
    else:
        port = struct.unpack(">H", data[4:6])[0]
        answer = struct.pack(">BBHIHHI", 0, 0x81, 0, epoch, port, port, 7200)
    sock.sendto(answer, source)
