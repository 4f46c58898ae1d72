"""Every message leaves from an address of its stream's pool, with that address's name, whatever happens meanwhile; or by its relay.

What is asserted is what the receivers saw. Each test goes on where the one before ended.
"""

import threading
import time
from itertools import count

import pytest
from paced import AGENT, POSTFIX
from pools import RELAY_LOGIN, RELAY_PASSWORD, RELAY_PORT, SIX, USER, Pooled, PoolProviders, StreamPost
from posting import missing

pytestmark = pytest.mark.lab

LAB, HOST = "lab6", "mx3"
GOOGLE, YAHOO = "workspace-customer.test", "yahoo-user.test"
EACH = 60  # letters of each stream in a test under load, at least
IN_FLIGHT = 5  # messages on their way, at least, whenever something befalls the host
SOCKET = AGENT.replace(".service", ".socket")
BY_HEADER = {"tagged": {"headers": {"X-Stream": "Marketing"}, "pool": "marketing"}}
MARKETING, DEFAULT = ("promo", "crm", "tagged"), ("plain", "almost")


@pytest.fixture(scope="module")
def streams(operator):
    """What the inventory says of streams; no header in it."""
    secret = operator.folder / "relay.secret"
    secret.write_text(RELAY_PASSWORD)
    secret.chmod(0o600)
    providers = PoolProviders(operator.lab)
    relay = {"server": providers.relay, "port": RELAY_PORT, "tls": "encrypt", "login": RELAY_LOGIN}
    return {
        "streams": {
            "promo": {"senders": ["promo@shop.test"], "pool": "marketing", "fallback": ["default"]},
            "crm": {"users": [USER], "pool": "marketing"},
            "bulk": {"senders": ["bulk@shop.test"], "via": "esp"},
        },
        "relays": {"esp": {**relay, "password": {"file": str(secret)}}},
    }


@pytest.fixture(scope="module")
def host(operator, streams):
    providers = PoolProviders(operator.lab).start()
    made = Pooled(operator, providers, StreamPost(operator.lab, operator.host)).prepare()
    made.apply_said = lambda name, said, without=(): made.project(name, said, without).json(
        "apply", "--yes", "--no-verify"
    )
    made.apply_said("pools", streams)
    yield made
    made.post.hang_up()


def posts(host):
    lab, name = host.operator.lab, host.operator.host
    return {
        "promo": StreamPost(lab, name, sender="promo@shop.test"),
        "crm": StreamPost(lab, name, login=USER),
        "plain": StreamPost(lab, name),
        "tagged": StreamPost(lab, name, header="x-stream: Marketing"),
        "almost": StreamPost(lab, name, header="X-Stream: marketing"),
        "bulk": StreamPost(lab, name, sender="bulk@shop.test"),
    }


def send(post, number, ended=None):
    """Letters to one recipient, and to several at once; so many, and on until it has ``ended``."""
    for at in count():
        if at >= number and (ended is None or ended.is_set()):
            return
        if at % 3:
            post.send((GOOGLE, SIX)[at % 2])
        else:
            post.send(GOOGLE, recipients=(f"a{at}@{GOOGLE}", f"b{at}@{GOOGLE}", f"c{at}@{YAHOO}", f"d{at}@{SIX}"))


def under_load(host, names, events):
    """Send by all at once while these things happen, each while messages are on their way; the posts, and the attempts since."""
    since, made, ended = len(host.providers.attempts()), {name: posts(host)[name] for name in names}, threading.Event()
    threads = [threading.Thread(target=send, args=(post, EACH, ended)) for post in made.values()]
    host.providers.behave("google", delay=0.3)
    try:
        for thread in threads:
            thread.start()
        for event in events:
            wait_until(lambda: on_their_way(host) >= IN_FLIGHT, 60)
            event()
        wait_until(lambda: on_their_way(host) >= IN_FLIGHT, 60)
    finally:
        ended.set()
        host.providers.behave("google")
    for thread in threads:
        thread.join()
    letters = [letter for post in made.values() for letter in post.letters]
    # Or what was held without the agent is looked for within a minute, and what Postfix put off is tried in five.
    host.operator.on_host(f"systemctl restart {AGENT}; postqueue -f")
    wait_until(lambda: not missing(letters, host.providers.attempts()), 120)
    return made, host.providers.attempts()[since:]


def on_their_way(host):
    queued = host.queued()
    return queued.total() - queued["hold"]


def seen(host, made, attempts):
    """The pools by which the letters of each post came, and whether all came."""
    of = {letter.token: name for name, post in made.items() for letter in post.letters}
    found = {name: set() for name in made}
    for attempt in attempts:
        found[of[attempt["token"]]].add(host.pool_of(attempt))
    lost = [it for post in made.values() for it in missing(post.letters, attempts)]
    return found, lost


