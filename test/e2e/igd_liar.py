#!/usr/bin/python3
"""igd_liar.py ADDRESS LOCATION [CONTROL [SERVICE [EXTERNAL]]]: answers SSDP searches with that LOCATION, and serves
a description at http://ADDRESS:5000/ whose control URL and service are as given (\\r and \\n are understood).
Commands fail; with EXTERNAL all succeed, nothing is done, and that is its external address.

One line on standard output for each search, request line of HTTP, and SOAP action.
"""
import http.server
import socket
import struct
import sys
import threading

address, location = sys.argv[1], sys.argv[2]
control = sys.argv[3].encode().decode("unicode_escape") if len(sys.argv) > 3 else "/ctl"
service = (sys.argv[4].encode().decode("unicode_escape") if len(sys.argv) > 4 else
           "urn:schemas-upnp-org:service:WANIPConnection:1")
KIND = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"
DESCRIPTION = f"""<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceType>{KIND}</deviceType><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList><service>
<serviceType>{service}</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<controlURL>{control}</controlURL><eventSubURL>/evt</eventSubURL><SCPDURL>/scpd</SCPDURL>
</service></serviceList></device></deviceList></device></deviceList></device></root>
""".encode()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("GET", self.path, flush=True)
        self.send_response(200)
        self.send_header("Content-Length", str(len(DESCRIPTION)))
        self.end_headers()
        self.wfile.write(DESCRIPTION)

    def do_POST(self):
        print("POST", self.path, self.headers.get("SOAPAction"), flush=True)
        if len(sys.argv) <= 5:
            self.send_error(500)
            return
        action = self.headers.get("SOAPAction", "").split("#")[-1].strip('"')
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        inside = f"<NewExternalIPAddress>{sys.argv[5]}</NewExternalIPAddress>" if "ExternalIP" in action else ""
        body = ('<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
                f'<u:{action}Response xmlns:u="{service}">{inside}</u:{action}Response></s:Body></s:Envelope>').encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def main():
    server = http.server.HTTPServer((address, 5000), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", 1900))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                    struct.pack("4s4s", socket.inet_aton("239.255.255.250"), socket.inet_aton(address)))
    print("ready", flush=True)
    while True:
        data, source = sock.recvfrom(2048)
        if not data.startswith(b"M-SEARCH"):
            continue
        print("search", flush=True)
        kind = next((line[3:].strip() for line in data.decode().splitlines() if line.lower().startswith("st:")), KIND)
        sock.sendto(f"HTTP/1.1 200 OK\r\nST: {kind}\r\nUSN: uuid:1::{kind}\r\nLOCATION: {location}\r\n\r\n".encode(),
                    source)


main()
