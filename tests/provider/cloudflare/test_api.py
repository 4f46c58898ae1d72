"""What only Cloudflare's API has: pages, batches, ids, comments, the proxy and records of its own.

The contract suite runs against it as against every other provider; here is what that cannot ask. ``world.backend.fake`` is the
other side; ``fake_cloudflare`` says what it enforces and why. Continued in ``test_others`` (who else writes),
``test_token`` and ``test_faults``.
"""

from math import ceil

import pytest
from provider.fake_cloudflare.scene import BATCH, RECORDS, fleet_with, names_of, opened, published
from provider.fake_cloudflare.store import DNS_EDIT

from postwright.dns.publish import plan as make_plan
from postwright.model import Zone

pytestmark = pytest.mark.backends("cloudflare")


@pytest.mark.parametrize("count", [0, 1, 5000, 5001, 10_001])
def test_a_read_takes_a_call_per_5000_records_and_one_for_the_zone(world, fake, count):
    """The SDK's own paging asks 100 at a time, and once more for an empty page."""
    name = f"n{count}.example"
    fake.account.add(name).fill(count)
    provider = opened(world, name)
    provider.read(name, [(name, "TXT")])
    assert len(fake.asked("GET", RECORDS)) == max(1, ceil(count / 5000))
    assert len(fake.asked("GET", "/zones")) == 1
    fake.calls.clear()
    provider.read(name, [(name, "TXT")])
    assert len(fake.calls) == max(1, ceil(count / 5000))


@pytest.mark.parametrize(("limit", "batches"), [(200, 1), (100, 1), (7, 9), (1, 60)])
def test_writes_are_as_few_as_the_limit_allows(world, fake, zone, limit, batches):
    provider = opened(world, world.zone, provider={"batch": limit})
    provider.apply(world.zone, [it for number in range(60) for it in published(f"n{number}.{world.zone}")])
    assert len(fake.asked("POST", BATCH)) == batches == ceil(60 / limit)
    assert {f"n{number}.{world.zone}" for number in range(60)} <= names_of(zone)


def test_a_whole_apply_is_three_lists_and_one_batch(world, fake):
    """Plan, look again, write, read back; the zone's id is asked for once."""
    fleet = world.fleet()
    world.additive(world.plan(fleet), fleet)
    assert [call.path.rpartition("/")[2] for call in fake.calls] == [
        "zones", "dns_records", "dns_records", "batch", "dns_records",
    ]  # fmt: skip


@pytest.mark.parametrize("others", [0, 400])
def test_ids_of_many_zones_come_by_page_unless_asking_by_name_is_less(world, fake, others):
    """One call per zone would be a third of the calls there are."""
    names = [f"many{number}.o{others}.example" for number in range(60)]
    known = {name: fake.account.add(name).id for name in names}
    for number in range(others):
        fake.account.add(f"other{number}.o{others}.example")
    fleet = fleet_with(world, [Zone(name=name, provider="ns") for name in names])
    assert make_plan(fleet, [], world.project, world.ledger).is_empty
    pages = ceil(len(fake.account.zones) / 50)
    assert len(fake.asked("GET", "/zones")) == pages < len(names)
    assert {call.path.split("/")[2] for call in fake.asked("GET", RECORDS)} == set(known.values())


def test_few_zones_of_a_large_account_are_asked_for_by_name(world, fake):
    names = [world.backend.zones(slot)[0] for slot in (3, 5, 7)]
    make_plan(fleet_with(world, [Zone(name=it, provider="ns") for it in names]), [], world.project, world.ledger)
    assert len(fake.account.zones) > 50 * len(names)
    assert len(fake.asked("GET", "/zones")) == 1 + len(names)


def test_a_given_zone_id_needs_no_right_to_list_zones(world, fake, zone):
    token = fake.account.issue({DNS_EDIT}, {world.zone})
    provider = opened(world, world.zone, zone_id=zone.id, provider={"text": token})
    provider.apply(world.zone, published(f"x.{world.zone}"))
    assert f"x.{world.zone}" in names_of(zone)
    assert not fake.asked("GET", "/zones")


