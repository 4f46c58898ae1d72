"""The HTTP side: routes, logging in, pages, faults on request, and a log of every call."""

import json
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from provider.fake_cloudflare.rules import Refusal
from provider.fake_cloudflare.store import DNS_EDIT, DNS_READ, ZONE_READ, Account, Token, Zone

PREFIX = "/client/v4"
_ZONES_PAGE, _RECORDS_PAGE = 50, 5000


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class Fault:
    """What goes wrong with the next ``times`` calls of ``method`` whose path ends in ``path``, after ``skip`` good ones.

    ``done``: whether the work is done before the answer, which is ``status``, or, with status 0, a cut connection.
    ``answer``: the body to send with status 200 instead. ``page``: show this page whatever was asked for. ``cut``: leave so
    many entries out of a list.
    """

    method: str
    path: str
    status: int = 503
    done: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    answer: Any = None
    page: int = 0
    cut: int = 0
    times: int = 1
    skip: int = 0


class FakeCloudflare:
    """``account`` may be filled and looked into directly; ``calls`` is what was asked."""

    def __init__(self) -> None:
        self.account = Account()
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"fake": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PREFIX}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, method: str, path: str) -> list[Call]:
        """The calls whose path ends so."""
        return [call for call in self.calls if call.method == method and call.path.endswith(path)]

    def fault_for(self, call: Call) -> Fault | None:
        with self.lock:
            self.calls.append(call)
            for fault in self.faults:
                if not (fault.times and fault.method == call.method and call.path.endswith(fault.path)):
                    continue
                if not fault.skip:
                    fault.times -= 1
                    return fault
                fault.skip -= 1
        return None

    def answer(self, call: Call, fault: Fault | None) -> tuple[Any, dict[str, Any]]:
        """The result and its result_info."""
        token = self._token(call)
        parts = call.path.strip("/").split("/")
        query = call.query | ({"page": str(fault.page)} if fault and fault.page else {})
        if parts[:1] != ["zones"] or (len(parts) > 2 and parts[2] != "dns_records"):
            raise Refusal(404, 7000, "No route for that URI")
        if call.method == "GET":
            return self._shown(token, parts[1:], query)
        return self._changed(token, call, parts[1:]), {}

    def _shown(self, token: Token, parts: list[str], query: dict[str, str]) -> tuple[Any, dict[str, Any]]:
        if len(parts) == 2:
            listed = self._zone(token, parts[0], DNS_READ).listed()
            for key in {"type", "name.exact"} & query.keys():
                listed = [record for record in listed if record[key.split(".")[0]] == query[key]]
            return _page(listed, query, _RECORDS_PAGE, 100)
        if parts:
            return _facts(self._zone(token, parts[0], ZONE_READ)), {}
        self._allow(token, ZONE_READ)
        zones = [it for it in self.account.zones.values() if token.zones is None or it.name in token.zones]
        return _page([_facts(it) for it in zones if query.get("name") in (None, it.name)], query, _ZONES_PAGE, 20)

    def _changed(self, token: Token, call: Call, parts: list[str]) -> Any:
        zone = self._zone(token, parts[0], DNS_EDIT)
        match call.method, parts[2:]:
            case "POST", ["batch"]:
                return zone.batch(call.body)
            case "POST", []:
                return zone.create(call.body)
            case "PATCH" | "PUT", [record]:
                return zone.change(record, call.body, overwrite=call.method == "PUT")
            case "DELETE", [record]:
                return {"id": zone.delete(record)["id"]}
        raise Refusal(405, 7001, "Method not allowed")

    def _token(self, call: Call) -> Token:
        if any(name.startswith("x-auth-") for name in call.headers):
            raise Refusal(400, 6003, "Invalid request headers")
        kind, _, text = call.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or text not in self.account.tokens:
            raise Refusal(401, 1000, "Invalid API Token")
        return self.account.tokens[text]

    def _zone(self, token: Token, identity: str, scope: str) -> Zone:
        zone = self.account.zones.get(identity)
        if zone is None:
            path = f"/zones/{identity}"
            raise Refusal(404, 7003, f"Could not route to {path}, perhaps your object identifier is invalid?")
        if token.zones is not None and zone.name not in token.zones:
            raise Refusal(403, 10000, "Authentication error")
        self._allow(token, scope)
        return zone

    def _allow(self, token: Token, scope: str) -> None:
        granted = token.scopes | ({DNS_READ} if DNS_EDIT in token.scopes else set())
        if scope not in granted:
            raise Refusal(403, 10000, "Authentication error")


def _facts(zone: Zone) -> dict[str, Any]:
    return {"id": zone.id, "name": zone.name, "status": "active"}


def _page(entries: list[Any], query: dict[str, str], most: int, default: int) -> tuple[list[Any], dict[str, Any]]:
    size = min(int(query.get("per_page", default)), most)
    page = int(query.get("page", 1))
    shown = entries[(page - 1) * size : page * size]
    info = {"page": page, "per_page": size, "count": len(shown), "total_count": len(entries)}
    return shown, info | {"total_pages": ceil(len(entries) / size)}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    fake: FakeCloudflare
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        call = Call(self.command, url.path.removeprefix(PREFIX), dict(parse_qsl(url.query)), body, headers)
        fault = self.fake.fault_for(call)
        whole = fault is None or fault.page or fault.cut
        status, answer = self._work(call, fault) if whole or fault.done else (0, None)
        if whole:
            self._send(status, answer, {})
        elif fault.answer is not None:
            self._send(200, fault.answer, {})
        elif fault.status:
            errors = [{"code": 10000 + fault.status, "message": "made to fail"}]
            self._send(fault.status, {"success": False, "errors": errors, "result": None}, fault.headers)
        else:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def _work(self, call: Call, fault: Fault | None) -> tuple[int, Any]:
        try:
            result, info = self.fake.answer(call, fault)
        except Refusal as refusal:
            errors = [{"code": refusal.code, "message": refusal.message}]
            return refusal.status, {"success": False, "errors": errors, "messages": [], "result": None}
        if fault and fault.cut:
            result = result[: -fault.cut]
        answer = {"success": True, "errors": [], "messages": [], "result": result}
        return 200, answer | ({"result_info": info} if info else {})

    def _send(self, status: int, answer: Any, headers: dict[str, str]) -> None:
        text = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 - the names http.server calls

    def log_message(self, *_: Any) -> None:
        """The call log is kept elsewhere."""
