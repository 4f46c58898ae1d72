"""Many signed messages on one connection: answers in any order, too few, too many, too large to wait for each other."""

import re
import socket
import struct
import threading

import dns.exception
import dns.message
import dns.rrset
import dns.tsig
import pytest

from postwright.dns.providers.rfc2136.connection import Connection
from postwright.errors import ProviderError

KEY = dns.tsig.Key("k.", b"0123456789abcdef", "hmac-sha256.")
OTHER = dns.tsig.Key("k.", b"fedcba9876543210", "hmac-sha256.")


def queries(number):
    return [dns.message.make_query(f"n{at}.example.com.", "TXT", flags=0) for at in range(number)]


def received(stream):
    (length,) = struct.unpack("!H", stream.read(2))
    return dns.message.from_wire(stream.read(length), keyring=KEY)


def answered(query, *, text="x", number=None):
    response = dns.message.make_response(query)
    response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "TXT", text))
    response.id = query.id if number is None else number
    return response.to_wire(prepend_length=True)


@pytest.fixture
def exchange():
    """Run a server on one end and an exchange on the other; both are over when it returns."""
    here, there = socket.socketpair()
    here.setblocking(False)
    for end in (here, there):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the least there is
    threads = []

    def run(server, messages, seconds=5.0):
        def work():
            with there, there.makefile("rb") as reading:
                server(reading, there.sendall)

        threads.append(threading.Thread(target=work))
        threads[0].start()
        return Connection(here, KEY, seconds, ProviderError).exchange(messages)

    yield run
    here.shutdown(socket.SHUT_RDWR)
    here.close()
    for thread in threads:
        thread.join(5)


def test_answers_are_matched_by_id_in_whatever_order_they_come(exchange):
    """RFC 7766 §6.2.1.1: a server may answer first what is ready first."""

    def backwards(stream, write):
        for query in reversed([received(stream) for _ in range(20)]):
            write(answered(query))

    responses = exchange(backwards, queries(20))
    assert [str(response.answer[0].name) for response in responses] == [f"n{at}.example.com." for at in range(20)]


def test_a_server_that_reads_no_further_until_its_answer_is_taken_is_no_deadlock(exchange):
    """Both buffers are full long before all is sent; more than go at once are asked."""

    def one_by_one(stream, write):
        for _ in range(600):
            write(answered(received(stream), text=" ".join([f'"{"x" * 250}"'] * 40)))

    assert len(exchange(one_by_one, queries(600))) == 600


def test_too_few_answers_are_none(exchange):
    """Half an answer would make a wrong plan."""

    def half(stream, write):
        asked = [received(stream) for _ in range(4)]
        for query in asked[:2]:
            write(answered(query))

    with pytest.raises(ProviderError, match=r"broke off .*; run the plan again"):
        exchange(half, queries(4))


def test_a_server_that_falls_silent_is_not_waited_for(exchange):
    def silent(stream, write):
        write(answered(received(stream)))
        stream.read()

    with pytest.raises(ProviderError, match="did not answer in time"):
        exchange(silent, queries(2), seconds=0.2)


@pytest.mark.parametrize("number", ["another", "twice"])
def test_an_answer_that_nobody_waits_for_is_not_trusted(exchange, number):
    def stray(stream, write):
        first, second = received(stream), received(stream)
        unused = next(at for at in range(3) if at not in (first.id, second.id))
        write(answered(first))
        write(answered(second, number=unused if number == "another" else first.id))

    with pytest.raises(ProviderError):
        exchange(stray, queries(2))


@pytest.mark.parametrize("key", [None, OTHER])
def test_an_answer_with_another_signature_or_none_says_so_though_the_connection_broke_off(exchange, key):
    def foreign(stream, write):
        query = received(stream)
        response = dns.message.make_response(dns.message.make_query(query.question[0].name, "TXT", id=query.id))
        if key:
            response.request_mac = query.mac
            response.use_tsig(key)
        write(response.to_wire(prepend_length=True))

    with pytest.raises(ProviderError) as caught:
        exchange(foreign, queries(3))
    assert re.search("without a signature" if key is None else "not signed with our secret", str(caught.value))
