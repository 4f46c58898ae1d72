"""postwright: running, proven mail-sending infrastructure from one description.

Nothing is imported here: every command loads what it needs, so that ``postwright --help`` is quick.
"""
