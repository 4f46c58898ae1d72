"""A delegated domain is signed for only when its owner's CNAME is seen to lead to us."""

from types import SimpleNamespace

import pytest

from postwright.dns import owners
from postwright.dns.nameservers import NoAnswerError

NAME, TARGET = "pw1._domainkey.customer.example", "pw1._domainkey.customer.mail.example.com"


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    pairs = ((NAME, TARGET), ("pw2._domainkey.customer.example", "pw2._domainkey.customer.mail.example.com"))
    monkeypatch.setattr(owners, "asked", lambda _: pairs)


def waiting(answer, selector="pw1"):
    def ask(name, rdtype):
        assert (name, rdtype) == (NAME, "CNAME")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return owners.waiting(SimpleNamespace(), [("customer.example", selector)], ask)


def test_a_domain_led_to_us_waits_for_nothing():
    assert waiting((f"{TARGET.title()}.",)) == {}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((), "leads to nothing; ask its owner for"),
        (("elsewhere.example.",), "leads to elsewhere.example.; ask its owner"),
        (NoAnswerError("timed out"), "is unknown (timed out); ask its owner"),
    ],
)
def test_any_other_answer_keeps_it_waiting_and_says_why(answer, expected):
    found = waiting(answer)
    assert expected in found["customer.example"]
    assert f"{NAME} CNAME {TARGET}." in found["customer.example"]
