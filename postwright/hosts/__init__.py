"""The one place that knows pyinfra.

``planning`` and ``runner`` are what the rest of postwright calls. They ask ``process``, which has one ``child`` for a whole
command: a process of its own, because pyinfra needs gevent to patch the whole interpreter. ``remote`` holds the scripts
that run on a mail host.
"""
