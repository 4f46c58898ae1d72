"""A mail host, top to bottom: packages, files, every service in the order it is needed, and what is to go.

Run by `postwright apply`, and by pyinfra itself: ``pyinfra inventories/x.py deploys/mail_host.py``. The latter neither
makes keys nor publishes DNS; it brings hosts to what the inventory and the keyring say.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.api import deploy

from postwright.deploys.acme import acme
from postwright.deploys.bans import bans
from postwright.deploys.base import base
from postwright.deploys.fail2ban import fail2ban
from postwright.deploys.firewall import firewall
from postwright.deploys.hardening import audit, hardening
from postwright.deploys.limits import limits
from postwright.deploys.opendkim import opendkim, opendkim_ed25519
from postwright.deploys.pacing import pacing
from postwright.deploys.postfix import postfix
from postwright.deploys.resolver import resolver
from postwright.deploys.submission import submission
from postwright.deploys.tls import tls
from postwright.deploys.transport import mta_sts, policies, tls_gate
from postwright.deploys.wireguard import wireguard
from postwright.hosts import operations
from postwright.hosts.looking import expect
from postwright.hosts.plan import look_request
from postwright.services.bundle import Activation, Bundle
from postwright.services.tls import CERTIFICATE


def network(units: Mapping[str, Activation]) -> None:
    """Who reaches the host at all: operators by their tunnel, others as the packet filter says, nobody who is banned."""
    if "wireguard" in units:
        wireguard(activation=units["wireguard"])
    firewall(activation=units["firewall"])
    if "bans" in units:
        bans(activation=units["bans"])


def asked(units: Mapping[str, Activation]) -> None:
    """What Postfix asks, by the main.cf that lies there already: it answers before anything that others can make fail."""
    if "limits" in units:
        limits(activation=units["limits"])
    if "pacing" in units:
        pacing(activation=units["pacing"])
    if "tls-gate" in units:
        mta_sts(activation=units["mta-sts"])
        tls_gate(activation=units["tls-gate"])


def signing(units: Mapping[str, Activation]) -> None:
    """The signers answer before Postfix asks."""
    opendkim(activation=units["opendkim"])
    if "opendkim-ed25519" in units:
        opendkim_ed25519(activation=units["opendkim-ed25519"])


def certified(units: Mapping[str, Activation]) -> None:
    """The certificate is there before anything serves it."""
    if "acme" in units:
        acme(activation=units["acme"])
    else:
        tls(certificate=CERTIFICATE)
    if "policies" in units:
        policies(activation=units["policies"])


def intake(units: Mapping[str, Activation]) -> None:
    """Who logs in is known, and banned if he guesses."""
    if "submission" in units:
        submission(activation=units["submission"])
    if "fail2ban" in units:
        fail2ban(activation=units["fail2ban"])


@deploy("mail host")
def mail_host(bundle: Bundle) -> None:
    """Everything one host is to have. Written without loops: pyinfra tells operations apart by their lines."""
    expect(look_request(bundle))
    operations.packages(name="install packages", names=bundle.packages)
    operations.files(name="put files in place", bundle=bundle)
    units = {activation.name: activation for activation in bundle.activations}
    base(activation=units["base"])
    resolver(activation=units["resolver"])
    network(units=units)
    asked(units=units)
    signing(units=units)
    hardening(units=units)
    certified(units=units)
    intake(units=units)
    postfix(activation=units["postfix"])
    audit(units=units)
    operations.unwanted(name="remove what is no longer wanted", bundle=bundle)


# pyinfra executes a deploy file under no name of its own, once per host; imported, it only defines.
if __name__ != "postwright.deploys.mail_host":
    from postwright.hosts.stock import current_bundle

    mail_host(bundle=current_bundle())
