#!/bin/bash
# Attacks 08 and 09: name servers that lie, loop and stall. Nothing that they say becomes a seed but
# what is rightly answered, the daemon waits for none of them, and each costs one warning.
. "$(dirname "$0")/mesh.sh"

node A B
host D
trust_each_other A B
lan wire
plug A wire eth0 10.0.0.1/24
plug B wire eth0 10.0.0.2/24
plug D wire eth0 10.0.0.53/24
echo "nameserver 10.0.0.53" >/run/resolv.conf
chmod 644 /run/resolv.conf
[ -e /etc/resolv.conf ] || : >/etc/resolv.conf
on B mount --bind /run/resolv.conf /etc/resolv.conf
(exec nsenter -t "${holder[D]}" -m -n -- /usr/bin/python3 "$root/test/e2e/dns_liar.py" 10.0.0.53) >"$work/liar.out" 2>"$work/liar.log" &
wait_for 5 "the liar" grep -q ready "$work/liar.out"
up A
capture B eth0 evil host 203.0.113.66

seeds() { json B '.node.seeds[].endpoint' | sort | tr '\n' ' '; }
only_honest() { same "$(seeds)" "10.0.0.1:51821 "; }
asked() { grep -q "^_meshguard._udp.$1.test 16 " "$work/liar.out"; }
# The answer to whatever was asked has come, or nobody waits for it any more.
warned() { [ "$(grep -c "_meshguard._udp.$1.test" "$work/B.log")" -ge 1 ]; }
answers_at_once() { timeout 5 nsenter -t "${holder[B]}" -m -n -- env "MESHGUARD_CONFIG_DIR=$work/B.d" "$MESHGUARD" status >/dev/null; }

# lies NUMBER TITLE DOMAIN...: a daemon that asks all of them, and an honest one.
lies() {
	local number=$1 title=$2 domain
	shift 2
	: >"$work/B.log"
	rm -f "$work/B.d/state/peers"
	# shellcheck disable=SC2046 # words
	up B $(printf -- '--dns %s.test ' "$@" honest)
	ok "attack_$number: with $title, the honest domain brings B to A within 5 s" within 5 meets B A
	for domain; do
		ok "attack_$number: $domain: it is asked" within 5 asked "$domain"
		ok "attack_$number: $domain: one warning" within 20 warned "$domain"
		ok "attack_$number: $domain: the daemon waits for nothing" answers_at_once
	done
	ok "attack_$number: the seeds are those of the honest domain" only_honest
	ok "attack_$number: no helper is left over" within 20 eval 'same "$(child_of B | wc -l)" 1'
	# Most of them were asked again by now; no second warning.
	for domain; do
		ok "attack_$number: $domain: no second one" same "$(grep -c "_meshguard._udp.$domain.test" "$work/B.log")" 1
	done
	stop B
}
lies 08 "spoofed answers" wrong-id wrong-source wrong-question servfail stall
lies 09 "malformed answers" no-question two-questions loop loop-target bad-length bad-record alias-loop
lies 09 "answers that cost" truncated garbage many
uncapture evil
ok "nothing was ever sent to the address that they wanted" same "$(captured evil)" ""
stop A
done_testing
