"""IP warm-up on a mail host: who may send how much, by which address, to which provider, and when.

The same code is imported by the command line (plans, forecasts, the check of a configuration) and runs on the host as the
program ``python3 -m pacing``. So it must not import anything but Python's standard library (mx.py also dnspython), and
within the package only relatively.
"""