def disasters(host):
    def without_agent():
        host.operator.on_host(f"systemctl stop {SOCKET} {AGENT}")
        time.sleep(1)
        host.operator.on_host(f"systemctl start {SOCKET} {AGENT}")

    return host.kill_agent, lambda: host.operator.on_host(f"systemctl restart {POSTFIX}"), without_agent


def test_under_load_and_through_crashes_mail_by_sender_and_login_leaves_from_its_pool_alone(host):
    made, attempts = under_load(host, ("promo", "crm", "plain"), disasters(host))

    assert seen(host, made, attempts) == ({"promo": {"marketing"}, "crm": {"marketing"}, "plain": {"default"}}, [])
    assert {it["client"] for it in attempts} == {*host.default, *host.marketing}


def test_an_address_that_leaves_its_interface_is_replaced_at_once_and_comes_back_by_itself(host, streams):
    first, second, _ = host.marketing
    clients, told = [], []
    for gone, back in (((first,), ()), ((second,), ()), ((), (first, second))):
        for ip in gone:
            host.remove(ip)
        for ip in back:
            host.add(ip)
        wait_until(lambda: absent(host) == {it for it in (first, second) if not on_host(host, it)})
        since = len(host.providers.attempts())
        letters = posts(host)["promo"].send(GOOGLE, 6)
        wait_until(lambda letters=letters: not missing(letters, host.providers.attempts()), 60)
        clients.append({it["client"] for it in host.providers.attempts()[since:]})
        told.append(host.project("pools", streams).json("verify", "-k", "each_", check=False))

    assert clients[:2] == [{second}, {host.default[0]}]
    assert clients[2] <= {first, second}
    assert [it["failed"] for it in told] == [1, 1, 0]
    assert [it["reason"] for it in told[0]["checks"] if it["outcome"] == "failed"] == [
        f"{first}: Cannot assign requested address"
    ]
    assert told[2]["all_ok"], told[2]


def absent(host):
    return {it["address"] for it in host.ask(do="status")["lanes"] if it["mode"] == "absent"}


def on_host(host, ip):
    return f" {ip}/" in host.operator.on_host("ip address show dev eth0").stdout


def wait_until(true, timeout=15):
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_stream_that_has_a_relay_leaves_by_it_alone_and_logs_in_there(host):
    since, made = len(host.providers.attempts()), {"bulk": posts(host)["bulk"]}
    send(made["bulk"], 6)
    host.wait_until_tried()
    attempts = host.providers.attempts()[since:]

    assert missing(made["bulk"].letters, attempts) == []
    assert {(it["provider"], it["taken"]) for it in attempts} == {("relay", True)}


def test_mail_held_or_deferred_at_an_address_that_is_removed_leaves_from_another_of_its_pool(host, streams):
    for address in host.marketing[:2]:
        host.ask(do="pause", address=address, provider="google", reason="", until=None)
    since, crm = len(host.providers.attempts()), posts(host)["crm"]
    crm.send(GOOGLE, 20)
    host.providers.behave("yahoo", per_minute=0, at="rcpt", texts=["450 4.2.1 The user is receiving mail too quickly"])
    crm.send(YAHOO, 10)
    host.wait_until_told()
    held = host.queued()
    host.apply_said("without", streams, without=(host.marketing[0],))
    host.providers.behave("yahoo")
    host.ask(do="resume", address=host.marketing[1], provider="google", reason="", until=None)
    host.operator.on_host("postqueue -f")
    wait_until(lambda: not missing(crm.letters, host.providers.attempts()), 60)
    attempts = [it for it in host.providers.attempts()[since:] if it["taken"]]

    assert (held["hold"], held["deferred"]) == (20, 10)
    assert missing(crm.letters, attempts) == []
    assert {it["client"] for it in attempts} == {host.marketing[1]}


def test_with_streams_known_by_a_header_every_message_still_leaves_from_its_pool(host, streams):
    both = streams | {"streams": {**streams["streams"], **BY_HEADER}}
    host.apply_said("headers", both)
    second = host.apply_said("headers", both)
    made, attempts = under_load(host, (*MARKETING, *DEFAULT), disasters(host))

    assert second["changed"] is False, second
    assert seen(host, made, attempts) == (
        {**{name: {"marketing"} for name in MARKETING}, **{name: {"default"} for name in DEFAULT}},
        [],
    )


def test_a_host_of_sixteen_addresses_sends_from_each_and_from_no_other_pool_s(host, streams):
    for ip in host.sixteen:
        host.add(ip)
    host.project("sixteen", streams, marketing=host.sixteen).run("apply", "--yes", "--no-verify")
    host.ask(do="resume", address=host.marketing[0], provider="google", reason="", until=None)  # paused further up
    made, attempts = under_load(host, ("promo", "crm", "plain"), ())

    assert len({*host.default, *host.sixteen}) == 16
    assert seen(host, made, attempts) == ({"promo": {"marketing"}, "crm": {"marketing"}, "plain": {"default"}}, [])
    assert {it["client"] for it in attempts} == {*host.default, *host.sixteen}
