"""Warm-up from the operator's side: asks the agents of all hosts, joins what they say, and tells it to people.

The agents themselves are in ``postwright.pacing``. Nothing here decides how much may be sent.
"""
