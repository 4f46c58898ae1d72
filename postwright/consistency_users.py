"""Cross-checks of logins, wherever they stand: in the inventory or in the user store."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postwright.model import Fleet, Login


def place_of(fleet: Fleet, login: Login) -> str:
    """Where a login stands, as the operator finds it: those of the inventory come first in ``fleet.logins``."""
    if login.password_hash is None:
        return f"{fleet.users} (mail_fleet.users): {login.login}"
    position = next(number for number, it in enumerate(fleet.logins) if it is login)
    return f"mail_fleet.logins[{position}]"


def _repeated(fleet: Fleet) -> Iterator[str]:
    first: dict[str, Login] = {}
    for login in fleet.logins:
        other = first.setdefault(login.login, login)
        if other is not login and login.password_hash is None:
            yield f"{place_of(fleet, login)} stands in {place_of(fleet, other)} too; remove it from one of them"
        elif other is not login:
            yield f"mail_fleet.logins: {login.login} stands there more than once; keep one entry"


def _foreign_senders(fleet: Fleet) -> Iterator[str]:
    ours = {name for domain in fleet.domains for name in (domain.name, domain.return_path)}
    for login in fleet.logins:
        for sender in login.senders:
            if sender.partition("@")[2] not in ours:
                way = (
                    ""
                    if login.password_hash
                    else f": `postwright users set {login.login}` or `users remove {login.login}`"
                )
                yield (
                    f"{place_of(fleet, login)}.senders: {sender} is of no domain in mail_fleet.domains; its mail "
                    f"would go unsigned; add the domain, or take the sender away{way}"
                )


def _shared_certificates(fleet: Fleet) -> Iterator[str]:
    first: dict[str, Login] = {}
    for login in fleet.logins:
        for certificate in login.certificates:
            other = first.setdefault(certificate, login)
            if other is not login:
                yield (
                    f"{place_of(fleet, login)}.certificates: {certificate[:11]}… is {other.login}'s already; a certificate "
                    "stands for one login"
                )


def _suspended_probe(fleet: Fleet) -> Iterator[str]:
    login = next((it for it in fleet.logins if fleet.probe and it.login == fleet.probe.login), None)
    if login and login.state == "suspended":
        yield f"mail_fleet.probe.login: {login.login} is suspended, so `verify` could not submit; name another login"


CHECKS: dict[Callable[[Fleet], Iterator[str]], set[str]] = {
    _repeated: set(),
    _foreign_senders: {"domains"},
    _shared_certificates: set(),
    _suspended_probe: {"logins", "probe"},
}
