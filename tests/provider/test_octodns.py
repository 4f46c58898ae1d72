"""octoDNS behind its fence, against the real octodns-powerdns and a real PowerDNS.

octoDNS is made for zones it owns whole. Each test is a way in which it would have harmed somebody: zones made of typos,
values rewritten, more changed than was asked for. What it does well is shown by the contract; here it is stopped.
"""

import sys
from pathlib import Path

import pytest
import requests

from postwright.dns import publish
from postwright.dns.plan import Change
from postwright.dns.providers import ZoneMoved, provider_of
from postwright.dns.providers.octodns import plugins as octodns_plugins
from postwright.dns.show import lines
from postwright.errors import ProviderError, UnsafePlan, UsageError
from postwright.model import SecretSource

pytestmark = pytest.mark.backends("octodns")
OURS = '"v=spf1 ip4:192.0.2.1 ~all"'


@pytest.fixture
def plugins(monkeypatch):
    """The misbehaving ones."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    yield "octodns_for_tests"
    sys.modules.pop("octodns_for_tests", None)


def api(world, method, path, data=None):
    """PowerDNS's own word on it."""
    server = world.backend.server
    url = f"http://127.0.0.1:{server.api_port}/api/v1/servers/localhost/{path}"
    return requests.request(method, url, json=data, headers={"X-API-Key": server.api_key}, timeout=10)


def patch(world, name, rdtype, **rrset):
    data = {"rrsets": [{"name": f"{name}.", "type": rdtype, "changetype": "REPLACE", "ttl": 777} | rrset]}
    assert api(world, "PATCH", f"zones/{world.zone}.", data).status_code == 204


def opened(world, **provider):
    return world.opened(world.fleet(provider=world.provider(**provider)))


# --- 1. The zone --------------------------------------------------------------------------------------------------------


def test_a_typo_in_a_zones_name_never_makes_a_zone(world):
    """Its apply would have created it, and the plan would have looked like a fresh zone's."""
    before = {zone["name"] for zone in api(world, "GET", "zones").json()}
    fleet = world.fleet(zones=[world.zone, "typo.example"])
    with pytest.raises(ProviderError, match=r"zone typo.example at .*no such zone; create it there, or mend its name"):
        world.plan(fleet)
    with pytest.raises(ProviderError, match="no such zone"):
        world.opened().apply("typo.example", [Change("typo.example", "TXT", None, (), 300, (OURS,))])
    assert {zone["name"] for zone in api(world, "GET", "zones").json()} == before


def test_a_plugin_that_cannot_tell_whether_a_zone_exists_is_not_believed(world, plugins):
    """octodns-bind always says yes; others say nothing at all."""
    with pytest.raises(ProviderError, match="no such zone"):
        opened(world, plugin=f"{plugins}.Trusting").read(world.zone, [(world.zone, "MX")])


def test_an_idn_zone_is_read_and_written(world):
    zone = "xn--bcher-kva.example"
    made = {"name": f"{zone}.", "kind": "Native", "nameservers": [f"ns1.{world.zone}."]}
    assert api(world, "POST", "zones", made).status_code == 201
    provider = world.opened()
    provider.apply(zone, [Change(f"_dmarc.{zone}", "TXT", None, (), 300, ('"v=DMARC1; p=none"',))])
    (found,) = provider.read(zone, [(f"_dmarc.{zone}", "TXT")])
    assert (found.values, found.ttl, found.locked) == (('"v=DMARC1; p=none"',), 300, "")
    assert world.backend.outsider(zone).strings(f"_dmarc.{zone}") == {(b"v=DMARC1; p=none",)}


# --- 2. Values it would not write back as they are ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        (b"back\\slash",),
        (b'a "quoted" word',),
        (b'a" "b',),
        (b"part one ", b"part two"),
        (b"", b"behind an empty string"),
        (b"\xff\xfe\x00 no text",),
        ("grüße".encode(),),
        (b"x" * 100, b"y" * 200),
        (b"v=spf1 include:one.example", b".net -all"),
    ],
    ids=["backslash", "quotes", "cut-like", "strings", "empty-string", "bytes", "utf-8", "odd-cut", "spf"],
)
def test_a_value_it_would_rewrite_locks_its_name_and_no_other(world, value):
    """It rewrote them whenever ours beside them changed. The cut of strings it forgets while it reads: only DNS tells."""
    world.outsider.txt(world.zone, value, (b"google-site-verification=abc",))
    plan = world.plan(world.fleet())
    assert [(it.name, it.type) for it in plan.conflicts] == [(world.zone, "TXT")]
    assert "by hand" in plan.conflicts[0].reason
    with pytest.raises(UnsafePlan, match="nothing was written"):
        world.additive(plan, world.fleet())
    assert world.outsider.strings(world.zone) == {value, (b"google-site-verification=abc",)}
    assert not world.outsider.values(world.zone, "MX")


