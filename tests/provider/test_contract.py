"""Hello friend! Are you adding a DNS provider? Then these are the tests it must pass, and this is how to read them.

They go from easy to hard: a zone of our own (here), a zone we share (``test_foreign_values``), others who write at the same
time and machines that stop (``test_races_and_crashes``), servers that say no (``test_refusals``). Each says why it exists;
most exist because a well-known tool lost somebody's records that way.

Each runs against every server in ``conftest.py``, on a zone of its own, through the service functions the commands call.
``world.outsider`` is everybody else who writes to the zone. If a test fails, suspect the provider before the test: the
answer of a server is no proof of what it holds, so read back.
"""

from postwright.dns import ledger
from postwright.dns.show import lines

# --- 1. An empty zone -------------------------------------------------------------------------------------------------


def test_publishes_from_nothing(world):
    """The first thing anybody does. Forward and reverse, MX, SPF for domain and HELO name, key and policy."""
    zone, outsider = world.zone, world.outsider
    fleet = world.fleet(zones=[zone, world.reverse])
    plan = world.plan(fleet)
    assert not plan.unsafe_reasons()
    assert not [line for line in lines(plan) if line.startswith("-")]
    world.apply(fleet)
    assert outsider.values(f"mail1.{zone}", "A") == {world.ip(1)}
    assert outsider.values(zone, "MX") == {f"10 mail1.{zone}."}
    assert outsider.texts(zone) == {f"v=spf1 ip4:{world.ip(1)} ~all"}
    assert outsider.texts(f"mail1.{zone}") == {f"v=spf1 ip4:{world.ip(1)} -all"}
    assert outsider.texts(f"_dmarc.{zone}") == {"v=DMARC1; p=none"}
    assert outsider.texts(f"s1._domainkey.{zone}") == {f"v=DKIM1; h=sha256; k=rsa; s=email; p={world.key().p}"}
    assert outsider.ttl(zone, "MX") == 300
    assert outsider.values(f"1.0.{world.slot}.10.in-addr.arpa", "PTR") == {f"mail1.{zone}."}


def test_second_run_is_empty_and_leaves_the_ledger_alone(world):
    """Run from cron, a plan that is never empty is an alarm nobody reads."""
    world.apply(world.fleet())
    before = {file: file.stat().st_mtime_ns for file in world.ledger.iterdir()}
    plan = world.apply(world.fleet())
    assert plan.is_empty
    assert lines(plan) == ()
    assert {file: file.stat().st_mtime_ns for file in world.ledger.iterdir()} == before


def test_plan_alone_changes_nothing(world):
    """``plan`` is what people run to look."""
    world.plan(world.fleet())
    assert not world.outsider.values(world.zone, "MX")
    assert not world.ledger.exists()


def test_everything_of_ours_goes_when_the_domain_goes(world):
    """Removed configuration must not leave orphans; all at once it needs --force."""
    world.apply(world.fleet())
    empty = world.fleet(numbers=(), names=())
    plan = world.apply(empty, keys=[])
    assert "everything of ours" in plan.unsafe_reasons()[0]
    assert not world.outsider.texts(world.zone)
    assert not world.outsider.values(f"mail1.{world.zone}", "A")
    assert ledger.read(world.ledger, world.zone) == ()


# --- 2. Changes of our own, and their order -----------------------------------------------------------------------------


def test_new_key_comes_before_the_hosts_and_the_old_one_goes_after_them(world):
    """A host never signs with a key the world cannot see, and queued mail still bears the old one."""
    world.apply(world.fleet())
    plan = world.plan(world.fleet(), [world.key("s2")])
    world.additive(plan, world.fleet())
    assert world.outsider.texts(f"s1._domainkey.{world.zone}")
    assert world.outsider.texts(f"s2._domainkey.{world.zone}")
    world.subtractive(plan, world.fleet())
    assert not world.outsider.texts(f"s1._domainkey.{world.zone}")


def test_old_and_new_addresses_overlap(world):
    """While hosts are being changed mail leaves from both addresses, and both must pass."""
    world.apply(world.fleet(numbers=(1,)))
    plan = world.plan(world.fleet(numbers=(2,)))
    world.additive(plan, world.fleet(numbers=(2,)))
    assert world.outsider.values(world.zone, "MX") == {f"10 mail1.{world.zone}.", f"10 mail2.{world.zone}."}
    assert world.outsider.texts(world.zone) == {f"v=spf1 ip4:{world.ip(2)} ip4:{world.ip(1)} ~all"}
    world.subtractive(plan, world.fleet(numbers=(2,)))
    assert world.outsider.texts(world.zone) == {f"v=spf1 ip4:{world.ip(2)} ~all"}
    assert world.outsider.values(world.zone, "MX") == {f"10 mail2.{world.zone}."}


def test_policy_gets_stricter_only_after_the_hosts(world):
    """Two DMARC records are none, so it is swapped; and late, because the mail must first deserve it."""
    world.apply(world.fleet())
    plan = world.plan(world.fleet(policy="reject"))
    assert not any(zone.additive for zone in plan.zones)
    assert [change.name for zone in plan.zones for change in zone.subtractive] == [f"_dmarc.{world.zone}"]
    assert f"_dmarc.{world.zone}" not in {record.name for record in plan.due_before_hosts}
    world.apply(world.fleet(policy="reject"))


def test_ttl_change_reaches_every_value_of_ours(world):
    """Knot keeps the TTL of a value that is added again; it must be deleted and added in one message."""
    world.apply(world.fleet(numbers=(1, 2)))
    world.apply(world.fleet(numbers=(1, 2), ttl=120))
    assert world.outsider.ttl(world.zone, "MX") == 120
    assert world.outsider.ttl(f"s1._domainkey.{world.zone}", "TXT") == 120


def test_null_mx_never_stands_beside_another(world):
    """RFC 7505 §3."""
    world.apply(world.fleet())
    plan = world.plan(world.fleet(mx="null"))
    world.additive(plan, world.fleet(mx="null"))
    assert world.outsider.values(world.zone, "MX") == {f"10 mail1.{world.zone}."}
    world.subtractive(plan, world.fleet(mx="null"))
    assert world.outsider.values(world.zone, "MX") == {"0 ."}


def test_more_than_fits_in_one_message(world):
    """64 KiB is the end of a DNS message; these are more than that."""
    names = [f"d{number}.{world.zone}" for number in range(28)]
    keys = [world.key("s1", name, 2500) for name in names]
    world.apply(world.fleet(names=names), keys)
    assert world.outsider.texts(f"s1._domainkey.d27.{world.zone}")


def test_international_names_are_published_as_their_a_labels(world):
    """DNS has no other spelling; what an operator reads in a browser is for the inventory to refuse."""
    name = f"xn--bcher-kva.{world.zone}"
    world.apply(world.fleet(names=[name]), keys=[world.key("s1", name)])
    assert world.outsider.texts(f"_dmarc.{name}") == {"v=DMARC1; p=none"}
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert not world.outsider.texts(f"s1._domainkey.{name}")
