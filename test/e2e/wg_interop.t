#!/bin/bash
# Handshakes and traffic between our device and wireguard-go, both ways, by capture and by count.
. "$(dirname "$0")/wg.sh"

ns a b
cable a e0 b e0
ip -n a addr add 10.9.0.1/24 dev e0
ip -n b addr add 10.9.0.2/24 dev e0
ip -n a addr add fd09::1/64 dev e0
ip -n b addr add fd09::2/64 dev e0
keys our their
wg genpsk >"$work/psk"

# start OUR_PSK...: both devices; words like "preshared-key FILE" are added to both peers.
start() {
	ours a wgo --debug-keylog "$work/keylog"
	our_pid=$daemon
	theirs b wgt
	their_pid=$daemon
	wg set wgo private-key "$work/our.key" listen-port 5001 peer "$pub_their" "$@" \
		allowed-ips 10.10.0.2/32,fd10::2/128
	wg set wgt private-key "$work/their.key" listen-port 5002 peer "$pub_our" "$@" \
		allowed-ips 10.10.0.1/32,fd10::1/128
	for end in "a wgo 1" "b wgt 2"; do
		set -- $end
		ip -n "$1" link set "$2" addrgenmode none
		ip -n "$1" addr add "10.10.0.$3/24" dev "$2"
		ip -n "$1" addr add "fd10::$3/64" dev "$2"
		ip -n "$1" link set "$2" up
	done
}
stop() {
	kill "$our_pid" "$their_pid"
	wait "$our_pid" "$their_pid" 2>/dev/null
	rm -f "$work/keylog"
	within 5 not has_socket wgo
}

start
wg set wgo peer "$pub_their" endpoint 10.9.0.2:5002
ok "we initiate: a ping gets through" within 5 reaches a 10.10.0.2
ok "IPv4 in the tunnel, from us" pings a 10.10.0.2
ok "IPv6 in the tunnel, from us" pings a fd10::2
ok "IPv4 in the tunnel, from wireguard-go" pings b 10.10.0.1
ok "IPv6 in the tunnel, large packets" pings b fd10::1 -s 1300
ok "both ends show the handshake" eval 'has_handshake wgo && has_handshake wgt'
ok "it knows our endpoint" has_endpoint wgt 10.9.0.1:5001
ok "both ends count the same bytes" eval \
	'same "$(sent_by wgo) $(received_by wgo)" "$(received_by wgt) $(sent_by wgt)"'
stop

start
wg set wgt peer "$pub_our" endpoint 10.9.0.1:5001
ok "wireguard-go initiates: a ping gets through" within 5 reaches b 10.10.0.1
ok "both ways, from wireguard-go" pings b 10.10.0.1
ok "both ways, from us" pings a 10.10.0.2
ok "we learnt its endpoint" has_endpoint wgo 10.9.0.2:5002
stop

start preshared-key "$work/psk"
wg set wgo peer "$pub_their" endpoint '[fd09::2]:5002'
ok "with a preshared key we initiate, over IPv6" within 5 reaches a 10.10.0.2
ok "with a preshared key, both ways" eval 'pings a fd10::2 && pings b fd10::1'
stop

start preshared-key "$work/psk"
wg set wgt peer "$pub_our" endpoint '[fd09::1]:5001'
ok "with a preshared key it initiates, over IPv6" within 5 reaches b fd10::1
stop

start preshared-key "$work/psk"
wg set wgo peer "$pub_their" preshared-key /dev/null endpoint 10.9.0.2:5002
ok "keys that differ: nothing gets through" not within 2 reaches a 10.10.0.2
ok "keys that differ: no handshake" not has_handshake wgo
stop

# A capture that Wireshark's dissector opens with our key log.
start preshared-key "$work/psk"
in_ns a dumpcap -q -i e0 -f 'udp port 5001' -w "$work/c.pcapng" >"$work/dumpcap.log" 2>&1 &
dumpcap=$!
within 5 grep -q 'File:' "$work/dumpcap.log"
wg set wgo peer "$pub_their" endpoint 10.9.0.2:5002
ok "captured: we initiate" within 5 reaches a 10.10.0.2
ok "captured: ten pings" pings a 10.10.0.2
ok "the key log is for its owner alone" same "$(stat -c %a "$work/keylog")" 600
shown() {
	tshark -o "wg.keylog_file:$work/keylog" -r "$work/c.pcapng" "$@" 2>/dev/null
}
all_there() { [ "$(shown -Y 'icmp.type == 0' -T fields -e icmp.seq | wc -l)" -ge 11 ]; }
ok "tshark shows the echo replies inside" within 10 all_there
ok "and the echo requests" eval '[ $(shown -Y "icmp.type == 8" | wc -l) -ge 11 ]'
ok "and says that it opened the handshake" eval \
	'shown -V -Y "wg.type == 2" | grep -q "Handshake decryption successful: True"'
ok "without the key log it shows none of them" eval \
	'[ -z "$(tshark -r "$work/c.pcapng" -Y icmp 2>/dev/null)" ]'
kill -INT $dumpcap
stop
start preshared-key "$work/psk"
in_ns a dumpcap -q -i e0 -f 'udp port 5001' -w "$work/d.pcapng" >"$work/dumpcap2.log" 2>&1 &
dumpcap=$!
within 5 grep -q 'File:' "$work/dumpcap2.log"
mv "$work/d.pcapng" "$work/c.pcapng"
wg set wgt peer "$pub_our" endpoint 10.9.0.1:5001
ok "captured: wireguard-go initiates" within 5 reaches b 10.10.0.1
ok "captured: ten pings from there" pings b 10.10.0.1
ok "tshark shows the echo replies of that side, too" within 10 all_there
kill -INT $dumpcap
stop
done_testing
