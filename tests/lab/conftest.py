"""A project on a fresh lab for a module of tests."""

import pytest
from operators import lab_operator, leave


@pytest.fixture(scope="module")
def operator(request, tmp_path_factory):
    """A fresh lab for the module; LAB and HOST in the module say which."""
    host = getattr(request.module, "HOST", "mx1")
    made = lab_operator(tmp_path_factory.mktemp("operator"), request.module.LAB, host)
    yield made
    leave(made)
