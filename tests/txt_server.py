"""An authoritative name server on loopback that knows TXT records and nothing else; what it says can change at any time."""

from __future__ import annotations

import socket
import threading

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from postwright.dns.canonical import txt_rdata


class TxtServer:
    """``records``: name → texts. ``endpoint``: as an inventory's ``servers`` has it. Runs for the time of a block."""

    def __init__(self, records=None):
        self.records = records if records is not None else {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def endpoint(self):
        return f"127.0.0.1@{self._socket.getsockname()[1]}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"end", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self):
        while True:
            wire, sender = self._socket.recvfrom(4096)
            if wire == b"end":
                return
            self._socket.sendto(self._answer(dns.message.from_wire(wire)).to_wire(), sender)

    def _answer(self, query):
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        question = query.question[0]
        texts = self.records.get(question.name.to_text(omit_final_dot=True).lower(), [])
        if texts:
            rdatas = [txt_rdata([text.encode()]) for text in texts]
            answer.answer.append(dns.rrset.from_text(question.name, 5, "IN", "TXT", *rdatas))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
