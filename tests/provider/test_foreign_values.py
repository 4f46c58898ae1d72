"""Contract, part 3: a zone that is not ours alone. A stranger's value is never changed, whatever we do beside it."""

import pytest

from postwright.dns import ledger
from postwright.errors import UnsafePlan

# What strangers keep at an apex: quotes and backslashes, several strings, octets that are no UTF-8, an empty string.
FOREIGN = {
    (b'back\\slash "quoted"; semicolon',),
    (b"part one ", b"part two"),
    (b"\xff\xfe\x00 no text",),
    (b"",),
    (b"google-site-verification=abc",),
}


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "zonefile")  # octoDNS locks such values
def test_strangers_txt_survives_publish_change_and_removal(world):
    """octoDNS rewrote these, and gave up on the third. Every octet, every cut between strings, and the TTL must stay."""
    zone, outsider = world.zone, world.outsider
    outsider.txt(zone, *FOREIGN)
    for fleet in (world.fleet(), world.fleet(numbers=(1, 2)), world.fleet(numbers=(2,), ttl=60)):
        world.apply(fleet)
        assert outsider.strings(zone) >= FOREIGN
        assert len(outsider.strings(zone)) == len(FOREIGN) + 1
        assert outsider.ttl(zone, "TXT") == 777
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert outsider.strings(zone) == FOREIGN
    assert outsider.ttl(zone, "TXT") == 777


@pytest.mark.parametrize(
    "foreign",
    [
        (b"v=spf1 include:_spf.example.net ?all",),
        (b"v=spf1  IP4:192.0.2.0/24   redirect=_spf.example.net ",),
        pytest.param(
            (b"v=spf1 include:one.example", b".net a:\xffodd -all"),
            marks=pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "zonefile"),  # octoDNS locks it
        ),
        pytest.param(
            (b"v=spf1 " + b"include:" + b"x" * 230 + b".net", b" ~all"),
            marks=pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "zonefile"),  # octoDNS locks it
        ),
    ],
    ids=["plain", "spaces", "strings", "full"],
)
def test_spf_is_merged_by_token_and_taken_out_again(world, foreign):
    """Two SPF records are none, so ours go into theirs, directly after the version; and out again without a trace."""
    zone, outsider = world.zone, world.outsider
    outsider.txt(zone, foreign)
    ours = f"v=spf1 ip4:{world.ip(1)}"
    world.apply(world.fleet())
    assert outsider.texts(zone) == {ours + b"".join(foreign).decode("latin-1").removeprefix("v=spf1")}
    world.apply(world.fleet(numbers=(1, 2)))
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert outsider.strings(zone) == {foreign}


def test_a_strangers_token_equal_to_ours_is_neither_doubled_nor_removed(world):
    """Who wrote it owns it: when we leave, it stays."""
    zone, outsider = world.zone, world.outsider
    foreign = f"v=spf1 a +ip4:{world.ip(1)}/32 ~all".encode()
    outsider.txt(zone, (foreign,))
    world.apply(world.fleet())
    assert outsider.strings(zone) == {(foreign,)}
    world.apply(world.fleet(numbers=(2,)))
    assert outsider.texts(zone) == {f"v=spf1 ip4:{world.ip(2)} a +ip4:{world.ip(1)}/32 ~all"}
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert outsider.strings(zone) == {(foreign,)}


def test_a_token_we_wrote_survives_others_editing_the_record(world):
    """Others add an include to the record we created: from then on its ``all`` is theirs to rely on."""
    zone, outsider = world.zone, world.outsider
    world.apply(world.fleet())
    outsider.delete(zone, "TXT")
    outsider.txt(zone, (f"v=spf1 ip4:{world.ip(1)} include:_spf.example.net ~all".encode(),))
    assert world.plan(world.fleet()).is_empty
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert outsider.texts(zone) == {"v=spf1 include:_spf.example.net ~all"}


def test_a_strangers_record_that_reads_like_ours_with_our_token_in_it_is_not_ours(world):
    """Its ``-all`` is what we would have written; but they wrote it, and it must be there when we are gone."""
    zone, outsider = world.zone, world.outsider
    outsider.txt(zone, (b"v=spf1 -all",))
    fleet = world.fleet(spf_all="-all")
    world.apply(fleet)
    world.apply(fleet)
    assert outsider.texts(zone) == {f"v=spf1 ip4:{world.ip(1)} -all"}
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert outsider.strings(zone) == {(b"v=spf1 -all",)}


