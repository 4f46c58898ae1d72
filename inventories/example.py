"""Everything an inventory can say. `postwright init` makes your first one from this file.

It is pyinfra's own inventory format: a variable per group, each a list of hosts or a pair (hosts, data). Two keys are
postwright's: ``mail_host`` on every mail host, and ``mail_fleet`` once, on the group they are all in. Paths are
relative to this file. Secrets are never written here; they are named: {"file": path} (mode 0600), {"env": NAME} or
{"keyring": "service/user"}.
"""

mail_hosts = [
    (
        "mx1",
        {
            # pyinfra's own keys: how to reach the host. Not root? Say "ssh_user" and "_sudo": True.
            "ssh_hostname": "192.0.2.10",
            "ssh_user": "root",
            # "ssh_port": 22,
            # "ssh_key": "~/.ssh/id_ed25519",
            # "ssh_known_hosts_file": "~/.ssh/known_hosts",
            # "ssh_config_file": "~/.ssh/config",
            # "ssh_strict_host_key_checking": "yes",
            "mail_host": {
                # Each sending address and the name it says in HELO, short for {"ip": …, "helo": …, "warmup": …}. A/AAAA,
                # PTR and SPF are made from these pairs. The first name is the host's own (myhostname); its certificate
                # must be for it.
                # A new address is warmed up: it sends by a plan, from a day on (UTC), and what is beyond that waits on
                # hold. All addresses of the host then say it; one that has its reputation is "warm". See docs/warmup.md.
                # {"ip": "192.0.2.10", "helo": "mx1.example.com", "warmup": {"plan": "conservative", "start": "2026-11-22"}},
                # {"ip": "2001:db8::10", "helo": "mx1.example.com", "warmup": "warm"},
                # At most 16. With streams (docs/streams.md) addresses form pools; those that say none are of "default".
                # {"ip": "192.0.2.11", "helo": "news.example.com", "warmup": "warm", "pool": "marketing"},
                "addresses": [
                    ("192.0.2.10", "mx1.example.com"),
                    ("2001:db8::10", "mx1.example.com"),
                ],
                # The full chain, the host's own certificate first, and its key (encrypted with the passphrase of
                # mail_fleet.keys, or plain with mode 0600). Or "acme": the host gets one itself, see mail_fleet.acme.
                "tls": {
                    "certificate": "../secrets/mx1.example.com.crt",
                    "key": "../secrets/mx1.example.com.key",
                },
                # What it takes in: authenticated mail on 465 and 587, mail for its domains on 25.
                "roles": ["submission", "mx"],
                # Its address in mail_fleet.management.network.
                # "management": "10.99.0.1",
                # Networks that may relay without a login. Empty is safest.
                "trusted_networks": [],
            },
        },
    ),
]

