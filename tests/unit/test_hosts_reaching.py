"""Why a host cannot be reached is said with its name, where it was looked for, and what to do."""

import pytest

from postwright.hosts.reaching import unreachable


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("[Errno None] Unable to connect to port 22", "check that it is up, and address, port and firewall"),
        ("Authentication failed", "the host refused the key; check ssh_key and the user's authorized_keys"),
        ("Permission denied (publickey)", "the host refused the key; check ssh_key and the user's authorized_keys"),
        ("Host key verification failed", "remove the old key from known_hosts"),
        ("No known host key for 192.0.2.1", "remove the old key from known_hosts"),
    ],
)
def test_a_problem_names_host_cause_and_remedy(said, remedy):
    found = unreachable("mx1", "op@192.0.2.1:22", said)

    assert found.startswith(f"host mx1: cannot connect to op@192.0.2.1:22: {said}; ")
    assert found.endswith(remedy)
