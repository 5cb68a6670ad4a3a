#!/bin/bash
# Names of the mesh: asked with dig on the host, through the tunnel under service rules, from the LAN
# (no answer), and by way of dnsmasq as the host's resolver.
. "$(dirname "$0")/mesh.sh"

node A B C
host L
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug C wire eth0 10.0.0.3/24
plug L wire eth0 10.0.0.4/24
trust_each_other A B
mg A trust "$work/C.d/identity.pub" --name Db.Prod >/dev/null
trusts C A
[ -e /etc/resolv.conf ] || : >/etc/resolv.conf
before=$(cat /etc/resolv.conf)
for n in A B C; do
	up $n --seed 10.0.0.1:51821
done
wait_for 10 "the mesh" eval 'meets A B && meets C A'

# asks HOST SERVER NAME TYPE: the records, one a line; status HOST SERVER NAME TYPE: how it went.
asks() { on "$1" dig +short +tries=1 +time=2 "@$2" "$3" "$4"; }
status() { on "$1" dig +tries=1 +time=2 "@$2" "$3" "$4" | awk '/status:/ { sub(",", "", $6); print $6 }
	/ANSWER: / { for (i = 1; i < NF; i++) if ($i ~ /^(ANSWER|AUTHORITY):$/) print $i $(i + 1) }' | tr -d '\n'; }
A4=$(mesh4 A)
A6=$(mesh6 A)
ok "A of a trusted peer" same "$(asks A "$A4" B.mesh A)" "$(mesh4 B)"
ok "AAAA, asked over IPv6" same "$(asks A "$A6" B.mesh AAAA)" "$(mesh6 B)"
ok "in any case of letters, with dots in the name" same "$(asks A "$A4" dB.prod.MESH A)" "$(mesh4 C)"
ok "PTR of an IPv4 address" same "$(on A dig +short "@$A4" -x "$(mesh4 B)")" "B.mesh."
ok "PTR of an IPv6 address" same "$(on A dig +short "@$A4" -x "$(mesh6 C)")" "Db.Prod.mesh."
label=$(json B .node.key >/dev/null && on A hostname)
ok "its own name" same "$(asks A "$A4" "$label.mesh" A)" "$A4"
ok "and that of its own address" same "$(on A dig +short "@$A4" -x "$A4")" "$label.mesh."
ok "what does not exist" same "$(status A "$A4" nobody.mesh A)" "NXDOMAINANSWER:0,AUTHORITY:1,"
ok "what has no such record" same "$(status A "$A4" B.mesh MX)" "NOERRORANSWER:0,AUTHORITY:1,"
ok "what only leads to names" same "$(status A "$A4" prod.mesh A)" "NOERRORANSWER:0,AUTHORITY:1,"
ok "an SOA with it" eval 'on A dig +tries=1 "@$A4" nobody.mesh A | grep -q "^mesh\..*SOA"'
ok "no recursion" same "$(status A "$A4" example.org A)" "REFUSEDANSWER:0,AUTHORITY:0,"
ok "a label that a node gives itself is nobody's name elsewhere" eval '
	[ "$(json A ".peers[0].label")" = "$label" ] && same "$(asks A "$A4" "$label.mesh" A)" "$A4"'

# Through the tunnel, as far as the rules of A let it.
ok "a peer may ask, where rules let it" same "$(asks B "$A4" Db.Prod.mesh A)" "$(mesh4 C)"
ok "over IPv6, too" same "$(asks B "$A6" Db.Prod.mesh A)" "$(mesh4 C)"
# Who asks without end gets few answers, and the host itself all of its.
flood=(/usr/bin/python3 "$root/test/e2e/dns_flood.py" "$A4" B.mesh)
on B "${flood[@]}" 400 >"$work/flood"
read -r sent answered <"$work/flood"
ok "a peer that asks 400 times at once: $answered answers" [ "$sent" = 400 -a "$answered" -ge 32 -a "$answered" -lt 300 ]
ok "the others are counted" [ "$(json A .node.counters.drop_dns_rate)" -ge 100 ]
on A "${flood[@]}" 400 >"$work/flood"
ok "the host gets all that it asks for" same "$(cat "$work/flood")" "400 400"
ok "a while later it may ask again" within 10 eval 'same "$(asks B "$A4" Db.Prod.mesh A)" "$(mesh4 C)"'
mg A service deny udp 53 >/dev/null
silent() { not on "$1" dig +short +tries=1 +time=1 "@$2" B.mesh A; }
ok "and not where they do not" within 5 silent B "$A4"
ok "the host itself still may" same "$(asks A "$A4" B.mesh A)" "$(mesh4 B)"
mg A service reset >/dev/null

# From the LAN, where A is the next hop to its own mesh address.
on L ip route add "$A4/32" via 10.0.0.1
on A sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0
capture A eth0 lan udp port 53
ok "nobody on the LAN gets an answer" silent L "$A4"
uncapture lan
ok "though the question came" at_least "$(captured lan dst host "$A4" | wc -l)" 1
ok "and nothing goes back" same "$(captured lan src host "$A4")" ""

# A resolver of the host's own that forwards.
echo "nameserver 127.0.0.1" >/run/resolv.conf
chmod 644 /run/resolv.conf
on A mount --bind /run/resolv.conf /etc/resolv.conf
(exec nsenter -t "${holder[A]}" -m -n -- dnsmasq -k --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file=/run/dns.pid \
	--listen-address=127.0.0.1 --bind-interfaces "--server=/mesh/$A4" "--rev-server=10.99.0.0/16,$A4" \
	--address=/example.test/192.0.2.1) >"$work/dnsmasq.log" 2>&1 &
wait_for 5 "dnsmasq" on A sh -c 'ss -lun | grep -q "127.0.0.1:53 "'
ok "dnsmasq forwards .mesh" same "$(asks A 127.0.0.1 B.mesh A)" "$(mesh4 B)"
ok "and the reverse zone" same "$(on A dig +short @127.0.0.1 -x "$(mesh4 B)")" "B.mesh."
ok "and knows other names by itself" same "$(asks A 127.0.0.1 a.example.test A)" 192.0.2.1
ok "ping by name" on A ping -n -q -c 1 -w 3 Db.Prod.mesh

# Live.
mg A trust "$work/C.d/identity.pub" --name other >/dev/null 2>&1
ok "a second name for a key is refused, the first one stays" same "$(asks A "$A4" Db.Prod.mesh A)" "$(mesh4 C)"
mg A revoke B >/dev/null
ok "a revoked peer has no name, within a second" within 1 eval '[ "$(status A "$A4" B.mesh A)" = "NXDOMAINANSWER:0,AUTHORITY:1," ]'
ok "resolv.conf is never touched" same "$(cat /etc/resolv.conf)" "$before"
ok "one process holds the sockets, without rights" eval '
	grep -q "^CapEff:.0000000000000000" "/proc/$(child_of A)/status"'
stop A B C

# Somebody else has the port.
(exec nsenter -t "${holder[B]}" -m -n -- dnsmasq -k --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file=/run/dnsB.pid) >"$work/dnsmasqB.log" 2>&1 &
wait_for 5 "dnsmasq on all addresses" on B sh -c 'ss -lun | grep -q "0.0.0.0:53 "'
up B
ok "without the port all else goes on" within 5 serves B
ok "and it is told" within 5 grep -q "names below .mesh are not served: port 53" "$work/B.log"
stop B
done_testing