mail = (
    ["mx1"],
    {
        "mail_fleet": {
            # Who reads mail to postmaster@, abuse@ and root@: an address elsewhere, or one of the mailboxes below.
            "postmaster": "ops@example.net",
            # Who gets what comes back to return paths of delegated domains; None: the postmaster.
            "bounces": None,
            # Mailboxes on these hosts, read by IMAP (993) and POP3 (995); see docs/mailboxes.md. The file holds a hash, made
            # with: openssl passwd -6
            # "mailboxes": {
            #     "reports@example.com": {
            #         "password_hash": "../secrets/reports.hash",
            #         "quota": "1G",  # K, M or G; mail to a full mailbox is put off
            #         "keep": "90d",  # mail is removed after that; None: never
            #         "networks": ["198.51.100.0/24"],  # where its owner may log in from; empty: everywhere
            #         "host": "mx1",  # the host that holds it; left out, the first with the role mx
            #     },
            # },
            # Domains mail is sent from, one to thousands.
            "domains": [
                {
                    "name": "example.com",
                    # Hosts that send for it; leave out for all.
                    "hosts": ["mx1"],
                    # "hosts": bounces and replies come to the hosts above that have the role mx.
                    # "keep": its MX is managed elsewhere and left alone. "null": takes no mail at all (RFC 7505).
                    "mx": "hosts",
                    # How an SPF record we create ends; one that is there already keeps its own ending.
                    "spf_all": "~all",
                    # Publish the addresses at this name, and only include it in the domain's record. For many domains
                    # with the same hosts, or where the record may be edited once only.
                    # "spf_include": "_spf.example.com",
                    "dmarc": {
                        # none, then quarantine, then reject: raise it when the reports show only your own mail failing.
                        "policy": "none",
                        # For subdomains, and for those that do not exist; None: as the policy above.
                        "subdomain_policy": None,
                        "nonexistent_policy": None,
                        # True: receivers go one step lower than the policy says, and report as if they did not.
                        "test": False,
                        "aggregate_reports": ["dmarc@example.com"],
                        "failure_reports": [],
                        # True: From must be the very domain that SPF or DKIM proves, not a relative.
                        "strict": False,
                    },
                    # MTA-STS: senders must find TLS at the MX hosts. "testing", then "enforce"; "none" to withdraw it.
                    # policy_host "hosts": the domain's MX hosts serve the policy themselves, over HTTPS; their certificates
                    # must be for mta-sts.DOMAIN too, unless that name has one of its own. A web server of yours may be
                    # named instead, which has to serve what `show policies` prints; leave it out if that name is managed
                    # elsewhere. Its MX hosts are the domain's own unless said here. max_age is in seconds.
                    # "mta_sts": {
                    #     "mode": "testing",
                    #     "policy_host": "hosts",
                    #     "certificate": {"certificate": "../secrets/mta-sts.crt", "key": "../secrets/mta-sts.key"},
                    #     "mx": ["mx1.example.com"],
                    #     "max_age": 604800,
                    # },
                    # Where senders report trouble with TLS: mail addresses and https URLs.
                    # "tls_reports": ["tls@example.com"],
                    # A logo beside the mail; needs a policy of quarantine or reject, and mostly a certificate.
                    # "bimi": {
                    #     "logo": "https://www.example.com/logo.svg", "certificate": "https://www.example.com/mark.pem",
                    #     "selector": "default",
                    # },
                    # The domain's owner leads its mail records to a zone of yours by CNAME, once; `show` names the
                    # CNAMEs. Its own zone is then not needed here, and "mx" must be "keep".
                    # "delegated": {
                    #     "to": "customer.mail.example.com",  # a name in your zone, of this domain alone
                    #     "selectors": ["pw1", "pw2"],  # DKIM keys take turns in them
                    #     "dmarc": True,  # False: its owner keeps the policy
                    #     "return_path": "bounce",  # bounces go to bounce.DOMAIN; None: the owner sees to them
                    # },
                    # Mail to the domain: local part → where it goes; "*" is everything else. postmaster and abuse
                    # go to the fleet's postmaster unless named here. A mailbox may be named too.
                    "aliases": {"dmarc": "ops@example.net"},
                    # A budget of the whole domain at providers that count by domain too; its hosts share it.
                    # "warmup": {"plan": "conservative", "start": "2026-11-22", "providers": ["google"]},
                },
            ],
            # Domains that send and take no mail, and say so.
            # "parked": ["example.org"],
            # Zones that hold the names above, each with the provider that publishes it. A reverse zone is named only
            # if you hold it; else your hoster sets the PTR, and `show` tells you what to ask for.
            "zones": [
                {"name": "example.com", "provider": "ns1", "ttl": 3600},
                {"name": "2.0.192.in-addr.arpa", "provider": "ns1"},
                # At Cloudflare the zone's id may be named: then the token needs no right to list zones.
                # {"name": "example.org", "provider": "cf", "zone_id": "0123456789abcdef0123456789abcdef"},
                # Servers to ask what is published, where the zone's NS records cannot be resolved from here.
                # {"name": "example.org", "provider": "hand", "servers": ["192.0.2.53", "192.0.2.54@5353"]},
            ],
            "providers": {
                "ns1": {
                    # A name server that takes RFC 2136 updates signed with TSIG: BIND, Knot, PowerDNS.
                    "kind": "rfc2136",
                    "server": "192.0.2.53",
                    "port": 53,
                    "key_name": "postwright",
                    "algorithm": "hmac-sha256",
                    "secret": {"file": "../secrets/tsig"},
                    "timeout": 5.0,
                },
                # Cloudflare, with an API token of the template "Edit zone DNS". Free plans take 200 changes in a batch;
                # requests are per five minutes.
                # "cf": {
                #     "kind": "cloudflare", "token": {"file": "../secrets/cloudflare"}, "batch": 200, "requests": 1100,
                #     "api": "https://api.cloudflare.com/client/v4", "timeout": 30.0,
                # },
                # Any other provider that octoDNS has a class for (pip install 'postwright[octodns]' and that class's
                # package). options and secret_options are its arguments; whole_zone allows a class that rewrites zones.
                # "route53": {
                #     "kind": "octodns",
                #     "plugin": "octodns_route53.Route53Provider",
                #     "options": {"access_key_id": "AKIA…"},
                #     "secret_options": {"secret_access_key": {"file": "../secrets/route53"}},
                #     "whole_zone": False,
                # },
                # No API at all: what is due is written to files here, for a person to paste.
                # "hand": {"kind": "zonefile", "directory": "../to-paste"},
            },
            # The DKIM keyring: encrypted PKCS#8 files, fit to be committed. The passphrase is not.
            "keys": {
                "directory": "../keys",
                "passphrase": {"file": "../secrets/passphrase"},
                "bits": 2048,  # or 3072, 4096; more than a key has makes the next apply replace it
                # How long a key signs; every apply moves keys by the steps that are due. None: until `keys rotate`.
                "rotate_every": "90d",
                # An old key stays in DNS for policies.queue_lifetime and this, at least 1d, and as long as a queue holds
                # mail it signed.
                "retire_margin": "2d",
                # Then it is revoked (an empty p=) for this long, at least 30d, before its record goes.
                "keep_revoked": "30d",
                # Names of selectors: {date} is 20261122 and must be in it; {serial} counts from 1; {host} with per_host.
                "selector": "pw{date}",
                # Each host has keys of its own: one that is broken into does not give away those of the others.
                "per_host": False,
                # "rsa+ed25519" signs every message twice; the second signer costs throughput. See docs/keys.md.
                "algorithm": "rsa",
            },
            # Who may log in to submit mail, and as whom they may send ("@domain" is every address of it). The file
            # holds a hash, made with: openssl passwd -6
            "logins": [
                {
                    "login": "app@example.com",
                    "password_hash": "../secrets/app.hash",
                    "senders": ["@example.com"],
                },
            ],
            # More logins in a file that `postwright users add` makes and that is fit for Git: in clear but for the password
            # hashes. What stands in comments may be said of a login in either place. See docs/users.md.
            # "users": "../users.json",
            # What each login may send through one host. {"messages_per_hour": 100} in "limits" of a login counts for it
            # alone, "unlimited" too. "failure": what becomes of mail that nobody can count, "pass" or "defer".
            # "user_limits": {
            #     "messages_per_hour": 200,
            #     "messages_per_day": 2000,
            #     "recipients_per_hour": 1000,
            #     "recipients_per_day": 10000,
            #     "failure": "pass",
            # },
            # What of a message's From header must be the login's own: its "domain", the whole "address", or nothing ("any").
            # "from_header": "domain",
            # In a login:
            #   "limits": {"messages_per_hour": 100}, ...
            #   "networks": ["192.0.2.0/24"], the only ones it may log in from
            #   "certificates": ["AB:CD:..."], SHA-256 fingerprints of clients that need no password
            #   "state": "suspended", may not log in for now
            # The validating resolver on each host asks the Internet from the root, unless forwarders are named.
            "resolver": {"forward_to": [], "trust_anchors": []},
            "firewall": {
                # The ports sshd listens on. Behind a port forwarding they are not pyinfra's ssh_port.
                "ssh_ports": [22],
                # Empty: SSH from everywhere. Name networks to narrow it; a lock-out is undone by the host itself.
                "ssh_from": [],
                "extra_tcp": [],
                # Nobody but Postfix connects to port 25 of others, root and containers included.
                "egress": True,
                # A table of sets to put bans into, which stays when the rules change.
                "bans": True,
            },
            # Addresses that fail to log in are banned, where SSH or submission is open to everybody; None: never.
            # Never banned: firewall.ssh_from, trusted_networks, the fleet's hosts, and those who logged in by SSH within an
            # hour. See docs/firewall.md.
            "fail2ban": {
                "ssh_failures": 5,
                "login_failures": 10,  # of submission, and of IMAP and POP3
                "within": "10m",
                "ban": "1h",  # the first; each further one is twice as long, up to
                "longest": "1w",
                "ignore": [],  # more networks that are never banned
            },
            # How hosts are locked down. All of this is the default; False switches a part off. See docs/hardening.md.
            "hardening": {
                # Keys only. "totp" (a code) or "fido2" (a key in a token) is then asked of all logins but that of ssh_user
                # above and of those of key_only, who may come from firewall.ssh_from alone.
                "ssh": {"second_factor": None, "key_only": []},
                # Debian's security updates, each day; a reboot, if one is due, never, or at a time such as "04:30".
                "upgrades": {"reboot_at": None},
                # Kernel settings; "leave" names those to leave as they are.
                "sysctl": {"leave": []},
                # How long the log is kept, which holds addresses of people.
                "journal": {"max_days": 30, "max_size": "1G"},
                # What the mail services may see and do.
                "sandbox": True,
                # Changes of keys, configuration and users are logged; Debian's AppArmor profiles are enforced.
                "audit": True,
                "apparmor": True,
            },
            # A tunnel (WireGuard) from operators' machines to the hosts; `postwright show management` prints what to set up
            # there. See docs/firewall.md before you say "only".
            # "management": {
            #     "network": "10.99.0.0/24",
            #     "port": 51820,  # UDP
            #     # Each machine with its public key (wg genkey | tee wg.key | wg pubkey) and its address.
            #     "operators": {"alice": {"public_key": "6uPRTAsD8Sn0W4dHmvpHHmgDjRMiNYWKhwKMEyBH2Uc=", "address": "10.99.0.201"}},
            #     "only": False,  # True: SSH and pacing.metrics by the tunnel alone
            # },
            "policies": {
                "message_size": 26214400,  # octets
                "queue_lifetime": "5d",
                "bounce_lifetime": "5d",
                "time_servers": ["2.debian.pool.ntp.org"],
            },
            # The message `verify` submits, as whom and to whom. Leave out to skip that check.
            "probe": {
                "login": "app@example.com",
                "password": {"file": "../secrets/app.password"},
                "sender": "probe@example.com",
                "recipient": "ops@example.net",
            },
            # How hosts pace what they send. This key alone, as {}, already paces: all addresses are warm then, and only
            # the providers' own limits hold. Without it, and without a warmup anywhere, nothing is paced.
            # "pacing": {
            #     # Plans of your own, beside "conservative", "hourly" and "staged": messages to each provider, stage by
            #     # stage. A stage is left after a sending day that went well.
            #     "plans": {
            #         "slow": {
            #             "unit": "day",  # or "hour"
            #             "stages": [50, 100, 200, 400, 800],
            #             "hour_share": 0.2,  # of a day's number, in one hour
            #             "after": "warm",  # then no limit; "stay": the last stage for ever
            #             "idle_days": 30,  # after more days without mail back to
            #             "idle_stage": 0,  # the first stage
            #             "overrides": {"microsoft365": 0.5, "yahoo": [20, 40, 80]},  # a factor, or stages of its own
            #         },
            #     },
            #     # Receivers, told apart by the names of their MX hosts. The usual ones are known (google, microsoft365,
            #     # outlook, yahoo, apple, proofpoint, mimecast); name one to change a number, to use another known one
            #     # ({}), or to add one. "other" are all the rest, "unknown" those whose MX cannot be found.
            #     "providers": {
            #         "google": {"connections": 3, "messages_per_connection": 50, "per_minute": 600},  # from each address
            #         "gmx": {},
            #         "bigcorp": {"suffixes": ["mail.bigcorp.example"]},
            #     },
            #     # Mail that belongs together, known by sender, by login, or by a header; the first that fits counts. When its
            #     # budget is used up: "wait", "bypass" (leaves all the same), "overflow" (leaves by the relay), "fallback".
            #     "streams": {
            #         "receipts": {"senders": ["receipts@example.com"], "when_full": "bypass"},
            #         "app": {"users": ["app@example.com"], "when_full": "overflow", "after": "15m"},  # held that long first
            #         # Leaves from the addresses of a pool; from those of "fallback" where none of them can take mail, and
            #         # with "when_full": "fallback" also where they have no budget.
            #         "news": {"headers": {"X-Stream": "news"}, "pool": "marketing", "fallback": ["default"]},
            #         # Always leaves by a relay, never from our addresses. "overflow" may name one too: "relay": "esp".
            #         "bulk": {"senders": ["bulk@example.com"], "via": "esp"},
            #     },
            #     # Further relays, by name.
            #     "relays": {"esp": {"server": "smtp2.esp.example", "login": "us", "password": {"file": "../secrets/esp"}}},
            #     # A mail service that takes what overflows. "secure": TLS, and its certificate is verified; "encrypt", "may".
            #     "relay": {
            #         "server": "smtp.esp.example", "port": 587, "tls": "secure",
            #         "login": "apikey", "password": {"file": "../secrets/relay"},
            #     },
            #     # New mail while the agent does not answer: "hold" it, "refuse" it for now, or let it "pass" unpaced.
            #     "failure": "hold",
            #     # Messages per address and provider that may be under way at once; others wait on hold.
            #     "outstanding": 500,
            #     # How a sending day is judged, as shares of its mail: to leave a stage, "used" and "delivered" at least,
            #     # "bounced", "throttled" and "complaints" at most; from the two "back_" ones on it goes one stage back.
            #     # With fewer messages than "sample" nothing is judged.
            #     "thresholds": {
            #         "used": 0.9, "delivered": 0.9, "bounced": 0.03, "throttled": 0.05, "complaints": 0.001,
            #         "back_bounced": 0.05, "back_complaints": 0.003, "sample": 50,
            #     },
            #     # Counters for Prometheus. Another machine reaches them only if firewall.extra_tcp opens the port.
            #     "metrics": {"address": "127.0.0.1", "port": 9725},
            # },
            # How an apply goes through several hosts: one first ("canary"), proven by a signed message, then the others,
            # "batch" at a time; False: all at once. "generations": states a host keeps, for `postwright rollback`.
            "rollout": {"canary": True, "batch": 5, "generations": 5},
            # How mail is protected on its way to others; see docs/transport.md.
            "outbound_tls": {
                # Do as receivers' MTA-STS policies say. Leave out, or False: only DANE is looked up, and no daemon is needed.
                "mta_sts": True,
                # For receivers that publish neither: "dane" encrypts if they can; "encrypt" keeps mail back if they cannot.
                "level": "dane",
                # What a receiver must show before it gets mail, whatever it publishes; ".name" is all names below one.
                # Levels: "encrypt", "dane-only", "secure", "verify", "fingerprint".
                "policies": {
                    # "clinic.example": {"level": "secure", "match": ["mx.clinic.example", ".protection.outlook.com"]},
                    # ".clinic.example": {"level": "encrypt"},
                    # "lab.example": {"level": "fingerprint", "fingerprints": ["50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c"]},
                },
            },
            # Who may issue certificates for the hosts' names (CAA), besides those that may already.
            # "certificate_authorities": ["letsencrypt.org"],
            # Who issues certificates for hosts with "tls": "acme"; they renew them by themselves. See docs/tls.md.
            # "acme": {
            #     "contact": "ops@example.net",  # for the account
            #     "directory": "https://acme-v02.api.letsencrypt.org/directory",
            #     "staging": "https://acme-staging-v02.api.letsencrypt.org/directory",  # tried first; None: not
            #     "challenge": "http-01",  # needs port 80 from everywhere; "dns-01" does not, but needs a provider
            #     "provider": None,  # one of kind rfc2136; its secret goes to the hosts: let it do _acme-challenge only
            #     "renew_before": "30d",
            #     "authority": None,  # a PEM file: the CA of a private ACME server
            # },
            # Publish the certificates of hosts that take mail, where their zone is signed (TLSA, for DANE).
            "tlsa": True,
            # Marks records as yours at providers that keep comments. Differs between projects that share a zone.
            "deployment": "main",
            # What we wrote to DNS last: a reviewed file per zone. Commit it.
            "ledger": "../dns-ledger",
            # Further certificate authorities that `verify` trusts, as PEM; for hosts with certificates of your own CA.
            "tls_authorities": None,
        },
    },
)
