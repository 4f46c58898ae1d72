"""What `postwright users` does to a store, as values: each function gives the store as it would be then.

Promise: nothing comes out that the inventory would newly refuse (``require_valid``); only the user named is changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from postwright import consistency
from postwright.errors import UsageError
from postwright.inventory import Project
from postwright.users import sealing
from postwright.users.store import Password, Store, User
from postwright.wording import described


def added(store: Store, project: Project, login: str, said: Mapping[str, Any]) -> Store:
    """With a new user, who has no password yet."""
    if login in store.users or any(it.login == login for it in project.fleet.logins):
        place = str(store.path) if login in store.users else "mail_fleet.logins"
        raise UsageError(
            f"{login} stands in {place} already; see `postwright users set` and `rotate`, or choose another name"
        )
    return _with(store, _user({"login": login, **said}))


def changed(store: Store, login: str, said: Mapping[str, Any]) -> Store:
    """With what was said of a user in the place of what was there."""
    return _with(store, _user({**user_of(store, login).model_dump(), **said}))


def removed(store: Store, login: str) -> Store:
    user_of(store, login)
    return replace(store, users={name: user for name, user in store.users.items() if name != login})


def with_password(store: Store, login: str, text: str, passphrase: str, now: datetime, grace: timedelta) -> Store:
    """With another password, given as its hash; the one before counts for ``grace`` longer.

    Of several changes within their grace only the last one before counts: a login has two passwords at most.
    """
    user, key = user_of(store, login), store.key(passphrase)
    previous = user.password.model_copy(update={"until": now + grace}) if user.password and grace else None
    password = Password(sealed=sealing.seal(key, login, text), since=now)
    return _with(store, user.model_copy(update={"password": password, "previous": previous}))


def user_of(store: Store, login: str) -> User:
    """The user of that login; UsageError says who is there."""
    if login not in store.users:
        known = ", ".join(sorted(store.users)[:20]) or "none"
        raise UsageError(
            f"{store.path}: no user {login!r} (there is: {known}); logins of the inventory are changed there"
        )
    return store.users[login]


def require_valid(project: Project, before: Store, after: Store) -> None:
    """UsageError with everything the inventory would complain of, were ``after`` the store, and does not yet.

    So what is wrong with one user keeps nobody from mending it, or from changing another.
    """
    known = set(_problems(project, before))
    found = [it for it in _problems(project, after) if it not in known]
    if found:
        raise UsageError("\n".join(["nothing was changed:", *found]))


def _problems(project: Project, store: Store) -> Iterator[str]:
    own = tuple(login for login in project.fleet.logins if login.password_hash)
    logins = (*own, *(user.as_login for user in store.users.values()))
    return iter(consistency.problems(project.fleet.model_copy(update={"logins": logins})))


def _with(store: Store, user: User) -> Store:
    return replace(store, users={**store.users, user.login: user})


def _user(said: Mapping[str, Any]) -> User:
    try:
        return User.model_validate(said)
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False)
        lines = (described(f"user {said['login']!r:.80}: ", it, {}).replace(": .", ": ") for it in told)
        raise UsageError("\n".join(lines)) from None