def test_two_spf_records_are_a_conflict(world):
    """Whose is right, nobody but the operator knows."""
    world.outsider.txt(world.zone, (b"v=spf1 a -all",), (b"v=spf1 mx -all",))
    plan = world.plan(world.fleet())
    assert [conflict.name for conflict in plan.conflicts] == [world.zone]
    with pytest.raises(UnsafePlan, match="nothing was written"):
        world.additive(plan, world.fleet())
    assert not world.outsider.values(world.zone, "MX")


def test_a_strangers_policy_is_a_conflict_that_shows_both(world):
    """The default of another tool was to change p=reject to p=none in silence."""
    world.outsider.txt(f"_dmarc.{world.zone}", (b"v=DMARC1; p=reject",))
    (conflict,) = world.plan(world.fleet()).conflicts
    assert conflict.live == ('"v=DMARC1; p=reject"',)
    assert conflict.desired == ('"v=DMARC1; p=none"',)
    assert "--adopt" in conflict.reason
    world.apply(world.fleet(), adopt=True)
    assert world.outsider.texts(f"_dmarc.{world.zone}") == {"v=DMARC1; p=none"}


def test_our_value_changed_by_somebody_else_is_a_conflict(world):
    """Somebody had a reason; it is not ours to undo in silence."""
    world.apply(world.fleet())
    world.outsider.delete(f"_dmarc.{world.zone}", "TXT")
    world.outsider.txt(f"_dmarc.{world.zone}", (b"v=DMARC1; p=quarantine",))
    assert len(world.plan(world.fleet()).conflicts) == 1
    gone = world.plan(world.fleet(names=[], numbers=()), [])
    assert ["no longer wants" in conflict.reason for conflict in gone.conflicts] == [True]


def test_our_value_deleted_by_somebody_else_is_put_back(world):
    """Nothing of anybody's is lost by that."""
    world.apply(world.fleet())
    world.outsider.delete(f"s1._domainkey.{world.zone}", "TXT")
    plan = world.apply(world.fleet())
    assert [change.name for zone in plan.zones for change in zone.additive] == [f"s1._domainkey.{world.zone}"]


@pytest.mark.backends("knot", "bind", "powerdns", "cloudflare", "zonefile")  # octoDNS refuses
def test_a_strangers_mx_is_a_conflict_until_the_operator_decides(world):
    """To add ours beside it would split the domain's mail between two systems."""
    mx = "5 in.example.net."
    world.outsider.add(world.zone, "MX", mx)
    assert [conflict.type for conflict in world.plan(world.fleet()).conflicts] == ["MX"]
    world.apply(world.fleet(mx="keep"))
    assert world.outsider.values(world.zone, "MX") == {mx}
    world.apply(world.fleet(), adopt=True)
    assert world.outsider.values(world.zone, "MX") == {f"10 mail1.{world.zone}."}


def test_a_backup_mx_added_beside_ours_is_kept(world):
    """Removal is of ours alone."""
    world.apply(world.fleet())
    world.outsider.add(world.zone, "MX", "20 backup.example.net.")
    world.apply(world.fleet(numbers=(2,)))
    assert world.outsider.values(world.zone, "MX") == {f"10 mail2.{world.zone}.", "20 backup.example.net."}
    world.apply(world.fleet(names=[], numbers=()), keys=[])
    assert world.outsider.values(world.zone, "MX") == {"20 backup.example.net."}


def test_keep_leaves_the_mx_we_wrote(world):
    """``keep`` hands the MX over; it does not take it away."""
    world.apply(world.fleet())
    world.apply(world.fleet(mx="keep"))
    assert world.outsider.values(world.zone, "MX") == {f"10 mail1.{world.zone}."}
    assert "MX" not in {record.type for record in ledger.read(world.ledger, world.zone)}


def test_cname_in_the_way_is_a_conflict(world):
    """A server drops a TXT beside a CNAME and says NOERROR."""
    world.outsider.add(f"_dmarc.{world.zone}", "CNAME", "_dmarc.example.net.")
    (conflict,) = world.plan(world.fleet(), adopt=True).conflicts
    assert conflict.live == ("CNAME _dmarc.example.net.",)