@pytest.mark.parametrize(
    "value",
    [
        (b"google-site-verification=abc",),
        (b"v=spf1 include:_spf.example.net -all",),
        (b"k=v; w=x;y;;z",),
        (b"",),
        (b"x" * 255, b"y" * 100),
        (b" blanks  around ",),
    ],
    ids=["verification", "spf", "semicolons", "empty", "long", "blanks"],
)
def test_an_ordinary_value_stays_as_it_is(world, value):
    """Else the fence would leave nothing to use it for."""
    world.outsider.txt(world.zone, value)
    world.apply(world.fleet())
    world.apply(world.fleet(numbers=(1, 2)))
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert world.outsider.strings(world.zone) == {value}
    assert world.outsider.ttl(world.zone, "TXT") == 777


def test_a_disabled_value_locks_its_name(world):
    """The plugin shows it as one that is published, and would publish it."""
    texts = [{"content": '"off"', "disabled": True}, {"content": '"on"', "disabled": False}]
    patch(world, world.zone, "TXT", records=texts)
    (conflict,) = world.plan(world.fleet()).conflicts
    assert 'answers "on"' in conflict.reason
    assert "no server of the zone confirms it" in conflict.reason


def test_what_no_server_confirms_is_locked(world):
    """Unknown is not fine. A name that has nothing yet needs nobody's word."""
    world.outsider.txt(world.zone, (b"google-site-verification=abc",))
    fleet = world.fleet()
    nowhere = fleet.zones[0].model_copy(update={"servers": ("127.0.0.1@9",)})
    (conflict,) = world.plan(fleet.model_copy(update={"zones": (nowhere,)})).conflicts
    assert conflict.name == world.zone
    assert "127.0.0.1@9 cannot be asked" in conflict.reason


def test_a_record_that_only_answers_with_addresses_is_locked(world):
    """ALIAS: an address beside it would be a second answer."""
    patch(world, f"mail1.{world.zone}", "ALIAS", records=[{"content": "www.example.net.", "disabled": False}])
    (conflict,) = world.plan(world.fleet()).conflicts
    assert (conflict.name, conflict.type) == (f"mail1.{world.zone}", "A")
    assert "type ALIAS" in conflict.reason


def test_one_value_that_is_not_utf_8_is_named_where_it_blocks_the_whole_zone(world, plugins):
    """octoDNS's own reader gives up on all of the zone and says not even where."""
    options = {"plugin": f"{plugins}.Transfer", "dns_port": world.backend.place.port}
    assert opened(world, **options).read(world.zone, [(world.zone, "TXT")]) == ()
    world.outsider.txt(f"odd.{world.zone}", (b"\xff\xfe",))
    with pytest.raises(
        ProviderError, match=rf"cannot be managed through octoDNS because of the TXT RRset at odd.{world.zone}"
    ):
        opened(world, **options).read(world.zone, [(world.zone, "TXT")])


# --- 3. More than was asked for -----------------------------------------------------------------------------------------


def test_a_plan_that_holds_more_than_ours_is_not_applied(world, plugins):
    """However good its reasons are."""
    world.outsider.add(f"shop.{world.zone}", "A", "192.0.2.80")
    fleet = world.fleet(provider=world.provider(plugin=f"{plugins}.Greedy"))
    with pytest.raises(ProviderError, match=rf"would also change shop.{world.zone} A; nothing was written"):
        world.additive(world.plan(fleet), fleet)
    assert world.outsider.values(f"shop.{world.zone}", "A") == {"192.0.2.80"}
    assert not world.outsider.values(world.zone, "MX")


def test_too_much_change_is_refused_by_octodns_own_threshold(world):
    """Only its command line asks for it; whoever calls its apply never hears of it."""
    world.apply(world.fleet())
    fleet = world.fleet(names=[], numbers=(), provider=world.provider(delete_pcent_threshold=0.3))
    plan = publish.plan(fleet, [], world.project, world.ledger)
    with pytest.raises(ProviderError, match=r"TooMuchChange: .*Too many deletes.*nothing was written; change less"):
        publish.apply_subtractive(plan, fleet, world.project, world.ledger)
    assert world.outsider.values(world.zone, "MX") == {f"10 mail1.{world.zone}."}


