"""The DNS half: what we want published, what is there, and the way from one to the other without touching a stranger's value.

Everything is pure but ``providers/``, ``ledger``, ``publish`` and ``propagation``, which are the edges.
"""
