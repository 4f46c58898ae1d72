"""Executes an inventory file as pyinfra does, and says what is wrong with it as our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyinfra_cli.inventory
from pyinfra.api import State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.context import ctx_state
from pyinfra_cli.exceptions import CliError, UnexpectedExternalError

from postwright import groups
from postwright.errors import InventoryError, PostwrightError, UsageError
from postwright.wire import HostData


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
