#!/bin/bash
# Addresses that change under a tunnel between us and wireguard-go, on either side.
. "$(dirname "$0")/wg.sh"

ns a b
cable a e0 b e0
for end in "a 1" "b 2"; do
	set -- $end
	ip -n "$1" addr add "10.9.0.$2/24" dev e0
	ip -n "$1" addr add "fd09::$2/64" dev e0
done
keys our their
ours a wgo
theirs b wgt
wg set wgo private-key "$work/our.key" listen-port 5001 peer "$pub_their" \
	allowed-ips 10.10.0.2/32 endpoint 10.9.0.2:5002
wg set wgt private-key "$work/their.key" listen-port 5002 peer "$pub_our" \
	allowed-ips 10.10.0.1/32
ip -n a addr add 10.10.0.1/24 dev wgo
ip -n b addr add 10.10.0.2/24 dev wgt
ip -n a link set wgo up
ip -n b link set wgt up
# address NS WHAT...: changes addresses of e0.
address() { local n=$1; shift; ip -n "$n" addr "$@" dev e0; }
handshakes() { echo "$(handshake_of wgo) $(handshake_of wgt)"; }

ok "the tunnel works" within 5 reaches a 10.10.0.2
at_start=$(handshakes)

# --- we move
address a del 10.9.0.1/24
address a add 10.9.0.11/24
ok "our address changed: the first packet of ours gets through" reaches a 10.10.0.2
ok "wireguard-go follows" has_endpoint wgt 10.9.0.11:5001
ok "and speaks to us there" pings b 10.10.0.1
wg set wgo listen-port 5011
ok "our port changed: likewise" reaches a 10.10.0.2
ok "wireguard-go follows" has_endpoint wgt 10.9.0.11:5011
wg set wgo peer "$pub_their" endpoint '[fd09::2]:5002'
ok "from IPv4 to IPv6" reaches a 10.10.0.2
ok "wireguard-go follows" has_endpoint wgt '[fd09::1]:5011'
address a del fd09::1/64
address a add fd09::11/64
ok "row 31: our IPv6 address was replaced: the first packet gets through" reaches a 10.10.0.2
ok "wireguard-go follows" has_endpoint wgt '[fd09::11]:5011'

# --- it moves
wg set wgt peer "$pub_our" endpoint 10.9.0.11:5011
ok "it speaks from IPv4" reaches b 10.10.0.1
ok "we follow" has_endpoint wgo 10.9.0.2:5002
address b del 10.9.0.2/24
address b add 10.9.0.22/24
# wireguard-go holds on to the source that is gone until it is told.
wg set wgt peer "$pub_our" endpoint 10.9.0.11:5011
ok "its address changed: its packet gets through" reaches b 10.10.0.1
ok "we follow" has_endpoint wgo 10.9.0.22:5002
wg set wgt listen-port 5022
ok "its port changed: its packet gets through" reaches b 10.10.0.1
ok "we follow" has_endpoint wgo 10.9.0.22:5022
ok "and speak to it there" pings a 10.10.0.2
ok "all that took no new handshake" same "$(handshakes)" "$at_start"

# --- rows 30 and 32: which of our addresses
address a add 10.9.0.12/24
wg set wgt peer "$pub_our" endpoint 10.9.0.12:5011
ok "row 32: spoken to at our second address" reaches b 10.10.0.1
ok "row 32: we answer from there" has_endpoint wgt 10.9.0.12:5011
ok "row 32: and keep to it" eval 'pings a 10.10.0.2 && has_endpoint wgt 10.9.0.12:5011'
address a del 10.9.0.12/24
ok "row 30: that address is gone: another takes over at once" reaches a 10.10.0.2
ok "row 30: and wireguard-go knows" has_endpoint wgt 10.9.0.11:5011
ok "still without a handshake" same "$(handshakes)" "$at_start"

# --- link-local addresses need their interface
lla=$(ip -n b -j addr show e0 | /usr/bin/python3 -c '
import json, sys
print([i["local"] for i in json.load(sys.stdin)[0]["addr_info"] if i["scope"] == "link"][0])')
in_ns a wg set wgo peer "$pub_their" endpoint "[$lla%e0]:5022"
ok "an endpoint of link-local IPv6" within 5 reaches a 10.10.0.2
ok "wireguard-go sees our link-local address" eval '[[ $(endpoint_of wgt) = \[fe80::*]:5011 ]]'
ok "and it works from there" pings b 10.10.0.1
done_testing
