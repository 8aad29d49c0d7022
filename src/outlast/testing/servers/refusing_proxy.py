"""A proxy in front of a real S3 server that can refuse requests: what an administrator does in mid-run."""

import http.client
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit


class Refusal(NamedTuple):
    """A refusal, in S3's words."""

    status: int
    code: str
    message: str = ""


class RefusingProxy:
    """`refusals`: the refusal for requests of a method."""

    def __init__(self, upstream: str) -> None:
        self.refusals: dict[str, Refusal] = {}
        proxy, server = self, urlsplit(upstream)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.command in proxy.refusals:
                    status, code, message = proxy.refusals[self.command]
                    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
                    self._send(status, {"Content-Type": "application/xml"}, text.encode())
                    return
                onward = http.client.HTTPConnection(server.hostname or "", server.port or 80)
                onward.request(self.command, self.path, body, dict(self.headers))
                answer = onward.getresponse()
                self._send(answer.status, dict(answer.headers), answer.read())
                onward.close()

            def __getattr__(self, name: str) -> Callable[[], None]:
                if name.startswith("do_"):  # one for each method
                    return self._answer
                raise AttributeError(name)

            def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response_only(status)
                for name, value in headers.items():
                    if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                        self.send_header(name, value)
                length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
                self.send_header("Content-Length", length)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Discard it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