@pytest.mark.parametrize("rdtype", ["A", "CNAME", "TXT"])
def test_a_wildcard_is_not_in_the_way(world, rdtype):
    """``*`` answers for every name that is not there. It is no value at our name, and must not look like one."""
    value = {"A": "192.0.2.80", "CNAME": "www.example.net.", "TXT": '"v=spf1 -all"'}[rdtype]
    world.outsider.add(f"*.{world.zone}", rdtype, value)
    world.apply(world.fleet())
    assert world.outsider.values(f"mail1.{world.zone}", "A") == {world.ip(1)}
    assert world.outsider.texts(f"mail1.{world.zone}") == {f"v=spf1 ip4:{world.ip(1)} -all"}


def test_a_delegated_name_is_a_conflict(world):
    """The parent knows nothing below a zone cut; to take its referral for "not there" would publish into the void."""
    plan = world.plan(world.fleet(names=[f"shop.child.{world.zone}"], numbers=()), [])
    assert {conflict.live for conflict in plan.conflicts} == {(f"NS ns1.child.{world.zone}.",)}
    assert {conflict.name for conflict in plan.conflicts} >= {
        f"shop.child.{world.zone}",
        f"_dmarc.shop.child.{world.zone}",
    }
    with pytest.raises(UnsafePlan, match="add that zone to the inventory"):
        world.additive(plan, world.fleet())
    assert not world.outsider.values(f"_dmarc.shop.child.{world.zone}", "TXT")


@pytest.mark.backends("knot", "bind", "powerdns", "zonefile")
@pytest.mark.parametrize("domain", ["own", "new.own", "there.own"])
def test_a_child_zone_on_the_same_server_is_a_conflict(world, domain):
    """It answers for the child with authority, so its answers look like the parent's; what is written to the parent there
    is never seen. Only the SOA tells: at the child's top, at a name it has, and at one it has not."""
    name, child = f"{domain}.{world.zone}", f"own.{world.zone}"
    plan = world.plan(world.fleet(names=[name], numbers=()), [world.key("s1", name)])
    assert {conflict.live for conflict in plan.conflicts} == {(f"NS ns1.{world.zone}.",)}
    assert {conflict.name for conflict in plan.conflicts} == {name, f"_dmarc.{name}", f"s1._domainkey.{name}"}
    before = world.backend.outsider(child).texts(child)
    with pytest.raises(UnsafePlan, match="nothing was written"):
        world.additive(plan, world.fleet())
    assert world.backend.outsider(child).texts(child) == before == {"of the child"}


@pytest.mark.backends("knot", "bind", "powerdns", "zonefile")
def test_a_child_zone_in_the_inventory_is_published_to(world):
    """And that is all it takes: the longest zone that ends a name has it."""
    child = f"own.{world.zone}"
    world.apply(world.fleet(names=[child], zones=[child, world.zone]), keys=[world.key("s1", child)])
    assert world.outsider.values(child, "MX") == {f"10 mail1.{world.zone}."}
    assert "of the child" in world.outsider.texts(child)


@pytest.mark.backends("knot", "bind")  # PowerDNS takes no heed of a DNAME unless told to
def test_a_name_below_a_dname_is_a_conflict(world):
    """The server makes a CNAME of it for each name; what was written there would never be seen."""
    world.outsider.add(f"moved.{world.zone}", "DNAME", "example.net.")
    plan = world.plan(world.fleet(names=[f"shop.moved.{world.zone}"], numbers=()), [])
    assert {conflict.live for conflict in plan.conflicts} >= {("CNAME shop.example.net.",)}
    assert {conflict.name for conflict in plan.conflicts} == {
        f"shop.moved.{world.zone}",
        f"_dmarc.shop.moved.{world.zone}",
    }


@pytest.mark.backends("knot", "bind", "powerdns", "zonefile")
def test_a_name_beside_a_cname_into_the_child_is_no_child(world):
    """A server follows an alias and then speaks of the zone it leads to; that is not where the name lies."""
    world.outsider.add(f"_dmarc.{world.zone}", "CNAME", f"there.own.{world.zone}.")
    (conflict,) = world.plan(world.fleet()).conflicts
    assert conflict.live == (f"CNAME there.own.{world.zone}.",)
