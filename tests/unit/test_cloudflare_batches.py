"""Changes as batches: patched by id where a value is modified, packed into few calls, silent about what stays."""

from postwright.dns.plan import Change
from postwright.dns.providers.cloudflare import batches
from postwright.dns.providers.cloudflare.batches import Batch
from postwright.dns.providers.cloudflare.records import Held

NAME = "example.com"


def change(old, new, rdtype="TXT", old_ttl=300, ttl=300, **given):
    return Change(NAME, rdtype, old_ttl if old else None, tuple(old), ttl, tuple(new), **given)


def batch(it, **facts):
    given = {"ttl": 300, "proxied": False, "locked": False, "marked": False} | facts
    records = [Held(f"id of {value}", NAME, it.type, value, **given) for value in it.old]
    return batches.of(it, records, "postwright:main")


def test_a_new_record_has_mark_ttl_and_no_proxy():
    (post,) = batch(change([], ["192.0.2.1"], "A")).posts
    assert post == {
        "type": "A", "name": NAME, "content": "192.0.2.1", "ttl": 300, "comment": "postwright:main", "proxied": False,
    }  # fmt: skip
    (post,) = batch(change([], ['"x"'])).posts
    assert "proxied" not in post


def test_a_modified_spf_record_is_patched_with_nothing_but_its_content():
    stay = '"google-site-verification=x"'
    made = batch(change(['"v=spf1 a -all"', stay], ['"v=spf1 ip4:192.0.2.1 a -all"', stay]))
    assert made == Batch(patches=({"id": 'id of "v=spf1 a -all"', "content": '"v=spf1 ip4:192.0.2.1 a -all"'},))


def test_an_spf_record_never_turns_into_something_else():
    made = batch(change(['"v=spf1 a -all"'], ['"other"']))
    assert (len(made.deletes), len(made.patches), len(made.posts)) == (1, 0, 1)


def test_a_single_value_that_gives_way_to_a_single_one_is_patched():
    made = batch(change(["10 a.example."], ["20 b.example."], "MX"))
    assert made.patches == ({"id": "id of 10 a.example.", "content": "b.example", "priority": 20},)
    assert len(made) == 1


def test_several_values_are_deleted_and_made():
    made = batch(change(["10 a.example.", "10 b.example."], ["10 c.example.", "10 d.example."], "MX"))
    assert (len(made.deletes), len(made.patches), len(made.posts)) == (2, 0, 2)


def test_a_ttl_is_patched_only_where_the_rrset_gets_another():
    assert batch(change(["192.0.2.1"], ["192.0.2.1"], "A", ttl=60)).patches == ({"id": "id of 192.0.2.1", "ttl": 60},)
    two = ["192.0.2.1", "192.0.2.2"]
    assert batch(change(["192.0.2.1"], two, "A"), ttl=86400).patches == ()


def test_a_proxied_record_is_taken_off_the_proxy():
    made = batch(change(["192.0.2.1"], ["192.0.2.1"], "A", proxied=True), proxied=True)
    assert made.patches == ({"id": "id of 192.0.2.1", "proxied": False},)


def test_a_removal_names_the_id_alone():
    assert batch(change(['"x"'], [])).body == {"deletes": ({"id": 'id of "x"'},)}


def test_the_mark_fits_into_the_comment_of_a_free_plan():
    assert batches.mark("main") == "postwright:main"
    assert len(batches.mark("x" * 200)) == 100


def posts(count):
    return Batch(posts=tuple({"number": number} for number in range(count)))


def test_batches_are_packed_up_to_the_limit():
    assert [len(it) for it in batches.packed([posts(1)] * 401, 200)] == [200, 200, 1]
    assert list(batches.packed([], 200)) == []
    assert list(batches.packed([Batch()], 200)) == []


def test_the_operations_of_a_change_stay_together_where_they_fit():
    assert [len(it) for it in batches.packed([posts(3), posts(3), posts(2)], 5)] == [3, 5]


def test_a_change_larger_than_a_call_adds_before_it_deletes():
    large = Batch(deletes=({"id": "d"},) * 3, patches=({"id": "p"},), posts=({"id": "n"},) * 3)
    bodies = [it.body for it in batches.packed([large], 2)]
    assert [list(body) for body in bodies] == [["patches", "posts"], ["posts"], ["deletes"], ["deletes"]]


def test_a_value_spelled_otherwise_is_found_and_not_respelled():
    """An undo speaks of values as they were written, and the API may give them back in another spelling."""
    there = [Held("i", NAME, "TXT", '"part one" " and two"', 300, proxied=False, locked=False, marked=False)]
    whole = '"part one and two"'
    assert batches.of(change([whole], []), there, "").deletes == ({"id": "i"},)
    assert batches.of(change([whole], [whole, '"new"']), there, "").patches == ()
