"""The one place that knows pyinfra.

``runner`` is what the rest of postwright calls; it starts ``child``, a process of its own because pyinfra needs gevent
to patch the whole interpreter. ``remote`` holds the scripts that run on a mail host.
"""
