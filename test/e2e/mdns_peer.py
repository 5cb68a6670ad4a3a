#!/usr/bin/python3
"""mdns_peer.py ADDRESS [NAME PORT KEY=VALUE...]: python3-zeroconf asks for _meshguard._udp, prints a line for
what it finds and what goes, and announces an instance of its own if it is given one, whether or not others have
that name."""
import signal
import socket
import sys

from zeroconf import ServiceBrowser, ServiceInfo, Zeroconf

TYPE = "_meshguard._udp.local."


class Listener:
    def add_service(self, z, kind, name):
        info = z.get_service_info(kind, name, timeout=3000)
        if info:
            print("found", name.split(".")[0], ",".join(info.parsed_addresses()), info.port,
                  " ".join("%s=%d" % (k.decode(), len(v or b"")) for k, v in info.properties.items()), flush=True)

    def remove_service(self, z, kind, name):
        print("gone", name.split(".")[0], flush=True)

    def update_service(self, z, kind, name):
        pass


zeroconf = Zeroconf(interfaces=[sys.argv[1]])
if len(sys.argv) > 2:
    name, port = sys.argv[2], int(sys.argv[3])
    zeroconf.register_service(ServiceInfo(
        TYPE, name + "." + TYPE, addresses=[socket.inet_aton(sys.argv[1])], port=port,
        properties=dict(a.split("=", 1) for a in sys.argv[4:]), server=name + ".local."),
        cooperating_responders=True)
browser = ServiceBrowser(zeroconf, TYPE, Listener())
print("ready", flush=True)
signal.sigwait([signal.SIGTERM, signal.SIGINT])
zeroconf.close()
