#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server on the loopback for test_pull.c: range_server.py FOLDER.  Serves FOLDER/<name> as
/<mode>/<repository>/resolve/main/<name>, prints its port, writes one line "mode name range" per request to FOLDER/log.

Modes: ok; norange (ignores Range); cut (half of model.bin, then the connection breaks, unless a Range is asked for);
slow (half of model.bin, then silence); wrong (one byte differs); long (more than there is); redirect (to ok)."""

import http.server
import os
import sys
import time

FOLDER = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        mode, name = self.path.split("/")[1], self.path.split("/")[-1]
        asked = self.headers.get("Range", "-")
        with open(os.path.join(FOLDER, "log"), "a") as log:
            log.write(f"{mode} {name} {asked}\n")
        path = os.path.join(FOLDER, name)
        if mode == "redirect":
            self.send_response(302)
            self.send_header("Location", self.path.replace("/redirect/", "/ok/", 1))
            self.end_headers()
            return
        if not os.path.exists(path):
            self.send_error(404)
            return
        data = open(path, "rb").read()
        if mode == "wrong":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if mode == "long":
            data += b"more"
        start = int(asked[6:].rstrip("-")) if asked != "-" and mode != "norange" else 0
        if start >= len(data) and start:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        body = data[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if mode in ("cut", "slow") and name == "model.bin" and not start:
            body = body[: len(body) // 2]
        self.wfile.write(body)
        self.wfile.flush()
        if mode == "slow" and name == "model.bin" and not start:
            time.sleep(60)
        self.close_connection = True


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
