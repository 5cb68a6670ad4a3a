#!/bin/bash
# A host that has another address every two seconds, under a TCP connection: no reset, no byte lost,
# and data again soon after each change. ROUNDS changes; long_roam.t makes 300.
. "$(dirname "$0")/mesh.sh"

rounds=${ROUNDS:-6}
node A B
trust_each_other A B
lan wire
plug A wire eth0 10.0.0.100/24
plug B wire eth0 10.0.0.2/24
up B
up A --seed 10.0.0.2:51821
wait_for 10 "they meet" all_meet A B

# background HOST WORDS...: $! is the process itself.
background() {
	local n=$1
	shift
	(exec nsenter -t "${holder[$n]}" -m -n -- "$@")
}
traffic=$root/test/e2e/traffic.py
background B python3 "$traffic" serve 7000 >/dev/null &
server=$!
listens() { on B ss -Hltn sport = :7000 | grep -q .; }
wait_for 5 "B listens" listens
background A python3 "$traffic" flow "$(mesh4 B)" 7000 "$work/enough" >"$work/flow" &
flow=$!
background A ping -n -O -D -i 0.05 -W 1 "$(mesh4 B)" >"$work/pings" &
pings=$!
answered() { [ "$(grep -c 'bytes from' "$work/pings")" -ge "$1" ]; }
wait_for 10 "pings pass beside it" answered 20

moved=0
for ((i = 0; i < rounds; i++)); do
	old=10.0.0.$((100 + i % 100)) new=10.0.0.$((100 + (i + 1) % 100))
	on A ip address del $old/24 dev eth0 && on A ip address add $new/24 dev eth0 && moved=$((moved + 1))
	# About two seconds, and until something came back from there
	before=$(grep -c 'bytes from' "$work/pings")
	on A ping -q -c 1 -w 2 10.0.0.254 >/dev/null 2>&1
	within 10 answered $((before + 5)) || break
done
ok "the address changed $rounds times, and each time pings passed again" same $moved $rounds
kill "$pings"
wait "$pings"
# The pauses of more than a quarter of a second: one a change at the most.
awk '/bytes from/ { t = substr($1, 2) + 0; if (last && t - last > 0.25) print int((t - last) * 1000); last = t }' \
	"$work/pings" | sort -n >"$work/pauses"
echo "# pauses above 250 ms: $(tr '\n' ' ' <"$work/pauses")"
ok "the longest pause is below five seconds" [ "$(tail -n 1 "$work/pauses" | grep . || echo 0)" -lt 5000 ]
touch "$work/enough"
wait "$flow"
ok "the connection was not reset" same $? 0
# shellcheck disable=SC2034 # udp and its counts are not looked at
read -r udp usent uback tcp sent back < <(tail -n 1 "$work/flow")
echo "# $(tail -n 1 "$work/flow")"
ok "and no byte of it is lost" eval '[ "$sent" -gt 0 ] && same "$sent" "$back"'
kill "$server"
stop A B
done_testing
