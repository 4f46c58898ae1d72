"""What an SPF record costs, on a tree of records in memory: counted as a receiver would, bounded, and honest where unknown."""

import dns.message
import dns.rrset
import pytest

from postwright.dns.canonical import txt_rdata
from postwright.dns.spf.cost import Cost, UnansweredError, cost
from postwright.dns.spf.verdict import examine, notes

NAME = "example.com"


class World(dict):
    """(name, type) → values; None: nobody answers. Counts the questions."""

    def __init__(self, **records):
        super().__init__()
        self.asked = []
        for name, text in records.items():
            self[f"{name}.test", "TXT"] = spf(text)

    def __call__(self, name, rdtype):
        self.asked.append((name, rdtype))
        values = self.get((name, rdtype), ())
        if values is None:
            raise UnansweredError("timed out")
        return values


def spf(text):
    return (txt_rdata([f"v=spf1 {text}".encode("latin-1")]),)


def of(text, world=None):
    return cost(spf(text), NAME, World() if world is None else world)


def test_addresses_cost_nothing_and_ask_nothing():
    world = World()
    found = of("ip4:192.0.2.1 ip6:2001:db8::/32 ~all", world)
    assert (found.lookups, found.voids, found.problems, found.complete) == (0, 0, (), True)
    assert not world.asked


def test_every_term_that_looks_up_costs_one_and_nested_ones_add_up():
    world = World(x="a:h.test include:y.test -all", y="ip4:192.0.2.1 redirect=z.test", z="exists:h.test ptr -all")
    world["h.test", "A"] = ("192.0.2.9",)
    world[NAME, "MX"] = ("10 h.test.",)
    found = of("mx/24 include:x.test -all", world)
    assert (found.lookups, found.voids, found.problems, found.complete) == (7, 0, (), True)


def test_behind_all_and_redirect_beside_all_cost_nothing():
    world = World()
    assert of("-all include:x.test redirect=y.test", world).lookups == 0
    assert not world.asked


def test_one_name_included_twice_costs_twice_and_is_asked_once():
    world = World(x="mx:h.test -all")
    world["h.test", "MX"] = ("10 h.test.",)
    assert of("include:x.test include:x.test ~all", world).lookups == 4
    assert len(world.asked) == 2


def test_void_is_a_lookup_that_no_client_gets_an_answer_to():
    world = World()
    world["four.test", "A"] = ("192.0.2.1",)
    world["six.test", "AAAA"] = ("2001:db8::1",)
    found = of("a:four.test a:six.test a:none.test mx:none.test exists:none.test -all", world)
    assert (found.lookups, found.voids) == (5, 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("include:none.test -all", "include:none.test leads to no SPF records"),
        ("include:two.test -all", "include:two.test leads to 2 SPF records"),
        ("include:loop.test -all", "example.com → loop.test → back.test → loop.test is a loop"),
        ("mx:many.test -all", "many.test has 11 MX"),
        ("ipv4:192.0.2.1 -all", "ipv4:192.0.2.1 is no term of SPF"),
        ("ip4:2001:db8::1 -all", "ip4:2001:db8::1 is no address"),
        ("include: -all", "include: names nothing"),
    ],
)
def test_what_receivers_reject_is_named(text, problem):
    world = World(loop="include:back.test -all", back="include:loop.test -all")
    world["two.test", "TXT"] = (*spf("a -all"), *spf("mx -all"))
    world["many.test", "MX"] = tuple(f"10 h{number}.test." for number in range(11))
    (found,) = of(text, world).problems
    assert problem in found


def test_record_that_includes_itself_many_times_over_is_given_up_early():
    """2^n evaluations, n of them asked for; neither may run away."""
    world = World(**{f"n{n}": f"include:n{n + 1}.test include:n{n + 1}.test -all" for n in range(60)})
    found = of("include:n0.test -all", world)
    assert found.lookups > 10
    assert len(world.asked) <= 30


def test_wide_record_is_asked_for_thirty_names_at_most():
    world = World()
    found = of(" ".join(f"a:h{number}.test" for number in range(60)), world)
    assert found.lookups == 60
    assert len(world.asked) == 30
    assert not found.complete


def test_who_does_not_answer_makes_it_a_lower_bound():
    """Unknown is not "no such record"."""
    world = World()
    world["x.test", "TXT"] = world["h.test", "A"] = None
    found = of("include:x.test a:h.test -all", world)
    assert (found.lookups, found.voids, found.problems) == (2, 0, ())
    assert found.unknown == ("x.test TXT (timed out)", "h.test A (timed out)")


