"""A serving program: answers how many observations it was sent, and of what kind."""

import http.server
import json
import os
import signal
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, {})

    def do_POST(self):
        kind = self.headers["Content-Type"]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if kind != "application/json":
            self.answer(200, {"kind": kind, "bytes": len(body)})
            return
        observations = json.loads(body).get("observations")
        if observations is None:
            self.answer(400, {"error": {"code": "missing", "message": "no observations"}})
        else:
            self.answer(200, {"actions": [len(one) for one in observations]})

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler
)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(0.02)
