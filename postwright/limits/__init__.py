"""How much each login may send, counted on the mail host where Postfix asks before it takes a message in.

Runs on the host as ``python3 -m postwright.limits`` with the policy protocol of ``postwright.pacing``, and nothing else but
Python's standard library.
"""
