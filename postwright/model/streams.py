"""What an inventory says of streams: which mail belongs together, from which addresses or by which relay it leaves. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from postwright import spans, values_mail
from postwright.model.fields import Duration, Identifier, LoginName, Port, SecretSource, Sender, Server, Strict
from postwright.pacing.config import DEFAULT, RELAY
from postwright.shapes import shape

__all__ = ["DEFAULT", "RELAY", "Relay", "Stream"]

HeaderName = Annotated[str, AfterValidator(values_mail.stream_header)]
HeaderValue = Annotated[
    str, shape(r"[!-~]([ -~]{0,198}[!-~])?", "1 to 200 printable ASCII characters without blanks at its ends")
]


class Stream(Strict):
    """Mail that is known by its envelope sender, the login it came with, or a header, and what becomes of it.

    ``headers``: name → exact value. ``pool``: the addresses it leaves from, and ``fallback`` those of other pools, in this
    order, where none of its own can take mail. ``via``: the relay by which all of it leaves. ``when_full``: what becomes of
    it without budget. ``wait``: it is held. ``bypass``: it leaves all the same, and is counted. ``overflow``: it leaves by
    ``relay``. ``fallback``: from a pool of ``fallback`` that has budget. ``after``: only once it has been held that long;
    None: at once.
    """

    senders: tuple[Sender, ...] = ()
    users: tuple[LoginName, ...] = ()
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    pool: Identifier = DEFAULT
    fallback: tuple[Identifier, ...] = ()
    via: Identifier | None = None
    when_full: Literal["wait", "bypass", "overflow", "fallback"] = "wait"
    relay: Identifier = RELAY
    after: Annotated[Duration, AfterValidator(spans.at_most("30d"))] | None = None

    @model_validator(mode="after")
    def _knows_its_mail(self) -> Stream:
        if not self.senders and not self.users and not self.headers:
            raise ValueError("names neither senders nor users nor headers; say which mail is meant")
        return self

    @model_validator(mode="after")
    def _goes_one_way(self) -> Stream:
        # By what is said, not by what is named: checks read a fleet in which everything is.
        said = ("pool", "fallback", "when_full", "relay", "after")
        own = {name for name in said if getattr(self, name) != type(self).model_fields[name].default}
        if self.via and own:
            raise ValueError(f"leaves by a relay (via), so {', '.join(sorted(own))} would mean nothing; take one out")
        if self.relay != RELAY and self.when_full != "overflow":
            raise ValueError('names a relay, which only "when_full": "overflow" uses; say that, or "via"')
        if self.when_full == "fallback" and not self.fallback:
            raise ValueError('"when_full": "fallback" needs pools in fallback; name one, or say "wait"')
        return self

    @model_validator(mode="after")
    def _ends(self) -> Stream:
        """A pool that leads to itself would be tried for ever."""
        pools = (self.pool, *self.fallback)
        if repeated := sorted({it for it in pools if pools.count(it) > 1}):
            raise ValueError(f"comes back to pool {', '.join(repeated)} in fallback; name each pool once")
        return self

    @property
    def pools(self) -> tuple[str, ...]:
        """The pools its mail may leave from, best first; none if a relay takes it."""
        return () if self.via else (self.pool, *self.fallback)


class Relay(Strict):
    """A smarthost that takes what overflows, or all mail of a stream. ``tls``: Postfix's words; ``secure`` verifies that it is this server."""

    server: Server
    port: Port = 587
    login: (
        Annotated[str, shape(r"[!-9;-~]{1,200}", "a login of 1 to 200 ASCII characters without blanks and :")] | None
    ) = None
    password: SecretSource | None = None
    tls: Literal["secure", "encrypt", "may"] = "secure"

    @model_validator(mode="after")
    def _login_is_whole(self) -> Relay:
        if (self.login is None) != (self.password is None):
            raise ValueError("needs both login and password, or neither")
        if self.login and self.tls == "may":
            raise ValueError('would send the password unencrypted; say "tls": "secure", or "encrypt"')
        return self

    @property
    def nexthop(self) -> str:
        """As Postfix has it: this very host, and no MX of it."""
        return f"[{self.server}]:{self.port}"
