"""Streams, pools and relays that could not work as the inventory says are refused at once, each with its place and what to do."""

import pytest
from support import another_host, host_data, mail_fleet, mail_host, problems, sound_project

from postwright import gates, material

LOGIN = {"login": "app", "password_hash": "app.hash", "senders": ["@example.com"]}
ESP = {"esp": {"server": "smtp.esp.example"}}
OWN = {"ip": "192.0.2.10", "helo": "mx1.example.com"}
NEWS = {"ip": "192.0.2.11", "helo": "news.example.com", "pool": "news"}


def of(tmp_path, *streams, addresses=(OWN, NEWS), others=(), **pacing):
    """What is wrong with a fleet of these streams, called a, b, …"""
    said = {"streams": {chr(97 + at): {"users": ["app"], **it} for at, it in enumerate(streams)}, **pacing}
    fleet = mail_fleet(pacing=said, logins=[LOGIN])
    hosts = [another_host(name, fleet, addresses=[(f"192.0.2.{20 + at}", f"{name}.example.com")]) for at, name in enumerate(others)]  # fmt: skip
    return problems(tmp_path, host_data(host=mail_host(addresses=list(addresses)), fleet=fleet), *hosts)


def test_streams_may_have_pools_fallbacks_headers_and_relays(tmp_path):
    found = of(
        tmp_path,
        {"pool": "news", "fallback": ["default"], "when_full": "fallback", "after": "1h"},
        {"users": [], "headers": {"X-Stream": "b", "List-Id": "<b.example.com>"}, "via": "esp"},
        {"users": [], "senders": ["c@example.com"], "when_full": "overflow", "relay": "esp"},
        relays=ESP,
    )
    assert found == []


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        ({"pool": "letters"}, "streams.a.pool: no address is of pool 'letters' (there is: default, news); mend the name"),
        ({"fallback": ["letters"]}, "streams.a.fallback: no address is of pool 'letters'"),
        ({"pool": "news", "fallback": ["default", "news"]}, "streams.a: comes back to pool news in fallback; name each pool once"),
        ({"when_full": "fallback"}, 'streams.a: "when_full": "fallback" needs pools in fallback'),
        ({"via": "esp", "pool": "news"}, "streams.a: leaves by a relay (via), so pool would mean nothing"),
        ({"via": "smtp"}, "streams.a.via: no relay 'smtp' (there is: esp); mend the name, or add it to mail_fleet.pacing.relays"),
        ({"when_full": "overflow", "relay": "smtp"}, "streams.a.relay: no relay 'smtp' (there is: esp)"),
        ({"relay": "esp"}, 'streams.a: names a relay, which only "when_full": "overflow" uses'),
        ({"headers": {"Subject": "news"}}, "'Subject' is not the name of a header of your own, such as X-Stream"),
        ({"headers": {"X-Mailer": "news"}}, "'X-Mailer' is not the name of a header of your own"),
        ({"headers": {"X-Stream": "two\nlines"}}, "streams.a.headers.X-Stream: "),
    ],
)  # fmt: skip
def test_a_stream_that_cannot_be_is_refused_with_its_key_path(tmp_path, stream, problem):
    (found,) = of(tmp_path, stream, relays=ESP)
    assert problem in found


def test_two_streams_cannot_be_known_by_one_header_however_its_name_is_written(tmp_path):
    (found,) = of(tmp_path, {"users": [], "headers": {"X-Stream": "a"}}, {"users": [], "headers": {"x-stream": "a"}})
    assert "streams.b.headers: x-stream: a is of stream a already" in found


def test_each_host_that_takes_in_a_streams_mail_needs_an_address_for_it(tmp_path):
    (found,) = of(tmp_path, {"pool": "news"}, others=["mx2"])
    assert "streams.a: host mx2 takes in its mail, and has no address of news: it could never leave" in found
    assert of(tmp_path, {"pool": "news", "fallback": ["default"]}, others=["mx2"]) == []


def test_mail_of_no_stream_needs_an_address_on_every_host(tmp_path):
    (found,) = of(tmp_path, {"pool": "news"}, addresses=[NEWS | {"helo": "mx1.example.com"}])
    assert found.startswith("host mx1: mail_host.addresses: none is of pool default")


@pytest.mark.parametrize("stream", [{"pool": "news"}, {"via": "esp"}])
def test_mail_must_not_pass_by_a_wrong_address_while_the_agent_is_away(tmp_path, stream):
    (found,) = of(tmp_path, stream, relays=ESP, failure="pass")
    assert found.startswith(
        'mail_fleet.pacing.failure: "pass" lets mail leave from any address while the agent is away'
    )


def test_a_pool_means_nothing_where_nothing_is_paced(tmp_path):
    (found,) = problems(tmp_path, host_data(host=mail_host(addresses=[OWN, NEWS])))
    assert found.startswith("host mx1: mail_host.addresses[1].pool: nothing of this host is paced")


def test_a_host_has_at_most_sixteen_addresses(tmp_path):
    many = [{"ip": f"192.0.2.{10 + at}", "helo": "mx1.example.com"} for at in range(17)]
    assert problems(tmp_path, host_data(host=mail_host(addresses=many[:16]))) == []
    (found,) = problems(tmp_path, host_data(host=mail_host(addresses=many)))
    assert "mail_host.addresses: 17 addresses; 16 are the most" in found


def test_streams_whose_gates_would_be_one_are_told_apart_or_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(gates, "address", lambda _name: "127.99.9.9")
    (found,) = of(tmp_path, {}, {"users": [], "senders": ["b@example.com"]})
    assert "streams.b: its gate would be that of a (127.99.9.9, made of the name); call it otherwise" in found


def test_a_relay_may_not_take_the_name_of_the_key_beside(tmp_path):
    (found,) = of(tmp_path, relays={"relay": ESP["esp"]})
    assert "relays: relay: is the name of the key beside" in found


def test_without_pacing_it_is_noted_which_addresses_nothing_leaves_from(tmp_path):
    second = OWN | {"ip": "192.0.2.12"}
    notes = material.notes(sound_project(tmp_path, host_data(host=mail_host(addresses=[OWN, second]))))
    assert "host mx1: nothing leaves from 192.0.2.12: without mail_fleet.pacing only the first address of each IP version sends" in notes  # fmt: skip

    paced = host_data(host=mail_host(addresses=[OWN, second]), fleet=mail_fleet(pacing={}))
    assert not any("nothing leaves" in note for note in material.notes(sound_project(tmp_path, paced)))
