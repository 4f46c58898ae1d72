"""What an inventory says of one mailbox that mail to our own addresses is kept in. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from postwright import values, values_mail
from postwright.model.fields import Duration, IPNetwork, LocalPath, Size, Strict

MailboxAddress = Annotated[str, AfterValidator(values_mail.mailbox)]


class Mailbox(Strict):
    """A Maildir read by IMAP and POP3. The file holds a crypt(3) hash (``openssl passwd -6``), not a password.

    ``quota``: octets with K, M or G; mail to a full mailbox is put off by 452 while its sender is still connected.
    ``keep``: mail that has lain there longer is removed; None: never. ``networks``: where its owner may log in from; none:
    from everywhere. ``host``: the inventory name of the host that holds it; None: the first with the role mx of its domain.
    """

    password_hash: Annotated[LocalPath, AfterValidator(values.hash_path)]
    quota: Size = "1G"
    keep: Annotated[Duration, AfterValidator(values.at_least("1d"))] | None = None
    networks: tuple[IPNetwork, ...] = ()
    host: str | None = None