def write_between(world, plugins, name):
    """A provider, and an outsider who writes once octoDNS has read the zone for the first time of two."""
    provider = opened(world, plugin=f"{plugins}.Watched")
    sys.modules[plugins].between[:] = [lambda: world.outsider.txt(name, (b"just arrived",))]
    return provider


@pytest.mark.parametrize("at", ["", "elsewhere."])
def test_what_others_write_while_octodns_plans_is_not_taken_back(world, plugins, at):
    """It reads twice, and would delete what came in between: at our names, and anywhere else in the zone."""
    provider = write_between(world, plugins, f"{at}{world.zone}")
    with pytest.raises(ZoneMoved, match="not what the plan was made from"):
        provider.apply(world.zone, [Change(world.zone, "TXT", None, (), 300, (OURS,))])
    assert world.outsider.texts(f"{at}{world.zone}") == {"just arrived"}


def test_a_cname_that_comes_after_the_plan_is_not_written_beside(world):
    world.outsider.add(f"_dmarc.{world.zone}", "CNAME", "_dmarc.example.net.")
    with pytest.raises(ZoneMoved):
        world.opened().apply(world.zone, [Change(f"_dmarc.{world.zone}", "TXT", None, (), 300, (OURS,))])


def test_an_update_that_is_a_deletion_first_is_refused_where_others_share(world, monkeypatch):
    """gandi, ovh and others: their records are gone in between, and for good if the second call fails."""
    monkeypatch.setattr(octodns_plugins, "DELETE_FIRST", frozenset({"octodns_powerdns"}))
    world.outsider.txt(world.zone, (b"google-site-verification=abc",))
    plan = world.plan(world.fleet())
    with pytest.raises(
        ProviderError, match=rf"{world.zone} TXT is deleted and made anew.*nothing was written.*whole_zone"
    ):
        world.additive(plan, world.fleet())
    assert not world.outsider.values(world.zone, "MX")
    world.apply(world.fleet(provider=world.provider(whole_zone=True)))
    world.apply(world.fleet(policy="reject"))  # ours alone: nobody else's record is gone for a moment
    assert (b"google-site-verification=abc",) in world.outsider.strings(world.zone)


# --- 4. Saying no -------------------------------------------------------------------------------------------------------


def test_a_wrong_api_key_is_told_without_the_key(world):
    with pytest.raises(ProviderError, match=rf"zone {world.zone} at octodns_powerdns.*unauthorized") as caught:
        world.plan(world.fleet(provider=world.provider(text="not-the-key-1234")))
    assert "not-the-key-1234" not in str(caught.value)


def test_a_secret_in_the_error_of_a_plugin_is_not_shown(world, plugins):
    """Some put keys into URLs, and the URLs into errors."""
    with pytest.raises(
        ProviderError, match=r"RuntimeError: 403 for https://api.example/zones\?key=\*\*\*&zone="
    ) as caught:
        opened(world, plugin=f"{plugins}.Leaky").read(world.zone, [])
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_server_down_is_told(world):
    with pytest.raises(ProviderError, match="nothing was written; mend that, and run the plan again"):
        world.plan(world.fleet(provider=world.provider(through=9)))


def test_options_the_plugin_does_not_take_are_told(world):
    with pytest.raises(UsageError, match=r"cannot be made .*unexpected keyword argument 'hosst'.*README"):
        opened(world, hosst="127.0.0.1")


def test_a_secret_that_is_missing_is_told(world):
    with pytest.raises(UsageError, match=r"provider ns: secret option api_key: .*NOT_SET"):
        opened(world, secret_options={"api_key": SecretSource(env="NOT_SET")})


def test_a_type_the_plugin_cannot_publish_is_known_before_anything_is_written(world):
    """octoDNS would say so in the middle of an apply."""
    provider = provider_of(world.fleet(), world.fleet().zones[0], world.project)
    (found,) = provider.read(world.zone, [(world.zone, "OPENPGPKEY")])
    assert "cannot publish records of type OPENPGPKEY" in found.locked


def test_a_conflict_shows_what_is_there(world):
    world.outsider.txt(world.zone, (b"back\\slash",))
    assert any("back" in line for line in lines(world.plan(world.fleet())))
