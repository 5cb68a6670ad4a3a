#!/bin/sh
# Installs the Debian packages that building and testing need; what is there already is left alone.
#
#   scripts/deps.sh build    the compiler, and the headers of the libraries
#   scripts/deps.sh demo     build, and what ./demo runs
#   scripts/deps.sh test     what ./check runs beside that
#   scripts/deps.sh          all of it
set -eu

build='make gcc libc6-dev pkg-config libsodium-dev libssl-dev libmnl-dev libminiupnpc-dev libjansson-dev libcap-ng-dev libc-ares-dev libavahi-core-dev libqrencode-dev'
# Runs of packets are sealed and opened by it; there is none for other processors.
[ "$(uname -m)" != x86_64 ] || build="$build libipsec-mb-dev"
demo='iproute2 iputils-ping netcat-openbsd procps util-linux mawk'
tests="$demo git perl clang libclang-rt-14-dev shellcheck mandoc jq sudo \
wireguard-tools wireguard-go tshark tcpdump nftables conntrack iperf3 python3 python3-nacl \
dnsmasq-base bind9-dnsutils coturn stun-server miniupnpd-nftables dbus python3-dbus python3-gi avahi-daemon avahi-utils python3-zeroconf \
zbar-tools"

case ${1:-all} in
build) want=$build ;;
demo) want="$build $demo" ;;
test) want=$tests ;;
all) want="$build $tests" ;;
*)
	echo "usage: scripts/deps.sh [build|demo|test]" >&2
	exit 2
	;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "scripts/deps.sh: this is no Debian (there is no apt-get); install what corresponds to:" >&2
	echo "  $want" >&2
	exit 1
fi

missing=
for package in $want; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "scripts/deps.sh: only root can install packages; run: sudo scripts/deps.sh ${1:-}" >&2
	echo "  missing:$missing" >&2
	exit 1
fi

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# Nobody answers questions here, and another apt may hold the lock for a while.
get() {
	apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
}
# The lists of a fresh machine are empty, and those of an old one name versions that are gone.
# shellcheck disable=SC2086 # a list of words
if ! get install --no-install-recommends $missing >/dev/null 2>&1; then
	get update
	get install --no-install-recommends $missing
fi
