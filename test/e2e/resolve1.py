#!/usr/bin/python3
"""resolve1.py: stands for systemd-resolved on the system bus: owns its name, and prints what it is told, a
line each."""
import ipaddress
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

MANAGER = "org.freedesktop.resolve1.Manager"


def say(*words):
    print(*words, flush=True)


class Manager(dbus.service.Object):
    @dbus.service.method(MANAGER, in_signature="ia(iay)")
    def SetLinkDNS(self, link, servers):
        say("dns", link, *sorted(str(ipaddress.ip_address(bytes(a))) for _, a in servers))

    @dbus.service.method(MANAGER, in_signature="ia(sb)")
    def SetLinkDomains(self, link, domains):
        say("domains", link, *("~" * bool(route) + name for name, route in domains))

    @dbus.service.method(MANAGER, in_signature="ib")
    def SetLinkDefaultRoute(self, link, on):
        say("default", link, bool(on))

    @dbus.service.method(MANAGER, in_signature="is")
    def SetLinkDNSSEC(self, link, how):
        say("dnssec", link, how)


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SystemBus()
name = dbus.service.BusName("org.freedesktop.resolve1", bus)
manager = Manager(bus, "/org/freedesktop/resolve1")
say("ready")
if len(sys.argv) > 1 and sys.argv[1] == "hang":
    Manager.SetLinkDNS = None
    while True:
        pass
GLib.MainLoop().run()
