"""pyinfra's state, inventory and connections: what is ours to know of its inside stands here and in ``operations``."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pyinfra
import pyinfra_cli.inventory
from pyinfra.api import BaseStateCallback, Config, State
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_config, ctx_host, ctx_state
from pyinfra_cli.exceptions import CliError, UnexpectedExternalError

from postwright import groups
from postwright.errors import DeployError, InventoryError, PostwrightError, UsageError
from postwright.hosts.operations import complaints
from postwright.inventory import HostData

CONNECT_TIMEOUT = 10  # seconds
Report = Callable[[dict[str, Any]], None]


def load_inventory(path: Path) -> tuple[Any, list[str]]:
    """pyinfra's inventory of a file, and what it merged there without a word (see ``groups``).

    InventoryError if the file cannot be executed, or makes no inventory at all.
    """
    if not path.is_file():
        msg = f"no inventory {path}; name one with -i, or make a first project with `postwright init`"
        raise UsageError(msg)
    names: dict[str, Any] = {}
    try:
        with ctx_state.use(State()), _noting(names):  # pyinfra notes in its state which file it executes
            loaded = pyinfra_cli.inventory.make_inventory_from_files(str(path))
            host_data(loaded)  # where data is no mapping pyinfra fails only here
            return loaded, groups.problems(names)
    except UnexpectedExternalError as error:
        cause = error.exception
        if isinstance(cause, PostwrightError):
            raise cause from None
        line = _line_in(path, cause)
        raise InventoryError(f"{path}{line}", [f"{type(cause).__name__}: {cause}"]) from None
    except SystemExit:
        raise InventoryError(str(path), ["it ends the process (SystemExit); an inventory only defines names"]) from None
    except (CliError, PyinfraError, SyntaxError) as error:
        raise InventoryError(str(path), [str(error)]) from None
    except Exception as error:
        # pyinfra takes groups to be well formed; if they are, the bug is not the operator's.
        if problems := groups.problems(names):
            raise InventoryError(str(path), problems) from error
        raise


@contextmanager
def _noting(names: dict[str, Any]) -> Iterator[None]:
    """Notes what the inventory file, the first that pyinfra executes, defines; it is executed once only."""
    execute = pyinfra_cli.inventory.exec_file

    def noting(filename: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        found: dict[str, Any] = execute(filename, *arguments, **options)
        names.update({} if names else found)
        return found

    pyinfra_cli.inventory.exec_file = noting
    try:
        yield
    finally:
        pyinfra_cli.inventory.exec_file = execute


def _line_in(path: Path, error: BaseException) -> str:
    trace, line = error.__traceback__, ""
    while trace:
        if Path(trace.tb_frame.f_code.co_filename) == path:
            line = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return line


def host_data(inventory: Any) -> list[HostData]:
    """Every host with its merged data, in inventory order."""
    return [HostData(host.name, host.data.dict()) for host in inventory]


class _Events(BaseStateCallback):
    """Turns pyinfra's callbacks into reports; one per run."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.failures: dict[str, str] = {}

    def host_connect(self, _state: State, host: Any) -> None:  # type: ignore[override]
        _without_nagle(host)

    def host_connect_error(self, _state: State, host: Any, error: Exception) -> None:  # type: ignore[override]
        self.failures[host.name] = _unreachable(host, error)

    def operation_host_start(self, state: State, host: Any, op_hash: str) -> None:  # type: ignore[override]
        self.report({"event": "step", "host": host.name, "step": _title(state, op_hash)})

    def operation_end(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        for host in (*state.active_hosts, *state.failed_hosts):
            data = state.ops[host].get(op_hash)
            if data and data.operation_meta.is_complete() and _did_change(data.operation_meta):
                self.report({"event": "changed", "host": host.name, "step": _title(state, op_hash)})


def _without_nagle(host: Any) -> None:
    """paramiko leaves Nagle's algorithm on: 40 ms for each of many small commands."""
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client else None
    if transport and isinstance(transport.sock, socket.socket):
        transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def login_method(host: Any) -> str | None:
    """How we logged in over SSH, such as ``publickey`` or ``password``; None if nobody says so."""
    client = getattr(host.connector, "client", None)
    transport = client.get_transport() if client else None
    handler = getattr(transport, "auth_handler", None)
    said = getattr(handler, "auth_method", None) or ("password" if host.data.get("ssh_password") else None)
    return str(said) if said else None


def _unreachable(host: Any, error: Exception) -> str:
    data = host.data
    target = f"{data.get('ssh_user') or 'root'}@{data.get('ssh_hostname') or host.name}:{data.get('ssh_port') or 22}"
    text = str(error)
    hint = "check address, port and firewall"
    if "uthentication" in text:
        hint = "the host refused the key; check ssh_key and the user's authorized_keys"
    elif "host key" in text.lower():
        hint = "its host key is not the known one; if the host was rebuilt, remove the old key from known_hosts"
    return f"host {host.name}: cannot connect to {target}: {text}; {hint}"


def _title(state: State, op_hash: str) -> str:
    return ", ".join(sorted(state.get_op_meta(op_hash).names))


@contextmanager
def session(inventory: Any, names: set[str], report: Report) -> Iterator[State]:
    """A connected pyinfra state over the named hosts; DeployError lists every host that cannot be reached."""
    state = State(inventory, Config(CONNECT_TIMEOUT=CONNECT_TIMEOUT, FAIL_PERCENT=None), check_for_changes=False)
    events = _Events(report)
    state.add_callback_handler(events)
    # Without it, operations are told apart by their number alone, and hosts of unlike roles get each other's.
    pyinfra.is_cli = True
    ctx_state.set(state)
    state.limit_hosts = [host for host in inventory if host.name in names]
    try:
        state.set_stage(StateStage.Connect)
        _connect(state, events)
        yield state
    finally:
        disconnect_all(state)
        ctx_state.reset()


def _connect(state: State, events: _Events) -> None:
    try:
        connect_all(state)
    except PyinfraError:
        if not events.failures:
            raise
    if events.failures:
        raise DeployError("\n".join(events.failures.values()) + "\nno host was changed")


def on_each(state: State, function: Callable[[Any], Any]) -> dict[str, Any]:
    """Call a function for all hosts at once, each in its context; host name → result, in the inventory's order."""

    def call(host: Any) -> Any:
        with ctx_config.use(state.config.copy()), ctx_host.use(host):
            return function(host)

    hosts = [host for host in state.inventory if host in state.active_hosts]  # pyinfra keeps these in a set
    state.set_stage(StateStage.Prepare)
    jobs = [state.pool.spawn(call, host) for host in hosts]
    gevent.joinall(jobs, raise_error=True)
    return {host.name: job.value for host, job in zip(hosts, jobs, strict=True)}


def execute(state: State) -> dict[str, list[str]]:
    """Run the prepared operations; host name → the steps that changed something.

    DeployError names every host and step that failed, with the last words of the program.
    """
    state.set_stage(StateStage.Execute)
    try:
        run_ops(state)
    except PyinfraError as error:
        if "No hosts remaining" not in str(error):
            raise
    if state.failed_hosts:
        raise DeployError("\n".join(_failure(state, host) for host in state.failed_hosts))
    return {host.name: _changed(state, host) for host in state.active_hosts}


def _completed(state: State, host: Any) -> Iterator[tuple[str, Any]]:
    for op_hash in state.get_op_order():
        data = state.ops[host].get(op_hash)
        if data is not None and data.operation_meta.is_complete():
            yield _title(state, op_hash), data.operation_meta


def _changed(state: State, host: Any) -> list[str]:
    return [title for title, meta in _completed(state, host) if _did_change(meta)]


def _did_change(meta: Any) -> bool:
    return bool(meta.did_succeed() and meta.did_change())


def _failure(state: State, host: Any) -> str:
    failed = [(title, meta) for title, meta in _completed(state, host) if meta.did_error()]
    title, words = (failed[-1][0], failed[-1][1].stderr) if failed else ("prepare", "see the log with -vv")
    text = complaints.pop(host.name, None) or words or "it ended without a word"
    return f"host {host.name}: {title.removeprefix('mail host | ')}: {text}\n  mend the cause and run again, the rest follows"
