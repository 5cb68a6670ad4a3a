"""wire.py ONE OTHER LOSS DUPLICATES REORDERED: a wire between two interfaces that loses so many percent of
what passes, doubles some, and lets some be overtaken by what comes in the next 5 ms. Says `ready`; at
SIGTERM: passed N lost N doubled N overtaken N. wire.py --plain INTERFACE: no checksum offload there, and
so no runs, which this wire could not carry."""
import array, fcntl, heapq, random, select, signal, socket, struct, sys, time

SIOCETHTOOL, ETHTOOL_STXCSUM, ETH_P_ALL, PACKET_OUTGOING = 0x8946, 0x17, 3, 4
if sys.argv[1] == "--plain":
    command = array.array("B", struct.pack("II", ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sP8x", sys.argv[2].encode(), command.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCETHTOOL, request)
    sys.exit(0)
names, chances = sys.argv[1:3], [float(c) / 100 for c in sys.argv[3:6]]
passed = lost = doubled = overtaken = 0


def open_end(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.bind((name, 0))
    s.setblocking(False)
    s.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
    return s


def done(*_):
    print("passed %d lost %d doubled %d overtaken %d" % (passed, lost, doubled, overtaken), flush=True)
    sys.exit(0)


random.seed(7)
signal.signal(signal.SIGTERM, done)
ends = [open_end(n) for n in names]
print("ready", flush=True)
late, number = [], 0
while True:
    wait = max(0, late[0][0] - time.monotonic()) if late else None
    for s in select.select(ends, [], [], wait)[0]:
        for _ in range(64):
            try:
                frame, where = s.recvfrom(65536)
            except BlockingIOError:
                break
            if where[2] == PACKET_OUTGOING:
                continue
            other = ends[1 - ends.index(s)]
            chance = random.random()
            times = 1
            if chance < chances[0]:
                lost += 1
                continue
            if chance < chances[0] + chances[1]:
                doubled += 1
                times = 2
            elif chance < sum(chances):
                overtaken += 1
                number += 1
                heapq.heappush(late, (time.monotonic() + 0.005, number, other, frame))
                continue
            for _ in range(times):
                try:
                    other.send(frame)
                    passed += 1
                except OSError:
                    lost += 1
    while late and late[0][0] <= time.monotonic():
        try:
            late[0][2].send(late[0][3])
            passed += 1
        except OSError:
            lost += 1
        heapq.heappop(late)
