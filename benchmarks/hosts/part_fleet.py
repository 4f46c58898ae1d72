"""Eight hosts that are as described, next to one: real hosts of the lab, which share the machine's cores with postwright."""

import shlex
from pathlib import Path

import subject
from operators import Operator, leave
from timing import HEAD, TARGETS, Contender, in_turns, ratios, row, target

ONE, EIGHT = "mx3", tuple(f"mx{number}" for number in range(1, 9))
# fail2ban's file names every host of the fleet, so it would differ between the two inventories.
WITHOUT = '\nmail[1]["mail_fleet"]["fail2ban"] = False\n'
OURS_ONE, OURS = "`postwright apply`, 1 host", f"`postwright apply`, {len(EIGHT)} hosts"
BOUND_ONE, BOUND = "bound, 1 host", f"bound, {len(EIGHT)} hosts at once"


def measure(folder: Path, _programs: Path, rounds: int) -> str:
    """The results as text."""
    operator = subject.settled(folder, ONE, *(host for host in EIGHT if host != ONE), code=WITHOUT)
    try:
        alone = _alone(operator)
        contenders = [_ours(OURS_ONE, alone), _ours(OURS, operator), _bound(BOUND_ONE, alone), _bound(BOUND, operator)]
        runs = in_turns(contenders, rounds, subject.environment())
    finally:
        leave(operator)
    lines = [
        f"# {len(EIGHT)} hosts next to one, nothing to change",
        "",
        *HEAD,
        *(row(name, it) for name, it in runs.items()),
        "",
    ]
    lines += [*TARGETS, target("times the time of one host", ratios(runs[OURS], runs[OURS_ONE]), 4)]
    lines += [target("times the bound of as many", ratios(runs[OURS], runs[BOUND]), 3), ""]
    return "\n".join([*lines, *NOTES])


def _alone(operator: Operator) -> Operator:
    """A project of one of the hosts, with a ledger of its own: what DNS says of the others is not its to remove."""
    one = subject.of(operator, ONE)
    with one.inventory.open("a") as file:
        file.write(f'{WITHOUT}mail[1]["mail_fleet"]["ledger"] = {str(one.folder / "ledger")!r}\n')
    one.run("apply", "-y", "--no-verify")
    return one


def _ours(name: str, operator: Operator) -> Contender:
    return Contender(name, operator.argv("apply", "-y"), folder=operator.folder, sound=subject.unchanged)


def _bound(name: str, operator: Operator) -> Contender:
    """All connections at once; it ends with the last."""
    looks = [_look(operator, host) for host in operator.hosts]
    script = operator.folder / "looks.sh"
    script.write_text("".join(f"{line} >/dev/null &\n" for line in looks) + "wait\n")
    return Contender(name, ["sh", str(script)], folder=operator.folder)


def _look(operator: Operator, host: str) -> str:
    file = operator.folder / f"look-{host}"
    file.write_text(subject.look_script(operator.inventory, host))
    return f"{shlex.join([*subject.ssh(subject.address(host)), 'python3 -'])} <{file}"


NOTES = """
- The hosts are containers on the machine postwright runs on, so its cores do the looking of all of them: with 2 cores the
  bound itself grows with the number of hosts. Hosts of their own would look at the same time. fail2ban is off here.
""".splitlines()[1:]
