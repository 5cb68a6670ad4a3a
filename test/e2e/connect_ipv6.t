#!/bin/bash
# connect by IPv6 alone, where a firewall lets nothing in unasked: the reply code of 39 characters.
# shellcheck source=test/e2e/mesh.sh
. "$(dirname "$0")/mesh.sh"

node A B
lan wire
plug A wire eth0 2001:470:1::1/64
plug B wire eth0 2001:470:1::2/64
for n in A B; do
	on $n nft add table inet host '{ chain c_in { type filter hook input priority filter;
		meta l4proto udp ct state new drop; }; }'
	up $n
done
wait_for 30 "A" serves A
wait_for 30 "B" serves B

(mg A connect --generate --name bob >"$work/A.token" 2>"$work/A.says" </dev/null; echo $? >"$work/A.status") &
wait_for 30 "a token" grep -q mg:// "$work/A.token"
(mg B connect --join "$(cat "$work/A.token")" --name alice >"$work/B.code" 2>"$work/B.says" </dev/null
	echo $? >"$work/B.status") &
code='^[0-9A-Z]{5}(-[0-9A-Z]{5}){6}-[0-9A-Z]{4}$'
wait_for 30 "the code of B" grep -qE "$code" "$work/B.code"
ok "it has 39 characters" same "$(tr -d '\n-' <"$work/B.code" | wc -c)" 39
ok "nobody came in without it" not test -s "$work/A.status"
ok "a slip of the pen is refused" exits 2 mg A connect --reply "$(tr 0-9 1-90 <"$work/B.code")"
ok "the code connects them" exits 0 mg A connect --reply "$(cat "$work/B.code")"
ok "B ends well" within 30 grep -qx 0 "$work/B.status"
ok "and A" within 30 grep -qx 0 "$work/A.status"
ok "A trusts B" same "$(cat "$work/A.d/authorized_keys/bob.pub")" "$(key_of B)"
ok "and knows where he was" same "$(cat "$work/A.d/seeds/bob.seed")" "[2001:470:1::2]:51821"
ok "traffic passes" within 30 meets A B
done_testing
