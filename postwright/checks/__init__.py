"""The checks `postwright verify` runs: pytest functions over testinfra, each the proof of one promise.

They ask the live host, the live DNS and a live message, never what a run remembers. A check that gets no answer is
"unknown", which is not "ok".
"""
