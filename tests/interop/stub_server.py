"""A server on loopback that answers as the real one would, or with any fault that a test wants."""

import http.server
import re
import socket
import ssl
import subprocess
import threading

# What a server may do instead of answering well.
FAULTS = {
    "429": (429, b"slow down", {"Retry-After": "1"}),
    "500": (500, b'{"error_code":"INTERNAL_ERROR","message":"oops"}'),
    "503": (503, b"busy"),
    "garbage": (200, b"\x00\xff<html>captive portal</html>"),
    "deep": (200, b'{"a":' + b"[" * 100000),
    "half": "half",
    "close": "close",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(directory):
    """The paths of a certificate for 127.0.0.1, with and without its key."""
    both, public = directory / "server.pem", directory / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-keyout", both, "-out", public, "-subj", "/CN=test",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    with open(both, "ab") as file:
        file.write(public.read_bytes())
    return both, public


def undelivered(tracker, stderr):
    """The rows that the closing summary names, and the first step of them."""
    found = re.search(rf"tracker '{tracker}': .*?(\d+) rows? from step (\d+) on not delivered", stderr)
    return (int(found[1]), int(found[2])) if found else (0, None)


class FaultyServer:
    """Answers by `good(path, body, headers)` of a subclass, which returns (status, body), until
    `fault(request number, path)` returns a tuple (status, body, headers), or "close", "half",
    "hang". `paths` and `headers` are those of all requests; `problems` is for what is wrong with them.
    """

    def __init__(self, fault=lambda n, path: None, certificate=None):
        self.paths, self.headers, self.problems = [], [], []
        self.lock, self.closing = threading.RLock(), threading.Event()
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement

            def log_message(self, *arguments):
                pass

            def answer(self, status, body, headers=None):
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path = self.path.split("?")[0].removeprefix("/api/2.0")
                with stub.lock:
                    stub.paths.append(path)
                    stub.headers.append(dict(self.headers))
                    wish = fault(len(stub.paths), path)
                if wish == "close":
                    self.close_connection = True
                elif wish == "half":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"run\":")
                    self.close_connection = True
                elif wish == "hang":
                    stub.closing.wait(60)
                    self.close_connection = True
                elif wish:
                    self.answer(*wish)
                else:
                    self.answer(*stub.good(self.path, body, self.headers))

            do_GET = do_POST = do_PUT = handle_any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # clients that leave are part of the tests

        self.server = Server(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.uri = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
