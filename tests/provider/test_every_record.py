"""Every kind of record, at every backend: what servers take, answer, change and let go of, names with ``*`` and ``_`` too."""

from postwright.model import Bimi, Delegated, Dmarc, Domain, MtaSts


def everything(world, policies="www"):
    """A fleet of the world with each kind of record; ``policies`` is where its MTA-STS policy is served."""
    zone = world.zone
    first = Domain(
        name=zone,
        spf_include=f"_spf.{zone}",
        dmarc=Dmarc(policy="reject", nonexistent_policy="reject", test=True),
        mta_sts=MtaSts(policy_host=f"{policies}.{zone}"),
        tls_reports=(f"tls@{zone}", "https://reports.example/tls"),
        bimi=Bimi(logo="https://www.example/logo.svg"),
    )
    customer = Domain(name="customer.example", mx="keep", delegated=Delegated(to=f"customer.{zone}"))
    shop = Domain(name=f"shop.{zone}", mx="keep", delegated=Delegated(to=f"led.{zone}"))
    said = {"domains": (first, customer, shop), "parked": (f"old.{zone}",), "certificate_authorities": ("ca.example",)}
    return world.fleet(numbers=(1, 2)).model_copy(update=said)


def keys(world):
    return [world.key(), world.key("pw1", "customer.example"), world.key("pw1", f"shop.{world.zone}")]


def test_every_kind_of_record_is_published_and_the_second_plan_is_empty(world):
    """A wildcard is read back by its own name, and not taken for what it answers elsewhere."""
    zone, outsider = world.zone, world.outsider
    world.apply(everything(world), keys(world))
    assert outsider.texts(zone) == {f"v=spf1 include:_spf.{zone} ~all"}
    assert outsider.texts(f"_spf.{zone}") == {f"v=spf1 ip4:{world.ip(1)} ip4:{world.ip(2)} -all"}
    assert outsider.texts(f"_dmarc.{zone}") == {"v=DMARC1; p=reject; np=reject; t=y; pct=0"}
    assert outsider.texts(f"_smtp._tls.{zone}") == {f"v=TLSRPTv1; rua=mailto:tls@{zone},https://reports.example/tls"}
    assert outsider.values(f"mta-sts.{zone}", "CNAME") == {f"www.{zone}."}
    assert outsider.values(f"mail1.{zone}", "CAA") == {'0 issue "ca.example"'}
    assert outsider.values(f"bounce.customer.{zone}", "MX") == {f"10 mail1.{zone}.", f"10 mail2.{zone}."}
    assert outsider.values(f"_dmarc.shop.{zone}", "CNAME") == {f"_dmarc.led.{zone}."}
    assert outsider.values(f"pw2._domainkey.shop.{zone}", "CNAME") == {f"pw2._domainkey.led.{zone}."}
    assert outsider.values(f"old.{zone}", "MX") == {"0 ."}
    assert outsider.texts(f"*._domainkey.old.{zone}") == {"v=DKIM1; p="}


def test_every_kind_of_record_goes_when_it_is_no_longer_wanted(world):
    zone, outsider = world.zone, world.outsider
    world.apply(everything(world), keys(world))
    world.apply(world.fleet(numbers=(1, 2)))
    assert outsider.texts(zone) == {f"v=spf1 ip4:{world.ip(1)} ip4:{world.ip(2)} ~all"}
    for name in ("_spf", "_smtp._tls", "_mta-sts", "bounce.customer", "*._domainkey.old", "_dmarc.old"):
        assert outsider.texts(f"{name}.{zone}") == set(), name
    for name in ("mta-sts", "_dmarc.shop"):
        assert outsider.values(f"{name}.{zone}", "CNAME") == set(), name
    assert outsider.values(f"mail1.{zone}", "CAA") == set()


def test_a_cname_is_swapped_for_there_can_be_only_one(world):
    zone = world.zone
    world.apply(everything(world), keys(world))
    world.apply(everything(world, policies="elsewhere"), keys(world))
    assert world.outsider.values(f"mta-sts.{zone}", "CNAME") == {f"elsewhere.{zone}."}


def test_an_authority_is_admitted_beside_those_of_others(world):
    zone, outsider = world.zone, world.outsider
    outsider.add(f"mail1.{zone}", "CAA", '0 issue "theirs.example"')
    world.apply(everything(world), keys(world))
    assert outsider.values(f"mail1.{zone}", "CAA") == {'0 issue "theirs.example"', '0 issue "ca.example"'}
    world.apply(world.fleet(numbers=(1, 2)))
    assert outsider.values(f"mail1.{zone}", "CAA") == {'0 issue "theirs.example"'}
