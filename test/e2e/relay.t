#!/bin/bash
# Two nodes that UDP cannot join, and members that relay for them: traffic within a second, another
# relay when the first one dies, and the direct path as soon as there is one, without a lost packet.
. "$(dirname "$0")/mesh.sh"

node A B R S
trust_each_other A B R S
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug R wire eth0 10.0.0.3/24
plug S wire eth0 10.0.0.4/24

# block, unblock: UDP between A and B, both ways, at B.
block() {
	on B nft -f - <<-'EOF'
		table inet apart {
			chain in {
				type filter hook input priority 0
				iifname eth0 ip saddr 10.0.0.1 meta l4proto udp drop
			}
			chain out {
				type filter hook output priority 0
				oifname eth0 ip daddr 10.0.0.1 meta l4proto udp drop
			}
		}
	EOF
}
unblock() { on B nft delete table inet apart; }

ok "UDP between A and B is blocked" block
up R --relay on
up S --relay on
up A --seed 10.0.0.3:51821 --seed 10.0.0.4:51821
up B --seed 10.0.0.3:51821 --seed 10.0.0.4:51821
knows() { same "$(peer "$1" "$2" .state)" alive; }
wait_for 10 "A knows B" knows A B
wait_for 10 "B knows A" knows B A
relay_known() { same "$(json "$1" .node.relays)" true; }
ok "R says that it relays" relay_known R
ok "A does not, for its address is private" not relay_known A
ok "the first packet arrives, through a relay" \
	on A ping -c 1 -W 1 "$(mesh4 B)"
via_relay() { same "$(peer "$1" "$2" .path)" relay; }
wait_for 3 "A reaches B through a relay" via_relay A B
wait_for 3 "and B A" via_relay B A
ok "by the IPv6 address, too" meets6 A B
ok "status names the relay" eval 'mg A status | grep -qE "^B .* relay via $(peer A B .relay)"'
ok "no relay opens anything of it" same "$(peer R A .tunnel_up) $(peer S A .tunnel_up)" "false false"

says_relay() { mg A ping B --count 1 | grep -qE "^B: relay via [RS], round trip .* MTU 1420$"; }
ok "meshguard ping says so" within 30 says_relay
ok "and waits for a direct path, in vain" eval 'mg A ping B --count 2 --until-direct >/dev/null; same $? 5'
ok "nobody is called X: 1" eval 'mg A ping X 2>/dev/null; same $? 1'

# background HOST WORDS...: $! is the process itself.
background() {
	local n=$1
	shift
	(exec nsenter -t "${holder[$n]}" -m -n -- "$@")
}

# --- the direct path, tried again after 5 and 15 seconds
background A ping -i 0.1 -c 250 -W 2 "$(mesh4 B)" >"$work/pings" &
pings=$!
ok "UDP passes again" unblock
direct() { same "$(peer "$1" "$2" .path)" direct; }
wait_for 30 "A goes over to the direct path" direct A B
wait_for 30 "and B" direct B A
wait "$pings"
ok "the pings end well" same $? 0
ok "none was lost" grep -q " 250 received, 0% packet loss" "$work/pings"
# By whichever of B's sockets got through first.
shows() { grep -E "$1" <<<"$2" || { echo "$2"; return 1; }; }
ok "meshguard ping, too" eval 'shows "^B: direct 10\.0\.0\.2:[0-9]+, round trip" "$(mg A ping B --until-direct)"'
ok "status says direct" eval 'shows "^B .* direct 10\.0\.0\.2:[0-9]+" "$(mg A status)"'

ok "UDP between A and B is blocked again" block
wait_for 10 "A goes back to a relay" via_relay A B
wait_for 10 "and B" via_relay B A

# --- a relay dies during a transfer
traffic=$root/test/e2e/traffic.py
stands_by() { [ "$(json "$1" .node.counters.relay_channels)" -ge 1 ]; }
steady() { on A ping -q -i 0.2 -c 10 -W 1 "$(mesh4 B)" | grep -q " 10 received"; }
wait_for 20 "packets pass steadily" steady
wait_for 10 "one relay has a channel" stands_by R
wait_for 10 "and so has the other" stands_by S
background B python3 "$traffic" serve 7000 >/dev/null &
server=$!
listens() { on B ss -Hltn sport = :7000 | grep -q .; }
wait_for 5 "B listens" listens
background A python3 "$traffic" flow "$(mesh4 B)" 7000 "$work/enough" >"$work/flow" 2>"$work/flow.log" &
flow=$!
wait_for 5 "a transfer begins" grep -q begins "$work/flow"
background A ping -n -O -D -i 0.1 -W 1 "$(mesh4 B)" >"$work/pings" &
pings=$!
ran() { [ "$(grep -c 'bytes from' "$work/pings")" -ge 20 ]; }
wait_for 20 "pings pass beside it" ran
first=$(peer A B .relay)
[ "$first" = R ] && second=S || second=R
killed "$first"
other() { same "$(peer A B .relay)" "$second"; }
wait_for 10 "the other relay takes over" other
before=$(grep -c 'bytes from' "$work/pings")
goes_on() { [ "$(grep -c 'bytes from' "$work/pings")" -ge $((before + 20)) ]; }
wait_for 10 "pings pass again" goes_on
kill "$pings"
wait "$pings"
gap=$(awk '/bytes from/ { t = substr($1, 2) + 0; if (last && t - last > gap) gap = t - last; last = t }
	END { printf "%d", gap * 1000 }' "$work/pings")
echo "# nothing came for $gap ms"
ok "nothing was lost for longer than seven seconds" [ "$gap" -le 7000 ]
touch "$work/enough"
wait "$flow"
ok "the transfer goes on and ends" same $? 0
# shellcheck disable=SC2034 # udp and its counts are not looked at
read -r udp usent uback tcp sent back < <(tail -n 1 "$work/flow")
echo "# $(tail -n 1 "$work/flow") $(tail -n 1 "$work/flow.log")"
ok "with all its bytes" eval '[ "$sent" -gt 0 ] && same "$sent" "$back"'
kill "$server"

stop A B
stop "$second"
done_testing
