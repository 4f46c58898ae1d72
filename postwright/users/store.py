"""The file with the users: JSON in a stable order, one entry each, all in clear but the password hashes.

Promise: a user nobody changed keeps every byte, so a diff in Git shows who was changed and how; the file is 0600, replaced by
rename. What is in clear may be mended by hand. Who writes must hold the project's lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BeforeValidator, TypeAdapter, ValidationError

from postwright.errors import KeyringError, UsageError
from postwright.files import write_atomically
from postwright.model import Login, Strict
from postwright.shapes import shape
from postwright.users import sealing
from postwright.wording import described


class Password(Strict):
    """A password's hash, encrypted, and since when it counts; ``until``: how long, if another has taken its place."""

    sealed: str
    since: AwareDatetime
    until: AwareDatetime | None = None


def _no_file(value: object) -> None:
    if value is not None:
        raise ValueError(
            "is of logins of the inventory; take it out, and give the user a password: `postwright users rotate`"
        )


class User(Login):
    """A login as the store keeps it; without a password it has certificates."""

    password_hash: Annotated[None, BeforeValidator(_no_file)] = None
    password: Password | None = None
    previous: Password | None = None

    def passwords(self, now: datetime) -> tuple[Password, ...]:
        """Those it may log in with now, the newest first."""
        if self.state == "suspended":
            return ()
        found = (it for it in (self.password, self.previous) if it)
        return tuple(it for it in found if it.until is None or it.until > now)

    def note(self, now: datetime) -> str:
        """How old its password is, and until when the one before counts, in words that are no secret."""
        if self.state == "suspended":
            return "suspended"
        said = [f"password of {moment(self.password.since)}"] if self.password else ["no password"]
        if self.previous in self.passwords(now) and self.previous and self.previous.until:
            said.append(f"the one before until {moment(self.previous.until)}")
        return ", ".join(said)


class _Document(Strict):
    format: Literal[1]
    salt: Annotated[str, shape(r"[A-Za-z0-9+/]{22}==", "16 octets in base64; bring back the file as it was written")]
    users: tuple[User, ...] = ()


_DOCUMENT = TypeAdapter(_Document)


@dataclass(frozen=True)
class Store:
    """What the file at ``path`` holds."""

    path: Path
    salt: str
    users: Mapping[str, User]

    def key(self, passphrase: str) -> bytes:
        """What opens it. KeyringError if the passphrase is not the one it was made with."""
        key = sealing.derived(passphrase, self.salt)
        for login, password in _passwords(self.users.values()):
            self.opened(key, login, password)
            break
        return key

    def opened(self, key: bytes, login: str, password: Password) -> str:
        """The hash itself."""
        try:
            return sealing.unseal(key, login, password.sealed)
        except ValueError:
            raise KeyringError(
                f"{self.path}: user {login}: the passphrase does not open it, or it is damaged; look at "
                f"mail_fleet.keys.passphrase, or run: postwright users rotate {login}"
            ) from None

    def hashes(self, passphrase: str, now: datetime) -> dict[str, list[str]]:
        """Login → the hashes it may log in with now, the newest first; every hash is opened."""
        key = self.key(passphrase) if self.users else b""
        return {
            user.login: [self.opened(key, user.login, it) for it in user.passwords(now)] for user in self.users.values()
        }


def read(path: Path, *, new: bool = False) -> Store:
    """The store. UsageError with every problem, each with its user, and if there is no file: its users would all be lost.

    ``new``: it may be one that is yet to be written, which is empty.
    """
    try:
        document = _DOCUMENT.validate_json(path.read_bytes())
    except FileNotFoundError:
        if new:
            return Store(path, sealing.new_salt(), {})
        raise UsageError(
            f"mail_fleet.users: no file {path}, so its users could not log in any more; mend the path, bring the file back, or "
            "begin a store there: `postwright users add`"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; mend its permissions") from None
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False)
        raise UsageError("\n".join(described(f"{path}", it, {}) for it in told)) from None
    twice = [login for login, count in Counter(user.login for user in document.users).items() if count > 1]
    if twice:
        raise UsageError(f"{path}: users: {', '.join(twice)} stands there more than once; keep one entry")
    return Store(path, document.salt, {user.login: user for user in document.users})


def write(store: Store) -> None:
    """Replace the file; users in the order of their logins."""
    users = tuple(store.users[login] for login in sorted(store.users))
    text = _DOCUMENT.dump_json(_Document(format=1, salt=store.salt, users=users), indent=2, exclude_defaults=True)
    write_atomically(store.path, text + b"\n", 0o600)


def resealed(store: Store, old: str, new: str) -> Store | None:
    """The store under another passphrase; None if that opens it already. KeyringError if neither does."""
    if not store.users:
        return None
    try:
        fresh = sealing.derived(new, store.salt)
        if all(store.opened(fresh, *it) for it in _passwords(store.users.values())):
            return None
    except KeyringError:
        pass
    before, salt = store.key(old), sealing.new_salt()
    after = sealing.derived(new, salt)

    def anew(login: str, password: Password | None) -> Password | None:
        sealed = sealing.seal(after, login, store.opened(before, login, password)) if password else ""
        return password.model_copy(update={"sealed": sealed}) if password else None

    users = {
        login: user.model_copy(update={"password": anew(login, user.password), "previous": anew(login, user.previous)})
        for login, user in store.users.items()
    }
    return Store(store.path, salt, users)


def _passwords(users: Iterable[User]) -> Iterator[tuple[str, Password]]:
    for user in users:
        for password in (user.password, user.previous):
            if password:
                yield user.login, password


def moment(value: datetime) -> str:
    """As the file and the listings have it: ``2026-11-22T16:00:00Z``."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
