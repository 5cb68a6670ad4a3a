#!/bin/bash
# Neighbours on a LAN without Internet, without seeds: two nodes find each other by mDNS within 3 s.
# avahi-daemon and python3-zeroconf see them and are seen, and learn no identity.
. "$(dirname "$0")/mesh.sh"

node A B C
host V Z
trust_each_other A B
lan wire
plug A wire eth0 10.55.0.1/24
plug B wire eth0 10.55.0.2/24
plug C wire eth0 10.55.0.3/24
plug V wire eth0 10.55.0.4/24
plug Z wire eth0 10.55.0.5/24
for n in V Z; do
	on $n ip route add 224.0.0.0/4 dev eth0
done
# in_v COMMAND: on V, with a bus and a place for avahi of its own.
on V sh -c 'mkdir -p /run/dbus /run/avahi-daemon && mount -t tmpfs -o mode=755 t /run/dbus && mount -t tmpfs -o mode=755 t /run/avahi-daemon'
cat >"$work/dbus.conf" <<'END'
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
    <allow send_type="signal"/><allow send_type="method_return"/><allow send_type="error"/><allow receive_type="method_call"/>
    <allow receive_type="signal"/><allow receive_type="method_return"/><allow receive_type="error"/></policy>
</busconfig>
END
printf '%s\n' '[server]' host-name=avahihost allow-interfaces=eth0 enable-dbus=yes '[publish]' publish-workstation=no publish-hinfo=no \
	>"$work/avahi.conf"
(exec nsenter -t "${holder[V]}" -m -n -- dbus-daemon "--config-file=$work/dbus.conf" --nofork --nopidfile) >"$work/dbus.out" 2>&1 &
wait_for 5 "a bus" on V test -S /run/dbus/system_bus_socket
(exec nsenter -t "${holder[V]}" -m -n -- avahi-daemon --no-drop-root --no-chroot --no-rlimits -f "$work/avahi.conf") >"$work/avahi.out" 2>&1 &
wait_for 10 "avahi-daemon" on V test -S /run/avahi-daemon/socket
# zeroconf NAME WORDS...
zeroconf() {
	local n=$1
	shift
	(exec nsenter -t "${holder[Z]}" -m -n -- /usr/bin/python3 "$root/test/e2e/mdns_peer.py" "$@") >"$work/$n.out" 2>"$work/$n.log" &
	zeroconf=$!
	wait_for 10 "zeroconf" grep -q ready "$work/$n.out"
}
zeroconf zc 10.55.0.5

# --- two nodes
capture A eth0 lan udp port 5353
up A --mdns
wait_for 5 "A" serves A
capture A mg0 mesh udp port 5353
begin=$(now_us)
up B --mdns
ok "two nodes without seeds meet within 3 s" within 3 meets4 A B
note "after $((($(now_us) - begin) / 1000)) ms"
ok "in both families" within 5 meets A B
ok "the address came by mDNS" within 5 eval 'json B ".node.seeds[].source" | grep -qx mdns'
browse() { on V timeout 10 avahi-browse -ptr _meshguard._udp 2>/dev/null | grep '^='; }
browse_sees() { browse >"$work/browse"; [ "${PIPESTATUS[0]}" -lt 2 ] && [ "$(cut -d';' -f8,9 "$work/browse" | sort -u | grep -c "^10.55.0.[12];51821$")" = "$1" ]; }
ok "avahi-browse sees both, with address and port" within 15 browse_sees 2
zc_sees() { [ "$(awk '$1 == "found" { print $3, $4 }' "$work/zc.out" | tr ',' '\n' | grep -c '^10.55.0.[12]')" -ge "$1" ]; }
ok "zeroconf sees both" within 10 zc_sees 2
note "zeroconf: $(grep -m 1 found "$work/zc.out")"
uncapture lan
uncapture mesh
# --- what strangers learn
cut -d';' -f4 "$work/browse" | sort -u >"$work/first"
ok "names are 16 digits by chance" eval '! cut -d";" -f4 "$work/browse" | grep -vqE "^[0-9a-f]{16}$"'
secrets() {
	local n
	for n in A B; do
		key_of $n
		base64 -d <"$work/$n.d/identity.pub" | od -An -tx1 -v | tr -d ' \n' | head -c 16
		echo
		mesh4 $n
		mesh6 $n
		mg $n status --json | jq -r '.node.key, (.peers[].wireguard_key)'
	done
	hostname
}
ok "no key, address or name of anybody is told" eval '
	secrets | sort -u >"$work/secrets" && [ "$(wc -l <"$work/secrets")" -ge 8 ] &&
		! grep -aqFf "$work/secrets" "$work/lan.pcap" "$work/browse"'