FOREIGN = [
    {
        "content": '"v=spf1 include:_spf.example.net -all"',
        "ttl": 1,
        "comment": "billing; ask Kim",
        "tags": ["team:web"],
    },
    {"content": "google-site-verification=bare", "ttl": 86400, "comment": "verification"},
    {"content": '"back\\\\slash \\"quoted\\"" "\\255\\000"', "ttl": 120, "tags": ["a:b", "c:d"]},
]


def test_comment_tags_ttl_and_id_of_strangers_survive_publish_change_and_removal(world, zone):
    """octodns-cloudflare set such TTLs to its own and dropped comments and tags (seen against another fake)."""
    before = {it["id"]: it for it in [zone.create({"type": "TXT", "name": world.zone} | one) for one in FOREIGN]}
    spf = next(identity for identity, it in before.items() if "spf1" in it["content"])
    for fleet in (world.fleet(), world.fleet(numbers=(1, 2)), world.fleet(numbers=(2,), ttl=60)):
        world.apply(fleet)
        assert {identity: zone.records[identity] for identity in before.keys() - {spf}}.items() <= before.items()
        changed = zone.records[spf] | {key: before[spf][key] for key in ("content", "modified_on")}
        assert changed == before[spf]
        assert "ip4:10." in zone.records[spf]["content"]
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert {it["id"]: it | {"modified_on": 0} for it in zone.listed() if it["name"] == world.zone} == {
        identity: it | {"modified_on": 0} for identity, it in before.items()
    }


def test_our_records_bear_the_deployments_name(world, zone):
    world.apply(world.fleet().model_copy(update={"deployment": "eu-1"}))
    ours = [it for it in zone.listed() if it["created_on"] > 3]
    assert len(ours) == 6
    assert {it["comment"] for it in ours} == {"postwright:eu-1"}


def test_a_comment_on_our_record_survives_our_changing_it(world, zone):
    """People write ticket numbers there."""
    world.apply(world.fleet())
    (record,) = (it for it in zone.listed() if it["name"].startswith("_dmarc"))
    zone.change(record["id"], {"comment": "see ticket 7"}, overwrite=False)
    world.apply(world.fleet(policy="reject"))
    assert zone.records[record["id"]]["comment"] == "see ticket 7"
    assert "p=reject" in zone.records[record["id"]]["content"]


def test_a_proxied_mail_host_is_taken_off_the_proxy(world, zone):
    """The proxy speaks no SMTP: mail to and from that name would stop."""
    world.apply(world.fleet())
    (record,) = (it for it in zone.listed() if it["name"].startswith("mail1") and it["type"] == "A")
    zone.change(record["id"], {"proxied": True}, overwrite=False)
    plan = world.plan(world.fleet())
    assert [change.name for it in plan.zones for change in it.additive] == [f"mail1.{world.zone}"]
    world.apply(world.fleet())
    assert zone.records[record["id"]]["proxied"] is False
    assert zone.records[record["id"]]["comment"] == "postwright:main"


def test_a_record_cloudflare_keeps_is_a_conflict(world, zone):
    """Email Routing's SPF cannot be edited, and a second one beside it would break both."""
    managed = {"type": "TXT", "name": world.zone, "content": '"v=spf1 include:_spf.mx.cloudflare.net ~all"'}
    zone.create(managed | {"meta": {"email_routing": True, "read_only": True}})
    (conflict,) = world.plan(world.fleet()).conflicts
    assert conflict.name == world.zone
    assert "Email Routing" in conflict.reason
    assert conflict.live == ('"v=spf1 include:_spf.mx.cloudflare.net ~all"',)


def test_the_site_at_the_apex_may_be_a_flattened_cname(world, zone):
    """Half of the domains there lead to a site builder that way, and their mail records stand beside it."""
    zone.create({"type": "CNAME", "name": world.zone, "content": "site.example.net", "proxied": True})
    world.apply(world.fleet())
    assert world.outsider.texts(world.zone)


def test_automatic_ttl_is_no_drift_where_300_is_wanted(world, zone):
    world.apply(world.fleet(ttl=300))
    for record in zone.listed():
        zone.change(record["id"], {"ttl": 1}, overwrite=False)
    assert world.plan(world.fleet(ttl=300)).is_empty
    world.apply(world.fleet(ttl=600))
