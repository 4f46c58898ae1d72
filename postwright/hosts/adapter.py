"""pyinfra's state and connections: what is ours to know of its inside stands here and in ``operations``."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gevent
import pyinfra
from paramiko import SSHException
from pyinfra.api import BaseStateCallback, Config, State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operations import run_host_op
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_config, ctx_host, ctx_state

from postwright.errors import DeployError
from postwright.hosts.reaching import unreachable

CONNECT_TIMEOUT = 10  # seconds
UNANSWERED = 60  # seconds after which a network is taken to be gone
# So many connections stay open for what a command does next; each takes a file descriptor, and a process on its host.
KEPT = 64
# What is raised where a host gives no answer: paramiko knows more ways than pyinfra expects.
LOST = (PyinfraError, SSHException, EOFError, ConnectionError, TimeoutError)
Report = Callable[[dict[str, Any]], None]

# Host → why a step of ours failed there, where no program's output says it.
complaints: dict[str, str] = {}


class Hosts:
    """The hosts of an inventory of pyinfra's, its state over them, and the connections that are open.

    One for the life of the process, for pyinfra keeps its state where all its functions find it.
    """

    def __init__(self, inventory: Any) -> None:
        self.inventory = inventory
        self.events = _Events()
        self.links: dict[str, gevent.Greenlet] = {}

    @cached_property
    def state(self) -> State:
        """Made when it is needed: pyinfra has none over an inventory without hosts."""
        state = State(
            self.inventory, Config(CONNECT_TIMEOUT=CONNECT_TIMEOUT, FAIL_PERCENT=None), check_for_changes=False
        )
        state.add_callback_handler(self.events)
        # Without it, operations are told apart by their number alone, and hosts of unlike roles get each other's.
        pyinfra.is_cli = True
        ctx_state.set(state)
        return state

    def named(self, names: Collection[str]) -> list[Any]:
        """These hosts, in the inventory's order."""
        return [host for host in self.inventory if host.name in names]

    def link(self, host: Any) -> Any:
        """The greenlet that connects to a host, or has; its value is why there is no way, or empty."""
        _ = self.state  # gives each host its connector
        link = self.links.get(host.name)
        if link is None or (link.ready() and (link.value or not _alive(host))):
            link = self.links[host.name] = gevent.spawn(self._connect, host)
        return link

    def _connect(self, host: Any) -> str:
        hang_up(host.connector)
        host.connected = False
        self.events.failures.pop(host.name, None)
        try:
            host.connect()
        except LOST as error:
            return f"host {host.name}: {error or type(error).__name__}"
        if host.connected:
            self.state.activate_host(host)
        return self.events.failures.get(host.name, "")

    def unlink(self, host: Any) -> None:
        """End the connection to a host."""
        if self.links.pop(host.name, None) is not None and host.connected:  # a greenlet that has ended is false
            host.disconnect()
            hang_up(host.connector)

    def close(self) -> None:
        """End all connections."""
        gevent.killall(list(self.links.values()))
        for host in self.named(self.links.keys()):
            self.unlink(host)
        ctx_state.reset()


def hang_up(connector: Any) -> None:
    """End a connection, which pyinfra leaves to the end of the process."""
    if client := getattr(connector, "client", None):
        client.close()


@dataclass(frozen=True)
class Session:
    """Hosts that are connected, to be worked on together."""

    hosts: list[Any]
    state: State


class _Events(BaseStateCallback):
    """Turns pyinfra's callbacks into reports, and keeps why hosts could not be reached."""

    def __init__(self) -> None:
        self.report: Report = _quiet
        self.failures: dict[str, str] = {}

    def host_connect(self, _state: State, host: Any) -> None:  # type: ignore[override]
        _tuned(host)

    def host_connect_error(self, _state: State, host: Any, error: Exception) -> None:  # type: ignore[override]
        self.failures[host.name] = _unreachable(host, error)

    def operation_host_start(self, state: State, host: Any, op_hash: str) -> None:  # type: ignore[override]
        self.report({"event": "step", "host": host.name, "step": _title(state, op_hash)})


