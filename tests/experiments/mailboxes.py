"""What notices are sent to: a web server and a mail server that remember what they were told."""

from __future__ import annotations

import email
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hook(ThreadingHTTPServer):
    """A webhook's receiver; answers as it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        self.status, self.headers = 200, {}
        self.endless = False
        self.over = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook?x=1"


class _Call(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.calls.append((self.path, headers, body))
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        if not self.server.endless:
            self.send_header("Content-Length", "0")
        self.end_headers()
        while self.server.endless and not self.server.over.wait(0.05):
            self.wfile.write(b"x" * 1000)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class Post(socketserver.ThreadingTCPServer):
    """A mail server that takes everything, without TLS; refuses recipients at ``refused``."""

    daemon_threads = True
    refused = "nobody.example"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[tuple[str, list[str], EmailMessage]] = []


class _Session(socketserver.StreamRequestHandler):
    server: Post

    def handle(self) -> None:
        self._say("220 here")
        sender, to = "", []
        while line := self.rfile.readline().decode().strip():
            verb = line.upper()
            if verb.startswith("MAIL FROM:"):
                sender, to = line[10:].split(">")[0].strip(" <"), []
            elif verb.startswith("RCPT TO:"):
                if self.server.refused in line:
                    self._say("550 no such mailbox")
                    continue
                to.append(line[8:].strip(" <>"))
            elif verb == "DATA":
                self._say("354 go on")
                self.server.mails.append((sender, to, self._message()))
            elif verb == "QUIT":
                self._say("221 bye")
                return
            self._say("250 ok")

    def _message(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return email.message_from_bytes(b"".join(lines), policy=default)

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def listening(server: Hook | Post) -> Iterator[Hook | Post]:
    """Serve inside the block, in a thread."""
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        if isinstance(server, Hook):
            server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()