ok "nothing is told on the mesh" eval 'same "$(captured mesh)" ""'

# --- the helper
helper() { pgrep -P "${daemon[$1]}" -f . | while read -r p; do grep -qx "meshguard: mdns" "/proc/$p/comm" && echo "$p"; done; }
stop A B
ok "avahi hears the good-bye" within 5 browse_sees 0
rm -f "$work"/[AB].d/state/peers
up A --mdns
up B --mdns
ok "after a restart they meet again" within 5 meets A B
ok "under other names" within 15 browse_sees 2
ok "that are not those of before" not grep -qFf "$work/first" "$work/browse"
pid=$(helper A)
ok "it has no rights" eval 'grep -q "^CapEff:.0*$" "/proc/$pid/status" && grep -q "^Uid:.65534.65534" "/proc/$pid/status"'
kill -KILL "$pid"
ok "another takes its place" within 10 eval '[ -n "$(helper A)" ] && [ "$(helper A)" != "$pid" ]'
ok "and all goes on" meets A B
stop B

# --- a neighbour that claims the name of A has it announced under another, again and again
name_of_A() { browse | grep ';10\.55\.0\.1;51821;' | cut -d';' -f4 | head -n 1; }
known_as_other() { now=$(name_of_A); [ -n "$now" ] && [ "$now" != "$claimed" ]; }
claimed=
wait_for 15 "A is announced" known_as_other
for round in 1 2; do
	claimed=$now
	kill "$zeroconf"
	wait "$zeroconf"
	zeroconf "claims$round" 10.55.0.5 "$claimed" 4000 v=1
	ok "its name is claimed, time $round: A goes on under another" within 30 known_as_other
done
kill "$zeroconf"
wait "$zeroconf"
zeroconf zc1 10.55.0.5

# --- strangers' services
capture A eth0 calls udp and dst host 10.55.0.4
(exec nsenter -t "${holder[V]}" -m -n -- avahi-publish -s 0123456789abcdef _meshguard._udp 4000 v=1 c=1) >"$work/publish.out" 2>&1 &
publish=$!
wait_for 5 "avahi-publish" grep -q Established "$work/publish.out"
dropped() { [ "$(json A .node.counters.drop_lan_unknown)" -ge "$1" ]; }
ok "a stranger that avahi announces is seen" within 10 dropped 1
ok "and not called by who knows whom to expect" same "$(json A '.node.seeds | map(select(.endpoint == "10.55.0.4:4000")) | length')" 0
uncapture calls
ok "not a packet goes there" same "$(captured calls port 4000)" ""
kill "$publish"
stop A

# Who is open calls; here C, which runs without --mdns and is announced by others.
rm -f "$work"/A.d/state/peers
up C --open
wait_for 5 C serves C
(exec nsenter -t "${holder[V]}" -m -n -- avahi-publish -s -H c-host.local fedcba9876543210 _meshguard._udp 51821 v=1 c=1) >"$work/publish2.out" 2>&1 &
publish=$!
(exec nsenter -t "${holder[V]}" -m -n -- avahi-publish -a -R c-host.local 10.55.0.3) >"$work/publish3.out" 2>&1 &
publish3=$!
wait_for 5 "avahi-publish" grep -q Established "$work/publish2.out"
up A --mdns --open
ok "what avahi announces is found: A meets C" within 10 meets4 A C
ok "and status says so" same "$(json A '.node.seeds[] | select(.endpoint == "10.55.0.3:51821") | .source')" mdns
stop A
kill "$publish" "$publish3" "$zeroconf"
wait "$zeroconf"
rm -f "$work"/A.d/state/peers
stop C
(exec nsenter -t "${holder[Z]}" -m -n -- env "MESHGUARD_CONFIG_DIR=$work/C.d" "$MESHGUARD" up --open) >>"$work/C.log" 2>&1 &
daemon[C]=$!
zeroconf zc2 10.55.0.5 00112233aabbccdd 51821 v=1 c=1
up A --mdns --open
ok "what zeroconf announces is found: A meets C" within 10 meets4 A C
kill "$zeroconf"
stop A C
done_testing
