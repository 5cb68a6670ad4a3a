#!/bin/bash
# Seeds that are looked up: names with addresses of both families, TXT and SRV records of a domain,
# answers too long for UDP, and records that change. The server is dnsmasq.
. "$(dirname "$0")/mesh.sh"

node A B C
host D
trust_each_other A B C
lan wire
plug A wire eth0 10.0.0.1/24 fd00::1/64
plug B wire eth0 10.0.0.2/24 fd00::2/64
plug C wire eth0 10.0.0.3/24 fd00::3/64
plug D wire eth0 10.0.0.53/24
printf '%s\n' "nameserver 10.0.0.53" "search mesh.test" >/run/resolv.conf
chmod 644 /run/resolv.conf
[ -e /etc/resolv.conf ] || : >/etc/resolv.conf
for n in B C; do
	on $n mount --bind /run/resolv.conf /etc/resolv.conf
done
# serve OPTIONS...: dnsmasq on D.
serve() {
	(exec nsenter -t "${holder[D]}" -m -n -- dnsmasq -k --conf-file=/dev/null --no-resolv --no-hosts --user=root \
		--pid-file=/run/dns.pid --listen-address=10.0.0.53 --bind-interfaces --local=/mesh.test/ --local-ttl=5 --log-queries \
		--log-facility="$work/dnsmasq.out" "$@") >"$work/dnsmasq.log" 2>&1 &
	dns=$!
	wait_for 5 "dnsmasq" on D sh -c 'ss -lun | grep -q ":53 "'
}
seeds() { json "$1" '.node.seeds | map(.endpoint + " " + .source) | sort | join(", ")'; }
has_seeds() { same "$(seeds "$1")" "$2"; }

long=()
for i in $(seq 1 14); do # of which each has 160 bytes
	long+=("--txt-record=_meshguard._udp.long.mesh.test,meshguard=10.0.1.$i:1000,$(printf 'x%.0s' $(seq 150))")
done
serve --host-record=a.mesh.test,10.0.0.1,fd00::1 --host-record=b.mesh.test,10.0.0.2 \
	'--txt-record=_meshguard._udp.mesh.test,meshguard=a.mesh.test:51821,other=1,meshguard=[fd00::9]:7' \
	--txt-record=_meshguard._udp.mesh.test,meshguard=10.0.0.8 \
	--srv-host=_meshguard._udp.srv.mesh.test,a.mesh.test,51821,10,5 \
	--srv-host=_meshguard._udp.srv.mesh.test,b.mesh.test,4000,10,5 "${long[@]}"
up A
up B --seed a --seed 10.0.0.77:5 --seed '[fd00::77]' --seed b.mesh.test:123
ok "a name without port is a seed" within 5 meets B A
ok "all addresses of all names, and literals" within 5 has_seeds B \
	"10.0.0.1:51821 name, 10.0.0.2:123 name, 10.0.0.77:5 address, [fd00::1]:51821 name, [fd00::77]:51821 address"
stop B
rm "$work/B.d/state/peers"
up B --dns mesh.test
ok "--dns: TXT records of a domain" within 5 meets B A
ok "the hosts and addresses that they name" within 5 has_seeds B \
	"10.0.0.1:51821 dns, 10.0.0.8:51821 dns, [fd00::1]:51821 dns, [fd00::9]:7 dns"
ok "status says where a seed came from" eval 'mg B config show | grep -q "10.0.0.8:51821 (dns)"'
stop B
rm "$work/B.d/state/peers"
up B --dns srv.mesh.test --dns none.mesh.test
ok "SRV records of a domain" within 5 meets B A
ok "with their ports" within 5 has_seeds B "10.0.0.1:51821 dns, 10.0.0.2:4000 dns, [fd00::1]:51821 dns"
ok "a domain without any is told once" within 5 eval '[ "$(grep -c none.mesh.test "$work/B.log")" = 1 ]'
stop B

up B --dns long.mesh.test
ok "an answer too long for UDP comes over TCP" within 5 eval '[ "$(json B ".node.seeds | length")" = 14 ]'

# A name moves to another address: B, which never reached the first one, finds the new one.
up C --seed moves.mesh.test
ok "a name that is not there is told" within 5 grep -q "moves.mesh.test has no address" "$work/C.log"
kill "$dns"
wait "$dns"
serve --host-record=moves.mesh.test,10.0.0.99
ok "it is looked up again soon" within 15 has_seeds C "10.0.0.99:51821 name"
ok "C is alone" not meets4 C A
kill "$dns"
wait "$dns"
serve --host-record=moves.mesh.test,10.0.0.1
begin=$(now_us)
ok "and again when its time is over, half a minute at the least" within 50 meets C A
took=$((($(now_us) - begin) / 1000000))
note "found after $took s"
kill "$dns"
wait "$dns"
ok "without any name server all goes on" meets C A
stop A B C
done_testing
