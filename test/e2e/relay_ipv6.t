#!/bin/bash
# A relay over IPv6: a frame of a full packet is four bytes longer than the link takes, which the ends
# find out.
. "$(dirname "$0")/mesh.sh"

node A B R
trust_each_other A B R
lan wire
i=0
for n in A B R; do
	i=$((i + 1))
	plug $n wire eth0 fd00:1::$i/64
done
ok "the link takes less than a frame of a full packet" \
	[ "$(on A cat /sys/class/net/eth0/mtu)" -lt 1504 ]
on B nft -f - <<-'EOF'
	table inet apart {
		chain in {
			type filter hook input priority 0
			iifname eth0 ip6 saddr fd00:1::1 meta l4proto udp drop
		}
		chain out {
			type filter hook output priority 0
			oifname eth0 ip6 daddr fd00:1::1 meta l4proto udp drop
		}
	}
EOF
up R --relay on
up A --seed '[fd00:1::3]:51821'
up B --seed '[fd00:1::3]:51821'
knows() { same "$(peer "$1" "$2" .state)" alive; }
wait_for 10 "A knows B" knows A B
wait_for 10 "B knows A" knows B A
wait_for 5 "they meet through R" meets4 A B
ok "by the relay" same "$(peer A B .relay)" R
# 1500 less IPv6, UDP, the relay's and WireGuard's headers, in steps of 16.
fits() { meets4 A B; meets4 B A; same "$(peer A B .path_mtu)" 1408 && same "$(peer B A .path_mtu)" 1408; }
ok "what it takes is measured" within 30 fits
ok "a packet of that length passes" on A ping -c 1 -W 5 -M "do" -s 1380 "$(mesh4 B)"
ok "and of IPv6" on A ping -c 1 -W 5 -M "do" -s 1360 "$(mesh6 B)"
(exec nsenter -t "${holder[B]}" -m -n -- iperf3 -s -1 >"$work/server" 2>&1) &
listens() { on B ss -Hltn sport = :5201 | grep -q .; }
wait_for 5 "B listens" listens
on A timeout 30 iperf3 -c "$(mesh4 B)" -t 3 -J >"$work/iperf" 2>&1
rate=$(jq '.end.sum_received.bits_per_second // 0 | floor' "$work/iperf")
echo "# $rate bit/s"
ok "a stream passes, at a rate like the relay's limit" [ "$rate" -gt 2000000 ]
ok "and no faster" [ "$rate" -lt 14000000 ]
stop A B R
done_testing