def _tuned(host: Any) -> None:
    """paramiko leaves Nagle's algorithm on, 40 ms for each of many small commands, and waits for ever for a network that is gone.

    A connection is kept while nothing is asked, so it says something now and then; what is not acknowledged ends it.
    """
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client else None
    if transport and isinstance(transport.sock, socket.socket):
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; RFC 5482
            transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED * 1000)
        transport.set_keepalive(UNANSWERED // 3)


def login_method(host: Any) -> str | None:
    """How we logged in over SSH, such as ``publickey`` or ``password``; None if nobody says so."""
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client else None
    handler = getattr(transport, "auth_handler", None)
    said = getattr(handler, "auth_method", None) or ("password" if host.data.get("ssh_password") else None)
    return str(said) if said else None


def _unreachable(host: Any, error: Exception) -> str:
    return unreachable(host.name, target(host), str(error))


def target(host: Any) -> str:
    """Where we look for a host: ``USER@HOST:PORT``."""
    data = host.data
    return f"{data.get('ssh_user') or 'root'}@{data.get('ssh_hostname') or host.name}:{data.get('ssh_port') or 22}"


def _title(state: State, op_hash: str) -> str:
    return ", ".join(sorted(state.get_op_meta(op_hash).names))


def _alive(host: Any) -> bool:
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client else None
    return transport is None or transport.is_active()


def connect_ahead(hosts: Hosts, names: Collection[str]) -> None:
    """Begin to connect to hosts that will soon be asked for; who cannot be reached is told of when they are."""
    for host in hosts.named(names)[:KEPT]:
        hosts.link(host)


def each(
    hosts: Hosts, names: Collection[str], function: Callable[[Any], Any], then: Callable[[str, Any], None]
) -> dict[str, str]:
    """Connect to each named host and call a function for it; no host waits for another. ``then`` is given each result.

    Host → why it could not be reached, or not be asked, for those that could not.
    """

    def call(host: Any) -> str:
        if failure := hosts.link(host).get():
            return str(failure)
        try:
            then(host.name, _within(hosts.state, function, host))
        except DeployError as error:
            return str(error)
        finally:
            if len(hosts.links) > KEPT:
                hosts.unlink(host)
        return ""

    named = hosts.named(names)
    failures = zip(named, _all(hosts.state, call, named), strict=True)
    return {host.name: failure for host, failure in failures if failure}


@contextmanager
def session(hosts: Hosts, names: Collection[str], report: Report) -> Iterator[Session]:
    """The named hosts, connected and with no operations yet; DeployError lists every host that cannot be reached."""
    state, named = hosts.state, hosts.named(names)
    _require_none(_all(state, lambda host: hosts.link(host).get(), named))
    state.op_meta, state.failed_hosts, state.current_stage = {}, set(), StateStage.Setup
    for host in hosts.inventory:  # pyinfra puts the operations of all in order, be they in this session or not
        state.ops[host] = {}
        host.op_hash_order.clear()
    for host in named:
        state.activate_host(host)
    hosts.events.report = report
    try:
        yield Session(named, state)
    finally:
        hosts.events.report = _quiet


def _quiet(_line: dict[str, Any]) -> None:
    """A report that goes nowhere."""


def _within(state: State, function: Callable[[Any], Any], host: Any) -> Any:
    """DeployError, with the host's name, if it gave no answer."""
    try:
        with ctx_config.use(state.config.copy()), ctx_host.use(host):
            return function(host)
    except LOST as error:
        raise DeployError(f"host {host.name}: {str(error) or type(error).__name__}") from None


def _all(state: State, function: Callable[[Any], Any], hosts: Collection[Any]) -> list[Any]:
    """Call a function for all hosts at once; the results in their order. Raises the first error when all have ended."""
    jobs = [state.pool.spawn(function, host) for host in hosts]
    gevent.joinall(jobs)
    return [job.get() for job in jobs]


def _require_none(failures: Collection[str]) -> None:
    if found := list(filter(None, failures)):
        raise DeployError("\n".join(found) + "\nno host was changed")


def on_each(session: Session, function: Callable[[Any], Any]) -> dict[str, Any]:
    """Call a function for all hosts at once, each in its context; host name → result, in the inventory's order."""
    session.state.set_stage(StateStage.Prepare)
    found = _all(session.state, lambda host: _within(session.state, function, host), session.hosts)
    return {host.name: result for host, result in zip(session.hosts, found, strict=True)}


def execute(session: Session, report: Report) -> dict[str, list[str]]:
    """Run the prepared operations, on each host as fast as it is; host name → the steps that changed something.

    DeployError, when all hosts have ended, names every host and step that failed, with the last words of the program.
    """
    state = session.state
    state.set_stage(StateStage.Execute)
    order = state.get_op_order()
    changed: dict[str, list[str]] = {host.name: [] for host in session.hosts}

    def run(host: Any) -> str:
        for op_hash in (it for it in order if it in state.ops[host]):
            if failure := _failure(state, host, op_hash):
                return failure
            if state.ops[host][op_hash].operation_meta.did_change():
                changed[host.name].append(_title(state, op_hash))
                report({"event": "changed", "host": host.name, "step": _title(state, op_hash)})
        return ""

    state.is_executing = True
    try:
        failures = list(filter(None, _all(state, run, session.hosts)))
    finally:
        state.is_executing = False
    if failures:
        raise DeployError("\n".join(failures))
    return changed


def _failure(state: State, host: Any, op_hash: str) -> str:
    """Run one operation on a host; why it failed, or nothing."""
    words = ""
    try:
        with ctx_host.use(host):
            done = run_host_op(state, host, op_hash)
    except LOST as error:
        done, words = False, str(error) or type(error).__name__
    if done:
        return ""
    meta, title = state.ops[host][op_hash].operation_meta, _title(state, op_hash).removeprefix("mail host | ")
    said = words or (meta.stderr if meta.is_complete() else "")
    text = complaints.pop(host.name, None) or said or "it ended without a word"
    return f"host {host.name}: {title}: {text}\n  mend the cause and run again, the rest follows"
