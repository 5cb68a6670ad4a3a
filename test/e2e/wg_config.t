#!/bin/bash
# The UAPI: what wg(8) sets is what it shows; raw transactions; clients that misbehave.
. "$(dirname "$0")/wg.sh"

ns a
keys one two three
ours a wgc
shows() { wg show wgc | grep -q "$1"; }

# --- keys (row 40)
ok "row 40: without a private key none is shown" same "$(wg show wgc private-key)" "(none)"
wg set wgc private-key "$work/one.key"
ok "row 40: a private key is set and shown" same "$(wg show wgc private-key)" "$(cat "$work/one.key")"
ok "row 40: with its public key" same "$(wg show wgc public-key)" "$pub_one"
wg set wgc peer "$pub_two" preshared-key <(echo "$pub_one")
ok "row 40: a preshared key is set and shown" \
	same "$(wg show wgc preshared-keys)" "$pub_two	$pub_one"
wg set wgc peer "$pub_two" preshared-key /dev/null
ok "row 40: a preshared key is cleared" same "$(wg show wgc preshared-keys)" "$pub_two	(none)"
wg set wgc private-key /dev/null
ok "row 40: a private key is cleared" same "$(wg show wgc private-key)" "(none)"
wg set wgc peer "$pub_two" remove
ok "a peer is removed" same "$(wg show wgc peers)" ""

# --- our own key as a peer (row 41)
wg set wgc private-key "$work/one.key" peer "$pub_one"
ok "row 41: our own key is not taken as a peer" same "$(wg show wgc peers)" ""
wg set wgc private-key /dev/null peer "$pub_one" allowed-ips 10.0.0.0/24
ok "row 41: without a private key it is" same "$(wg show wgc peers)" "$pub_one"
wg set wgc private-key "$work/one.key"
ok "row 41: and goes when the key becomes ours" same "$(wg show wgc peers)" ""

