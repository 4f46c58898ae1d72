"""What an inventory says of who may reach a host and what leaves it: packet filter and bans. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from postwright import values
from postwright.model.fields import Duration, IPNetwork, NotEmpty, Port, Strict, Switch


class Firewall(Strict):
    """What reaches the host besides mail: SSH, from everywhere unless networks are named; and what leaves it.

    ``ssh_ports`` are those sshd listens on, which differ from pyinfra's ``ssh_port`` behind a port forwarding.
    ``egress``: nobody but Postfix connects to port 25 of others. ``bans``: a table of sets that bans are put into.
    """

    ssh_ports: Annotated[tuple[Port, ...], NotEmpty] = (22,)
    ssh_from: tuple[IPNetwork, ...] = ()
    extra_tcp: tuple[Port, ...] = ()
    egress: bool = True
    bans: bool = True


Within = Annotated[Duration, AfterValidator(values.at_least("1m"))]


class Fail2ban(Strict):
    """When an address that fails to log in is banned, and for how long.

    ``ssh_failures`` or ``login_failures`` (of submission, IMAP, POP3) ``within`` a time ban it for ``ban``; each further ban is twice
    as long as the last, up to ``longest``. ``ignore``: networks that are never banned, beside those that never are:
    ``firewall.ssh_from``, the host's ``trusted_networks``, and the hosts of the fleet.
    """

    ssh_failures: int = Field(default=5, ge=2, le=1000)
    login_failures: int = Field(default=10, ge=2, le=1000)
    within: Within = "10m"
    ban: Within = "1h"
    longest: Within = "1w"
    ignore: tuple[IPNetwork, ...] = ()


Fail2banOrOff = Annotated[Fail2ban | None, Switch]
