#!/bin/bash
# wg-quick brings tunnels up and down with us as its userspace implementation.
. "$(dirname "$0")/wg.sh"

ns a b
cable a e0 b e0
ip -n a addr add 10.9.0.1/24 dev e0
ip -n b addr add 10.9.0.2/24 dev e0
ip -n a route add default via 10.9.0.2
keys one two
ln -s "$MESHGUARD" "$work/meshguard-wireguard"
conf() {
	mkdir -p "$work/$1"
	cat >"$work/$1/$2.conf"
}
conf a wgqa <<END
[Interface]
PrivateKey = $(cat "$work/one.key")
Address = 10.10.0.1/24, fd10::1/64
ListenPort = 5001
[Peer]
PublicKey = $pub_two
AllowedIPs = 10.10.0.2/32, fd10::2/128, 192.0.2.0/24
Endpoint = 10.9.0.2:5002
END
conf b wgqb <<END
[Interface]
PrivateKey = $(cat "$work/two.key")
Address = 10.10.0.2/24, fd10::2/64, 192.0.2.1/32
ListenPort = 5002
MTU = 1380
[Peer]
PublicKey = $pub_one
AllowedIPs = 10.10.0.1/32, fd10::1/128
END
# wg-quick prefers a kernel's WireGuard; a copy of it finds an `ip` beside it that has none.
mkdir "$work/bin"
cp "$(command -v wg-quick)" "$work/bin/wg-quick"
cat >"$work/bin/ip" <<END
#!/bin/sh
case "\$*" in
*"type wireguard"*) echo "Error: Unknown device type." >&2; exit 2 ;;
esac
exec $(command -v ip) "\$@"
END
chmod 700 "$work/bin/ip"
quick() {
	in_ns "$1" env WG_QUICK_USERSPACE_IMPLEMENTATION="$work/meshguard-wireguard" \
		"$work/bin/wg-quick" "$2" "$work/$1/$3.conf"
}

ok "wg-quick up, one end" quick a up wgqa
ok "wg-quick up, the other end" quick b up wgqb
ok "it is our process" eval 'readlink /proc/[0-9]*/exe | grep -qx "$(readlink -f "$MESHGUARD")"'
ok "IPv4 passes" within 5 reaches a 10.10.0.2
ok "IPv6 passes" pings a fd10::2
ok "a routed network passes" pings a 192.0.2.1
ok "back, too" pings b 10.10.0.1
ok "the MTU of the configuration is set" eval 'ip -n b link show wgqb | grep -q "mtu 1380"'
ok "wg show names the peer" eval 'wg show wgqa peers | grep -qxF "$pub_two"'
ok "a second up of the same is refused" not quick a up wgqa
ok "wg-quick down, one end" quick a down wgqa
ok "its interface is gone" not ip -n a link show wgqa
ok "wg-quick down, the other end" quick b down wgqb
ok "its interface is gone" not ip -n b link show wgqb
none_left() { ! readlink /proc/[0-9]*/exe | grep -qx "$(readlink -f "$MESHGUARD")"; }
ok "no process stays" within 5 none_left
ok "no socket stays" eval '[ -z "$(ls /run/wireguard)" ]'

# All traffic through the tunnel: wg-quick's policy routing with a mark on our sockets.
sed -i 's|^AllowedIPs = .*|AllowedIPs = 0.0.0.0/0|; /^Address/s|,.*||' "$work/a/wgqa.conf"
ok "up again, the other end" quick b up wgqb
ok "up with a default route" quick a up wgqa
ok "our sockets carry the mark" eval '[ "$(wg show wgqa fwmark)" != off ]'
ok "the tunnel does not swallow its own datagrams" within 5 reaches a 10.10.0.2
ok "anything goes through it" pings a 192.0.2.1
ok "down" eval 'quick a down wgqa && quick b down wgqb'
ok "no process stays" within 5 none_left
done_testing
