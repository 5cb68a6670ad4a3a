#!/usr/bin/python3
"""prober.py - proves of what kind a NAT is, by asking a host with two addresses and two ports each.

prober.py serve A1 A2              on the public host: 3478 and 3479 of both
prober.py kind A1 A2 PORT [OUTSIDE]
    from behind the NAT, from local ports PORT, PORT+1 ... One line:
    mapping=none|one|address|port[+seq] filter=none|address|port trap=yes|no preserved=yes|no
    trap: whether a datagram that came unasked takes the outside port from a later flow
prober.py hold A1 PORT             prints the outside address of PORT, then "got" for what comes
prober.py throw IP PORT            one datagram there
"""
import select
import socket
import sys
import time

PORTS = (3478, 3479)
WAIT = 0.5


def bound(address, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, port))
    return s


def serve(addresses):
    socks = {(a, p): bound(a, p) for a in addresses for p in PORTS}
    print("serving", flush=True)
    while True:
        for s in select.select(list(socks.values()), [], [])[0]:
            data, source = s.recvfrom(200)
            words = data.decode().split()
            # "n A P": answer number n from A P. "n A P ip port": to there instead, as an attack.
            to = (words[3], int(words[4])) if len(words) == 5 else source
            socks[words[1], int(words[2])].sendto(
                f"{words[0]} {source[0]} {source[1]}".encode(), to)


number = 0


def ask(s, to, by=None, about=None):
    """What `by` says in answer to a question to `to`: (address, port), or None."""
    global number
    by = by or to
    number += 1
    words = [str(number), by[0], str(by[1])] + ([about[0], str(about[1])] if about else [])
    for _ in range(3):
        s.sendto(" ".join(words).encode(), to)
        end = time.monotonic() + WAIT
        while (left := end - time.monotonic()) > 0:
            if not select.select([s], [], [], left)[0]:
                break
            got = s.recv(200).decode().split()
            if got[0] == str(number):
                return got[1], int(got[2])
        if about:
            return None
    return None


def kind(a1, a2, port, outside):
    s = bound("", port)
    here = ask(s, (a1, PORTS[0]))
    if not here:
        print("mapping=blocked")
        return
    same = ask(s, (a1, PORTS[1]))
    other = ask(s, (a2, PORTS[0]))
    if here == same == other:
        mapping = "one"
    elif here == same:
        mapping = "address"
    else:
        mapping = "port" + ("+seq" if 0 < same[1] - here[1] <= 20 and
                            0 < other[1] - same[1] <= 20 else "")
    local = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    local.connect((a1, 9))
    if here[0] == local.getsockname()[0]:
        mapping = "none"
    s = bound("", port + 1)
    ask(s, (a1, PORTS[0]))
    if ask(s, (a1, PORTS[0]), (a2, PORTS[1])):
        filtering = "none"
    elif ask(s, (a1, PORTS[0]), (a1, PORTS[1])):
        filtering = "address"
    else:
        filtering = "port"
    # From another port of ours we have it thrown at PORT+2 before that has sent anything.
    thrower = bound("", port + 3)
    ask(thrower, (a1, PORTS[0]), (a2, PORTS[0]), (outside or here[0], port + 2))
    late = ask(bound("", port + 2), (a2, PORTS[0]))
    fresh = ask(bound("", port + 4), (a2, PORTS[0]))
    preserved = fresh and fresh[1] == port + 4
    print(f"mapping={mapping} filter={filtering}"
          f" trap={'yes' if preserved and late and late[1] != port + 2 else 'no'}"
          f" preserved={'yes' if preserved else 'no'}")


def hold(a1, port):
    s = bound("", port)
    print(*ask(s, (a1, PORTS[0])), flush=True)
    while True:
        data, source = s.recvfrom(200)
        print("got", *source, flush=True)


def main(words):
    if words[0] == "serve":
        serve(words[1:3])
    elif words[0] == "kind":
        kind(words[1], words[2], int(words[3]), words[4] if len(words) > 4 else None)
    elif words[0] == "hold":
        hold(words[1], int(words[2]))
    elif words[0] == "throw":
        bound("", 0).sendto(b"x", (words[1], int(words[2])))


main(sys.argv[1:])
