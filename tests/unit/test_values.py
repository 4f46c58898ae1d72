"""What an inventory writes as text comes out in one normal form that is safe in every file, or is refused."""

from datetime import timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postwright import values

RENDERED = (
    values.host_name,
    values.dns_name,
    values.local_part,
    values.email_address,
    values.sender,
    values.alias,
    values.identifier,
    values.login,
    values.server,
)


@pytest.mark.parametrize(
    ("rule", "given", "expected"),
    [
        (values.host_name, " MX1.Example.COM. ", "mx1.example.com"),
        (values.host_name, "xn--bcher-kva.example", "xn--bcher-kva.example"),
        (values.dns_name, "_domainkey.Example.com", "_domainkey.example.com"),
        (values.dns_name, "8.b.d.0.1.0.0.2.ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"),
        (values.email_address, "First.Last+tag@Example.COM", "First.Last+tag@example.com"),
        (values.sender, "@Example.com", "@example.com"),
        (values.alias, "Sales", "sales"),
        (values.alias, "*", "*"),
        (values.login, "app@Example.com", "app@example.com"),
        (values.login, "app-1", "app-1"),
        (values.server, "ntp.Example.org", "ntp.example.org"),
        (values.server, "192.0.2.1", "192.0.2.1"),
        (values.address, "2001:DB8::1", ip_address("2001:db8::1")),
        (values.network, "192.0.2.0/24", ip_network("192.0.2.0/24")),
    ],
)
def test_the_normal_form(rule, given, expected):
    assert rule(given) == expected


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        *((values.host_name, name) for name in ("", "localhost", "a..b", "-a.b", "a_b.c", "a b.c", "1.2.3.4", "a." * 127 + "ab", "a.b..")),
        *((values.local_part, local) for local in ("", ".a", "a.", "a..b", "a b", 'a"b', "a\nb", "#a", "a" * 65, "a:b", "a,b")),
        *((values.email_address, text) for text in ("a", "@b.c", "a@b", "a@b@c.d", "a@b.c\nx y")),
        *((values.address, it) for it in ("", "192.0.2", "192.0.2.01", "fe80::1%eth0", 5, True, None, b"1234")),
        *((values.sending_address, it) for it in ("::", "::1", "224.0.0.1", "fe80::1")),
        *((values.network, it) for it in ("192.0.2.1/24", "x", 5, "fe80::%1/64", None)),
        *((values.trusted_network, it) for it in ("0.0.0.0/0", "::/0")),
        *((values.variable, it) for it in ("", "A-B", "1A", "A=B", "A\n")),
        *((values.identifier, it) for it in ("", "A", "-a", "a b", "a\n")),
        *((values.trust_anchor, it) for it in ("", 'a"', "a\nb")),
        *((values.local_path, it) for it in ("", "a\0b", "a\nb")),
        *((values.selector_template, it) for it in (
            "", "pw", "pw{serial}", "{host}", "{date", "{date}}", "{date}{}", "{date}{0}", "{date}{x}", "{date}{host.x}",
            "{date}{host[x]}", "-{date}", "{date}-", "pw.{date}", "PW{date}", "pw_{date}", "{date}\n", "a" * 60 + "{date}",
        )),
        *((values.at_least("30d"), it) for it in ("29d", "1s", "719h", "4w")),
    ],
)  # fmt: skip
def test_what_is_refused(rule, given):
    with pytest.raises(ValueError, match=r"\w"):
        rule(given)


@pytest.mark.parametrize("rule", RENDERED)
@given(text=st.text(max_size=30) | st.from_regex(r"[a-z@.#*-]{1,12}[\s\"';:,]?[a-z.]{0,4}", fullmatch=True))
def test_nothing_that_could_start_another_line_or_setting_comes_through(rule, text):
    try:
        result = rule(text)
    except ValueError:
        return
    assert result.isascii()
    assert not set(result) & set(' \t\r\n"\\,;()<>')
    assert not result.startswith("#")


@pytest.mark.parametrize("rule", RENDERED)
@given(text=st.text(max_size=30))
def test_a_normal_form_is_its_own_normal_form(rule, text):
    try:
        result = rule(text)
    except ValueError:
        return
    assert rule(result) == result


@pytest.mark.parametrize(
    "template", ["pw{date}", "{date}", "{host}-{date}-{serial}", "{serial}x{date}", "a{date}b{date}"]
)
def test_a_template_for_selectors_stays_as_it_is(template):
    assert values.selector_template(template) == template


@given(st.text(st.sampled_from("pw-.{}daterihos_0A"), max_size=20))
def test_a_template_that_is_taken_gives_a_label_with_the_date_in_it(text):
    try:
        template = values.selector_template(text)
    except ValueError:
        return
    for serial, host in ((1, "mx1"), (12, "mx2-example-com")):
        name = template.format(date="20270101", serial=serial, host=host)
        assert values.label(name) == name
        assert "20270101" in name


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", {"seconds": 90}), ("5m", {"minutes": 5}), ("12h", {"hours": 12}), ("30d", {"days": 30}), ("2w", {"weeks": 2})],
)  # fmt: skip
def test_a_duration_is_what_postfix_takes_it_for(text, expected):
    assert values.duration(text) == timedelta(**expected)


@pytest.mark.parametrize("text", ["30d", "31d", "720h", "5w"])
def test_a_duration_that_is_long_enough_stays_as_it_is(text):
    assert values.at_least("30d")(text) == text


def test_ed25519_alone_is_refused_with_the_reason():
    with pytest.raises(ValueError, match=r'many receivers cannot verify.*say "rsa\+ed25519"'):
        values.signature_algorithm("ed25519")
    assert [values.signature_algorithm(it) for it in ("rsa", "rsa+ed25519", 5)] == ["rsa", "rsa+ed25519", 5]


def test_a_secret_in_place_of_its_name_is_not_repeated():
    with pytest.raises(ValueError, match="never write the secret here") as caught:
        values.variable("hunter2!")
    assert "hunter2" not in str(caught.value)
