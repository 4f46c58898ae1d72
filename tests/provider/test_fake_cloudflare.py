"""The fake says no where Cloudflare's documentation says no: else what passes against it would prove little.

Spoken to with the standard library alone.
"""

import json
from http.client import HTTPConnection

import pytest
from provider.fake_cloudflare import FakeCloudflare
from provider.fake_cloudflare.store import DNS_READ


class Client:
    def __init__(self, fake, **headers):
        self.fake = fake
        self.headers = headers or {"Authorization": f"Bearer {fake.account.issue()}"}

    def __call__(self, method, path, body=None):
        connection = HTTPConnection("127.0.0.1", self.fake.port, timeout=10)
        connection.request(method, f"/client/v4{path}", json.dumps(body) if body else None, self.headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, answer["result"], [error["code"] for error in answer["errors"]]


@pytest.fixture(scope="module")
def fake():
    started = FakeCloudflare()
    yield started
    started.stop()


@pytest.fixture
def zone(fake):
    return fake.account.add("fake.example")


@pytest.fixture
def records(zone):
    return f"/zones/{zone.id}/dns_records"


@pytest.fixture
def ask(fake):
    return Client(fake)


def txt(content, name="t.fake.example", **given):
    return {"type": "TXT", "name": name, "content": content} | given


def test_patch_keeps_comment_and_tags_and_put_does_not(ask, records):
    _, made, _ = ask("POST", records, txt('"x"', comment="theirs", tags=["a:b"], ttl=120))
    _, patched, _ = ask("PATCH", f"{records}/{made['id']}", {"content": '"y"'})
    assert (patched["comment"], patched["tags"], patched["ttl"]) == ("theirs", ["a:b"], 120)
    _, put, _ = ask("PUT", f"{records}/{made['id']}", txt('"z"'))
    assert (put["comment"], put["tags"], put["ttl"]) == (None, [], 1)


def test_a_batch_that_fails_is_rolled_back_whole_and_deletes_come_first(ask, zone, records):
    _, made, _ = ask("POST", records, txt('"x"'))
    again = {"deletes": [{"id": made["id"]}], "posts": [txt('"x"')]}
    assert ask("POST", f"{records}/batch", again)[0] == 200
    (identity,) = zone.records
    failing = {"deletes": [{"id": identity}], "posts": [txt('"new"'), txt('"new"')]}
    assert ask("POST", f"{records}/batch", failing) == (400, None, [81058])
    assert list(zone.records) == [identity]


@pytest.mark.parametrize("count", [0, 201])
def test_a_batch_has_a_limit(ask, zone, records, count):
    posts = [txt(f'"{number}"', f"n{number}.fake.example") for number in range(count)]
    assert ask("POST", f"{records}/batch", {"posts": posts})[0] == 400
    assert not zone.records


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (txt('"x"', ttl=59), 9021),
        (txt('"x"', ttl=86401), 9021),
        (txt('"x"', comment="c" * 101), 9063),
        (txt('"x"', proxied=True), 9004),
        (txt('"' + "x" * 4096 + '"'), 9208),
        (txt('"never closed'), 9207),
        (txt(""), 9020),
        ({"type": "A", "name": "a.fake.example", "content": "a.example"}, 9005),
        ({"type": "MX", "name": "a.fake.example", "content": "mx.example"}, 9010),
        ({"type": "CAA", "name": "a.fake.example", "content": '0 issue "ca.example"'}, 9101),
        ({"type": "NOPE", "name": "a.fake.example", "content": "x"}, 9004),
    ],
)
def test_what_is_no_record_is_refused(ask, zone, records, record, code):
    assert ask("POST", records, record) == (400, None, [code])
    assert not zone.records


def test_strings_of_more_than_255_octets_come_back_split_and_bare_text_as_it_was(ask, records):
    assert ask("POST", records, txt('"' + "x" * 300 + '"'))[1]["content"] == f'"{"x" * 255}" "{"x" * 45}"'
    assert ask("POST", records, txt("bare text"))[1]["content"] == "bare text"


def test_nothing_stands_beside_a_cname_but_at_the_apex(ask, records):
    alias = {"type": "CNAME", "content": "other.example"}
    address = {"type": "A", "content": "192.0.2.1"}
    assert ask("POST", records, alias | {"name": "w.fake.example"})[0] == 200
    assert ask("POST", records, address | {"name": "w.fake.example"})[2] == [81054]
    assert ask("POST", records, txt('"x"', "w.fake.example"))[2] == [81053]
    assert ask("POST", records, alias | {"name": "fake.example"})[0] == 200
    assert ask("POST", records, txt('"x"', "fake.example"))[0] == 200
    assert ask("POST", records, address | {"name": "fake.example"})[2] == [81054]


def test_the_same_octets_in_other_words_are_a_duplicate(ask, records):
    ask("POST", records, txt("a b"))
    assert ask("POST", records, txt('"a\\032b"'))[2] == [81058]


def test_a_read_only_record_can_be_neither_changed_nor_deleted(ask, zone, records):
    made = zone.create(txt('"x"') | {"meta": {"read_only": True}})
    assert ask("PATCH", f"{records}/{made['id']}", {"content": '"y"'})[0] == 400
    assert ask("DELETE", f"{records}/{made['id']}")[0] == 400
    assert ask("POST", f"{records}/batch", {"deletes": [{"id": made["id"]}]})[0] == 400
    assert zone.records[made["id"]]["content"] == '"x"'


def test_who_may_do_what(fake, records):
    reader = Client(fake, Authorization=f"Bearer {fake.account.issue({DNS_READ}, {'fake.example'})}")
    assert reader("GET", records)[0] == 200
    assert reader("POST", records, txt('"x"')) == (403, None, [10000])
    assert reader("GET", "/zones") == (403, None, [10000])
    elsewhere = Client(fake, Authorization=f"Bearer {fake.account.issue(zones={'other.example'})}")
    assert elsewhere("GET", records) == (403, None, [10000])
    assert elsewhere("GET", "/zones") == (200, [], [])
    assert Client(fake, Authorization="Bearer nobody")("GET", records) == (401, None, [1000])
    both = {"Authorization": f"Bearer {fake.account.issue()}", "X-Auth-Email": "a@b.example"}
    assert Client(fake, **both)("GET", records) == (400, None, [6003])


def test_pages_end_where_the_list_ends(ask, zone, records):
    zone.fill(7)
    pages = [ask("GET", f"{records}?per_page=3&page={page}")[1] for page in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert len({record["id"] for page in pages for record in page}) == 7


def test_an_unknown_zone_is_no_route(ask):
    assert ask("GET", f"/zones/{'0' * 32}/dns_records") == (404, None, [7003])