def test_macros_are_counted_but_not_expanded():
    world = World()
    assert of("exists:%{i}.x.test a:%{d} -all", world).lookups == 2
    assert of("include:%{i}.x.test -all", world).unknown == ("include:%{i}.x.test (depends on the message)",)
    assert not world.asked


def test_sizes_are_of_the_text_and_of_the_whole_answer():
    """The answer as dnspython writes it to the wire, without EDNS."""
    values = (*spf("a -all"), txt_rdata([b"x" * 255, b"y"]))
    query = dns.message.make_query(f"{NAME}.", "TXT")
    response = dns.message.make_response(query)
    response.answer.append(dns.rrset.from_text_list(f"{NAME}.", 300, "IN", "TXT", list(values)))
    found = cost(values, NAME, World())
    assert (found.octets, found.rrset_octets) == (len("v=spf1 a -all"), len(response.to_wire()))


def test_without_a_record_or_with_two_there_is_no_cost():
    assert cost(('"no SPF"',), NAME, World()) is None
    assert cost((*spf("a"), *spf("mx")), NAME, World()) is None


def numbers(lookups=0, voids=0, octets=20, rrset=60, problems=(), unknown=()):
    return Cost(lookups, voids, octets, rrset, problems, unknown)


@pytest.mark.parametrize("before", [None, numbers(10), numbers(10, unknown=("x",))])
def test_a_limit_that_held_and_breaks_is_an_error(before):
    found = notes(before, numbers(11), NAME)
    assert "11 DNS lookups" in found.errors[0]
    assert not found.warnings


def test_a_limit_that_others_broke_is_a_warning_that_says_ours_come_first():
    found = notes(numbers(11, 3), numbers(12, 3), NAME)
    assert not found.errors
    assert [text.partition(";")[0] for text in found.warnings] == [
        "SPF of example.com: costs receivers 12 DNS lookups, and 10 are allowed",
        "SPF of example.com: costs receivers 3 lookups without an answer, and 2 are allowed",
    ]
    assert all("ours" in text or "our tokens come first" in text for text in found.warnings)


def test_a_lower_bound_that_is_too_much_is_an_error_that_says_at_least():
    found = notes(numbers(10), numbers(11, unknown=("x.test TXT (timed out)",)), NAME)
    assert "at least 11" in found.errors[0]
    assert "x.test TXT (timed out)" in found.warnings[0]


def test_a_problem_is_ours_to_mend_only_if_it_is_new():
    assert notes(numbers(problems=("old",)), numbers(problems=("old",)), NAME).errors == ()
    assert "old" in notes(numbers(problems=("old",)), numbers(problems=("old",)), NAME).warnings[0]
    assert "new" in notes(numbers(), numbers(problems=("new",)), NAME).errors[0]


def test_sizes_are_mentioned_when_a_limit_is_crossed_and_not_again():
    small, large = numbers(octets=450, rrset=512), numbers(octets=451, rrset=513)
    assert len(notes(small, large, NAME).warnings) == 2
    assert notes(large, large, NAME).warnings == ()


def test_an_include_of_ours_is_judged_by_what_the_plan_publishes():
    """Its record is not live yet; asked for, it would look as if it led nowhere."""
    ours = {("spf.example.com", "TXT"): spf("ip4:192.0.2.1 -all")}
    after = spf("include:spf.example.com a:h.test -all")
    world = World()
    world["h.test", "A"] = ("192.0.2.9",)
    assert examine(spf("a:h.test -all"), after, NAME, world, ours).errors == ()
    assert "leads to no SPF" in examine(spf("a:h.test -all"), after, NAME, world).errors[0]


def test_the_eleventh_lookup_is_refused_where_an_address_would_not_be():
    world = World(x="ip4:192.0.2.1 -all")
    ten = " ".join(["include:x.test"] * 10)
    assert examine(spf(ten), spf(f"ip4:192.0.2.7 {ten}"), NAME, world).errors == ()
    assert examine(spf(ten), spf(f"include:x.test {ten}"), NAME, world).errors


def test_a_record_that_goes_needs_no_verdict():
    world = World()
    assert examine(spf("include:x.test -all"), (), NAME, world).errors == ()
