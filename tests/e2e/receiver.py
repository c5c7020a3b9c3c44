#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# A server that takes whatever is sent to it, keeps each request in a folder,
# and answers as a script tells it to.
#
# usage: receiver.py FOLDER [--answers A,B,...] [--port N] [--certificate FILE --key FILE]
#
# Writes the port to FOLDER/port. Request N becomes FOLDER/N.body (as sent) and
# FOLDER/N.json (method, path, headers, time). An answer is a status with an optional
# Retry-After ("429", "429+1"), or "reset", "silence" or "slow"; the last one counts
# for all that follow; without any it is 200.
import http.server
import json
import os
import socket
import ssl
import struct
import sys
import threading
import time


def option(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None


folder = sys.argv[1]
answers = (option("--answers") or "200").split(",")
lock = threading.Lock()
count = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def keep(self, body):
        global count
        with lock:
            number = count
            count += 1
        about = {"method": self.command, "path": self.path, "time": time.time(),
                 "headers": {name.lower(): value for name, value in self.headers.items()}}
        with open(f"{folder}/{number}.body", "wb") as out:
            out.write(body)
        with open(f"{folder}/{number}.new", "w") as out:
            json.dump(about, out)
        os.rename(f"{folder}/{number}.new", f"{folder}/{number}.json")
        return answers[min(number, len(answers) - 1)]

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = self.keep(body)
        if answer == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        if answer == "silence":
            threading.Event().wait(60)
            return
        status, _, wait = answer.partition("+")
        if answer == "slow":
            status = "200"
            time.sleep(0.5)
        text = b"" if status == "200" else b'{"code":"told","message":"as told"}'
        self.send_response(int(status))
        if wait:
            self.send_header("Retry-After", wait)
        if status == "302":
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/elsewhere")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(option("--port") or 0)), Handler)
server.daemon_threads = True
if option("--certificate"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(option("--certificate"), option("--key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(f"{folder}/port.new", "w") as out:
    out.write(str(server.server_port))
os.rename(f"{folder}/port.new", f"{folder}/port")
server.serve_forever()
