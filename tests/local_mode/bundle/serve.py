"""A serving program that behaves as its model's behaviour.json says."""

import http.server
import json
import os
import pathlib
import signal
import sys
import threading
import time

BASE = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
MODEL = json.loads((BASE / "model/behaviour.json").read_text())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, document, attributes=None):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if attributes:
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", attributes)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        self.answer(503 if MODEL["mode"] == "sick" else 200, {})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if request.get("do") == "bad":
            self.answer(400, {"error": {"code": "bad", "message": "no", "field": "do"}})
        elif request.get("do") == "die":
            os._exit(7)
        else:
            time.sleep(request.get("seconds", 0))
            kind = self.headers["Content-Type"]
            attributes = self.headers.get("X-Amzn-SageMaker-Custom-Attributes")
            self.answer(
                200, {"version": MODEL["version"], "pid": os.getpid(), "kind": kind}, attributes
            )

    def log_message(self, *_: object) -> None:
        pass


if MODEL["mode"] == "die":
    print("cannot load the model")
    sys.exit(4)
server = http.server.ThreadingHTTPServer(
    ("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler
)
# Requests in flight are answered before the process ends.
server.daemon_threads = False
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("serving", MODEL["version"], flush=True)
server.serve_forever(0.02)
server.server_close()
