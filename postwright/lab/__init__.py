"""The internet in a box: real Debian hosts on one machine, to practise and to test on.

Nothing is imported here. ``box`` builds and removes a lab, ``state`` says what runs, ``guest`` runs commands on its
hosts, ``mail`` sends a message through it.
"""
