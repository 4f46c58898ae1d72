"""Who may submit mail: a login, as whom it may send, how much, from where, with which certificate. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

from postwright import values, values_tls
from postwright.model.fields import IPNetwork, LocalPath, LoginName, NotEmpty, Sender, Strict

_MOST = 1_000_000_000


def _upper(value: str) -> str:
    return value.upper()


# The SHA-256 digest of a certificate, as Postfix looks it up.
Fingerprint = Annotated[str, AfterValidator(values_tls.fingerprint), AfterValidator(_upper)]


def _limit(value: object) -> object:
    number = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST
    if not number and value != "unlimited":
        raise ValueError(f'is not a number from 1 to {_MOST}, nor "unlimited"')
    return value


Limit = Annotated[int | Literal["unlimited"], BeforeValidator(_limit)]
State = Literal["active", "suspended"]


class Limits(Strict):
    """How much a login may send through one host in any hour and any day; what is None is as for all logins."""

    messages_per_hour: Limit | None = None
    messages_per_day: Limit | None = None
    recipients_per_hour: Limit | None = None
    recipients_per_day: Limit | None = None


class UserLimits(Limits):
    """What holds for every login that says nothing of its own; None: no limit.

    ``failure``: what becomes of mail while nobody can count: ``pass`` it, or ``defer`` it (451, the client comes again).
    """

    failure: Literal["pass", "defer"] = "pass"


class Login(Strict):
    """A client of authenticated submission, from the inventory or from the user store.

    ``password_hash`` names a file with a crypt(3) hash (``openssl passwd -6``), never the hash; it is None for a user of
    the store, whose hash is in there, encrypted. ``networks``: the only ones it may log in from; empty: from anywhere.
    ``certificates`` of clients that then need no password. ``suspended``: may not log in, and is not forgotten.
    """

    login: LoginName
    password_hash: Annotated[LocalPath, AfterValidator(values.hash_path)] | None = None
    senders: Annotated[tuple[Sender, ...], NotEmpty]
    limits: Limits = Limits()
    networks: tuple[IPNetwork, ...] = ()
    certificates: tuple[Fingerprint, ...] = ()
    state: State = "active"

    @property
    def as_login(self) -> Login:
        """What it is to the fleet, wherever it was read."""
        return Login(**{name: getattr(self, name) for name in Login.model_fields})


class InventoryLogin(Login):
    """One that the inventory itself describes: it needs the file with its hash."""

    password_hash: Annotated[LocalPath, AfterValidator(values.hash_path)]