# --- clamping (row 42)
wg set wgc private-key <(echo //////////////////////////////////////////8=)
ok "row 42: a private key is clamped, at both ends" \
	same "$(wg show wgc private-key)" "+P///////////////////////////////////////38="
wg set wgc private-key "$work/one.key"

# --- allowed IPs that overlap (row 43)
allowed() { wg show wgc allowed-ips | grep "$1" | cut -f2; }
sorted() { tr ' ' '\n' <<<"$1" | sort | xargs; }
wg set wgc peer "$pub_two" allowed-ips 0.0.0.0/0,10.0.0.0/8,100.0.0.0/10,172.16.0.0/12,192.168.0.0/16
wg set wgc peer "$pub_two" allowed-ips 0.0.0.0/0
ok "row 43: a list replaces the list" same "$(allowed "$pub_two")" 0.0.0.0/0
wg set wgc peer "$pub_two" \
	allowed-ips ::/0,1700::/111,5000::/4,e000::/37,9000::/75,10.0.0.0/8,100.0.0.0/10
wg set wgc peer "$pub_three" allowed-ips 1700::/111,9000::/75,e000::/37,10.0.0.0/8
ok "row 43: odd prefixes move to the one named last" same \
	"$(sorted "$(allowed "$pub_three")")" "$(sorted '1700::/111 9000::/75 e000::/37 10.0.0.0/8')"
ok "row 43: and leave the other" same \
	"$(sorted "$(allowed "$pub_two")")" "$(sorted '::/0 5000::/4 100.0.0.0/10')"
wg set wgc peer "$pub_two" allowed-ips ::/0,5000::/4,100.0.0.0/10,e000::/37
ok "row 43: one comes back" same \
	"$(sorted "$(allowed "$pub_three")")" "$(sorted '1700::/111 9000::/75 10.0.0.0/8')"
wg set wgc peer "$pub_three" allowed-ips ""
ok "row 43: and all can go" same "$(allowed "$pub_three")" "(none)"
wg set wgc peer "$pub_two" allowed-ips 10.1.2.3/8,fd00::1234/64
ok "host bits are cut off" same "$(sorted "$(allowed "$pub_two")")" "10.0.0.0/8 fd00::/64"
wg set wgc peer "$pub_two" remove peer "$pub_three" remove

# --- endpoints and keepalives
wg set wgc peer "$pub_two" endpoint '[2001:db8::7]:4321' persistent-keepalive 25
ok "an endpoint is shown" same "$(endpoint_of wgc)" '[2001:db8::7]:4321'
ok "a keepalive is shown" same "$(wg show wgc persistent-keepalive)" "$pub_two	25"
wg set wgc peer "$pub_two" persistent-keepalive off
ok "and switched off" same "$(wg show wgc persistent-keepalive)" "$pub_two	off"
wg set wgc peer "$pub_two" remove

# --- 4,000 peers
/usr/bin/python3 - >"$work/large.conf" <<'END'
import base64, hashlib
key = lambda *w: base64.b64encode(hashlib.sha256(repr(w).encode()).digest()).decode()
print("[Interface]\nListenPort = 7777\nFwMark = 0x1234")
secret = bytearray(hashlib.sha256(b"private").digest())
secret[0] &= 248
secret[31] = secret[31] & 127 | 64
print("PrivateKey =", base64.b64encode(secret).decode())
for i in range(4000):
    print("\n[Peer]\nPublicKey =", key("peer", i))
    if i % 3 == 0:
        print("PresharedKey =", key("psk", i))
    print(f"AllowedIPs = 10.{64 + i // 250}.{i % 250}.0/24, fd00:{i + 1:x}::/32")
    if i % 2:
        print(f"Endpoint = 192.0.2.{i % 250 + 1}:{1024 + i}")
    if i % 5 == 0:
        print(f"PersistentKeepalive = {i % 100 + 1}")
END
# The text in one order: peers by key, lines of a peer and their lists by name.
normal() {
	/usr/bin/python3 -c '
import sys
parts = sys.stdin.read().split("[Peer]")
def lines(part):
    out = []
    for line in part.strip().splitlines():
        name, _, value = line.partition(" = ")
        out.append(name + " = " + ", ".join(sorted(value.split(", "))))
    return sorted(out)
print(lines(parts[0]), *sorted(map(lines, parts[1:])), sep="\n")'
}
wg showconf wgc >/dev/null
ok "setconf of 4,000 peers" wg setconf wgc "$work/large.conf"
ok "they are all there" same "$(wg show wgc peers | wc -l)" 4000
normal <"$work/large.conf" >"$work/want"
wg showconf wgc >"$work/shown.conf"
normal <"$work/shown.conf" >"$work/got"
ok "showconf gives back what setconf took" cmp "$work/want" "$work/got"
ok "its text can be set again" wg setconf wgc "$work/shown.conf"
wg showconf wgc | normal >"$work/got"
ok "and comes back the same" cmp "$work/want" "$work/got"
# Other settings for some, without some, with new ones.
sed 's/^Endpoint = 192\.0\.2\./Endpoint = 198.51.100./; s/^AllowedIPs = 10\.7/AllowedIPs = 10.17/' \
	"$work/large.conf" | awk -v RS= -v ORS='\n\n' 'NR == 1 || NR % 7' >"$work/other.conf"
ok "syncconf to another configuration" wg syncconf wgc "$work/other.conf"
normal <"$work/other.conf" >"$work/want"
wg showconf wgc | normal >"$work/got"
# syncconf leaves endpoints and allowed IPs that the configuration does not name as they are.
ok "gives that configuration" cmp "$work/want" "$work/got"
ok "an empty one removes them" eval \
	'echo "[Interface]" >"$work/none.conf"; wg syncconf wgc "$work/none.conf" &&
	same "$(wg show wgc peers)" ""'

# --- the socket itself; wg(8) understands negative numbers in the answers to set
cat >"$work/raw.py" <<'END'
import socket, sys, time
path = sys.argv[1]
def dial():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(10)
    return s
def until(s, end=b"\n\n"):
    got = b""
    while not got.endswith(end):
        try:
            more = s.recv(1 << 16)
        except ConnectionResetError:
            more = b""
        if not more:
            return got + b"<closed>"
        got += more
    return got
def asks(text, s=None):
    s = s or dial()
    s.sendall(text)
    return until(s).decode()
key = "%064x" % 0x1234
n = 0
def ok(name, good, got=""):
    global n
    n += 1
    print(("ok" if good else "not ok"), n, "-", name, "" if good else "\n# got: %r" % got)
def errno(name, text, want):
    got = asks(text.encode())
    ok(name, got.endswith("errno=%d\n\n" % -want), got[-200:])
errno("get", "get=1\n\n", 0)
errno("an empty set", "set=1\n\n", 0)
errno("an unknown key is EINVAL", "set=1\nfrobnicate=1\n\n", 22)
errno("a line without = is EPROTO", "set=1\nprivate_key\n\n", 71)
errno("a bad value is EINVAL", "set=1\nlisten_port=65536\n\n", 22)
errno("a key of 63 digits is EINVAL", "set=1\npublic_key=%s\n\n" % key[1:], 22)
errno("a line of 5,000 bytes is EINVAL", "set=1\nprivate_key=" + "0" * 5000 + "\n\n", 22)
errno("after an error nothing more is applied",
      "set=1\nfrob=1\npublic_key=%s\n\n" % key, 22)
got = asks(b"get=1\n\n")
ok("and no peer was made", "public_key" not in got, got)
s = dial()
for i in range(100):
    asks(b"set=1\npublic_key=%s\nallowed_ip=10.0.%d.0/24\n\n" % (key.encode(), i), s)
got = asks(b"get=1\n\n", s)
ok("a hundred transactions on one connection", got.count("allowed_ip=") == 100, got[:300])
s = dial()
s.sendall(b"get=1\n\nget=1\n\nset=1\npublic_key=%s\nremove=true\n\nget=1\n\n" % key.encode())
got = b""
while got.count(b"errno=0\n\n") < 4:
    got += s.recv(65536)
ok("four transactions in one write, in order", got.count(b"public_key=") == 2
   and b"public_key=" not in got.split(b"errno=0\n\n")[3], got[-300:])
s = dial()
for c in b"set=1\npublic_key=%s\n\n" % key.encode():
    s.send(bytes([c]))
ok("byte by byte", until(s) == b"errno=0\n\n")
ok("the update_only of a missing peer makes none",
   asks(b"set=1\npublic_key=%s\nupdate_only=true\n\n" % (b"%064x" % 99)) == "errno=0\n\n"
   and "%064x" % 99 not in asks(b"get=1\n\n"))
s = dial()
s.sendall(b"frobnicate=1\n\n")
ok("an unknown operation closes the connection", until(s) == b"<closed>")
many = [dial() for i in range(15)]
for c in many:
    c.sendall(b"set=1\n")
ok("fifteen half transactions: the sixteenth client is served",
   asks(b"get=1\n\n").endswith("errno=0\n\n"))
rest = [dial() for i in range(40)]
ok("forty that rest make room for one that asks", asks(b"get=1\n\n").endswith("errno=0\n\n"))
ok("half transactions go on", all(asks(b"\n", c) == "errno=0\n\n" for c in many))
lines = b"".join(b"public_key=%064x\nallowed_ip=10.%d.%d.0/24\n" % (i + 1, i >> 8, i & 255)
                 for i in range(5000))
ok("a set of 5,000 peers", asks(b"set=1\n" + lines + b"\n") == "errno=0\n\n")
slow = [dial() for i in range(8)]
for c in slow:
    c.sendall(b"get=1\n\n")
start = time.monotonic()
ok("eight clients that do not read: others are served",
   asks(b"get=1\n\n").count("public_key=") == 5000 and time.monotonic() - start < 5)
ok("and they get all in the end",
   all(until(c, b"errno=0\n\n").count(b"public_key=") == 5000 for c in slow))
ok("all peers go", asks(b"set=1\nreplace_peers=true\n\n") == "errno=0\n\n"
   and "public_key" not in asks(b"get=1\n\n"))
print("1..%d" % n)
END
/usr/bin/python3 "$work/raw.py" /run/wireguard/wgc.sock >"$work/raw.out" 2>&1
ok "raw transactions run to their end" grep -q '^1\.\.' "$work/raw.out"
while read -r line; do
	case $line in
	"ok "*) ok "raw: ${line#* - }" true ;;
	"not ok "*) ok "raw: ${line#* - }" false ;;
	*) echo "# $line" ;;
	esac
done <"$work/raw.out"
ok "the device still works" wg show wgc
kill $daemon
done_testing
