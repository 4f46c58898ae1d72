"""What signing costs, one lever at a time: each a change to the host as built, measured in turns with it.

A lever that is on in the built host is measured by its absence, and named so.
"""

from __future__ import annotations

from measuring import Pour, Variant

_CONF = "/etc/opendkim.conf"
_TABLE = "/etc/postwright/dkim/KeyTable"
_SIGNING = "/etc/postwright/dkim/SigningTable"


def _drop(*names: str) -> str:
    """A script that takes lines out of the signer's configuration."""
    return "; ".join(f"sed -i '/^{name} /d' {_CONF}" for name in names)


def _say(line: str) -> str:
    """A script that says a line in its place."""
    return f"{_drop(line.split(maxsplit=1)[0])}; echo '{line}' >>{_CONF}"


AS_BUILT = Variant("as built")
# The one key of a host with one domain, read when the signer starts: without tables, and without a file per message.
# (The key itself in KeyTable does not work: OpenDKIM reads lines of 1,023 characters, an RSA-2048 key has more.)
_ONE_KEY = f"""
row=$(grep -v '^#' {_TABLE} | head -1 | cut -d' ' -f2)
{{ echo Domain shop.test; echo Selector $(echo $row | cut -d: -f2); echo KeyFile ${{row##*:}}; }} >>{_CONF}
"""
# One more for each message, as a domain with an RSA and an Ed25519 key has it.
_SECOND = f"""
row=$(grep -v '^#' {_TABLE} | head -1); file=${{row##*:}}
install -d -o opendkim -g opendkim -m 750 /etc/postwright/bench
openssl genpkey -algorithm ed25519 -out /etc/postwright/bench/ed.pem
chown opendkim: /etc/postwright/bench/ed.pem; chmod 600 /etc/postwright/bench/ed.pem
echo "shop.test shop.test:ed:/etc/postwright/bench/ed.pem" >/etc/postwright/bench/KeyTable
sed -e 's/rsa-sha256/ed25519-sha256/; s#/etc/postwright/dkim/KeyTable#/etc/postwright/bench/KeyTable#' \\
  -e 's#opendkim.sock#ed25519.sock#; s#opendkim.pid#opendkim-ed25519.pid#; /PolicyScript/d' {_CONF} >/etc/opendkim-ed25519.conf
cp /usr/lib/systemd/system/opendkim.service /etc/systemd/system/opendkim-ed25519.service
sed -i 's#^ExecStart=.*#ExecStart=/usr/sbin/opendkim -x /etc/opendkim-ed25519.conf#; s#opendkim.pid#opendkim-ed25519.pid#' \\
  /etc/systemd/system/opendkim-ed25519.service
cp -r /etc/systemd/system/opendkim.service.d /etc/systemd/system/opendkim-ed25519.service.d
rm -f /etc/systemd/system/opendkim-ed25519.service.d/postwright-stamp.conf
postconf -e 'smtpd_milters = unix:opendkim/opendkim.sock unix:opendkim/ed25519.sock'
systemctl daemon-reload; systemctl restart opendkim-ed25519
"""
# As many domains as a large sender has; the one that signs is the last.
_MANY = f"""
row=$(grep '^shop.test ' {_TABLE})
{{ for i in $(seq 2000); do echo "d$i.example d$i.example:s:${{row##*:}}"; done; echo "$row"; }} >{_TABLE}
{{ for i in $(seq 2000); do echo "d$i.example d$i.example"; done; echo "shop.test shop.test"; }} >{_SIGNING}
"""
_PATTERNS = f"sed -i 's#^[^ ]* *file:#&re#; s#file:re#refile:#' {_CONF}; sed -i 's/^/*@/' {_SIGNING}"
LEVERS = (
    Variant("log: a line per signature (SyslogSuccess)", _say("SyslogSuccess yes")),
    Variant("log: and why not (LogWhy)", f"{_say('SyslogSuccess yes')}; {_say('LogWhy yes')}"),
    Variant("log: nothing (Syslog no)", _say("Syslog no")),
    Variant("keys: one, read at the start, no tables", _drop("KeyTable", "SigningTable") + _ONE_KEY),
    Variant("keys: not looked at for who may read them", _say("RequireSafeKeys no")),
    Variant("2,000 domains", _MANY),
    Variant("2,000 domains, tables as `refile`, a pattern per line", _MANY + _PATTERNS),
    Variant("headers: From alone is oversigned", _say("OversignHeaders From")),
    Variant("canonicalization: simple body", _say("Canonicalization relaxed/simple")),
    Variant("From is anybody's: no Lua", _drop("FinalPolicyScript", "SetupPolicyScript")),
    Variant("milter protocol 2, without negotiated skips", "postconf -e milter_protocol=2"),
    Variant("second signature, Ed25519", _SECOND),
    Variant("sandbox: none", "rm -f /etc/systemd/system/{postfix,opendkim,unbound}.service.d/postwright-sandbox.conf"),
    Variant(
        "signer on 127.0.0.1 (inet), as most guides have it",
        "rm -f /etc/systemd/system/opendkim.service.d/postwright-sandbox.conf; "
        + _say("Socket inet:8891@127.0.0.1")
        + "; postconf -e smtpd_milters=inet:127.0.0.1:8891",
    ),
    Variant("no signer at all", "postconf -e smtpd_milters= non_smtpd_milters="),
)
_ONE_EACH = Variant("a connection for each message, not for many")
ALL = (AS_BUILT, *LEVERS, _ONE_EACH)


def pour_of(variant: Variant, messages: int) -> Pour:
    """How mail comes in: Postfix connects to a milter anew with each client's connection."""
    return Pour(messages, options="" if variant is _ONE_EACH else "-d")


NOTES = """
- As built: OpenDKIM logs what goes wrong and no line per signature, reads its tables into memory and the key for each
  message, runs two Lua scripts that keep a login to its own From, and is connected to once per client connection.
- A lever that is on as built is measured by its absence.
""".splitlines()[1:]
