"""The verdict on a message, read from headers as real receivers write them: in any order, with comments."""

from email import message_from_string
from itertools import permutations

import pytest

from postwright.lab.verdict import Signature, verdict

DKIM_RSA = "dkim=pass header.d=shop.test header.s=rsa1 header.b=eHCEd2kS"
DKIM_ED = "dkim=pass header.d=shop.test header.s=ed1 header.b=KNouCeIC"
SPF = "spf=pass (mx.bigmail.test: domain of news@shop.test designates 10.78.0.10 as permitted sender) smtp.mailfrom=news@shop.test"
DMARC = "dmarc=pass (policy=reject) header.from=shop.test"
RECEIVED = """Received: from mx1.shop.test (mx1.shop.test [IPv6:fd78::10])
\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)
\t key-exchange x25519 server-signature ECDSA (prime256v1) server-digest SHA256)
\t(No client certificate requested)
\tby mx.bigmail.test (Postfix) with ESMTPS id DEEB11231
\tfor <x@bigmail.test>; Sun, 22 Nov 2026 03:46:42 +0000 (UTC)
Received: from app (unknown [10.78.0.1])
\t(using TLSv1.2 with cipher X (256/256 bits))
\tby mx1.shop.test (Postfix) with ESMTPSA id 1; Sun, 22 Nov 2026 03:46:42 +0000 (UTC)
"""


def judged(*results, received=RECEIVED, identity="mx.bigmail.test", more=""):
    header = "Authentication-Results: " + ";\n\t".join([identity, *results]) + "\n"
    return verdict(message_from_string(f"{received}{header}{more}From: news@shop.test\n\nbody\n"))


@pytest.mark.parametrize("order", list(permutations([DKIM_RSA, DKIM_ED, SPF, DMARC])))
def test_any_order_reads_the_same(order):
    found = judged(*order)

    assert (found.spf, found.dmarc) == ("pass", "pass")
    assert set(found.dkim) == {Signature("pass", "shop.test", "rsa1"), Signature("pass", "shop.test", "ed1")}
    assert found.good


def test_the_receivers_own_line_says_how_it_came():
    found = judged(SPF)

    assert (found.tls, found.client) == ("TLSv1.3", "fd78::10")


def test_mail_in_clear_is_not_good():
    received = "Received: from x (x [10.78.0.1])\n\tby mx.bigmail.test (Postfix) with ESMTP id 1; Sun, 22 Nov 2026 03:46:42 +0000\n"
    found = judged(DKIM_RSA, SPF, DMARC, received=received)

    assert (found.tls, found.client) == ("", "10.78.0.1")
    assert not found.good


def test_failures_are_told_apart():
    found = judged(
        "dkim=none", "spf=fail smtp.mailfrom=a@b", 'dmarc=fail reason="No valid SPF; No valid DKIM" (policy=reject)'
    )

    assert (found.spf, found.dmarc, found.dkim) == ("fail", "fail", (Signature("none"),))
    assert not found.good


def test_one_bad_signature_among_good_ones_counts():
    assert not judged(DKIM_RSA, "dkim=fail header.d=shop.test header.s=old", SPF, DMARC).dkim_passed


def test_comments_may_hold_anything():
    found = judged('spf=pass (a; (nested "quote; dkim=fail) \\) still) smtp.mailfrom=a@b', DMARC)

    assert (found.spf, found.dmarc, found.dkim) == ("pass", "pass", ())


def test_what_a_sender_claims_is_not_believed():
    forged = "Authentication-Results: mx.evil.test; spf=pass; dkim=pass header.d=shop.test; dmarc=pass\n"
    found = judged("spf=none", "dkim=none", "dmarc=none", more=forged)

    assert (found.spf, found.dmarc, found.dkim) == ("none", "none", (Signature("none"),))


def test_a_message_nobody_judged_has_no_verdict():
    found = verdict(message_from_string("From: a@b\n\nbody\n"))

    assert (found.spf, found.dmarc, found.dkim, found.tls, found.client) == ("none", "none", (), "", "")


def test_version_and_spaces_are_allowed():
    assert judged("spf = pass smtp.mailfrom = a@b", identity="mx.bigmail.test 1").spf == "pass"
