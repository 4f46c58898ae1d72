"""An apply killed at any point of a first run is healed by the next: nothing is half done for good."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from operators import kill, lab_operator, leave

from postwright.lab import box, mail

pytestmark = pytest.mark.lab

LABS = ("lab5", "lab6")  # two at a time, one per core

# The host, the line of progress after which the command is killed, and how long after it, in seconds: keys, DNS, and the
# first steps on a host that has nothing. (test_every_step.py kills at each step of it. The pause decides where, not whether,
# the test passes.) mx1 is empty; on mx3 the packages are there, which is all that the steps before would have done.
POINTS = (
    ("mx1", "install packages", 12.0),
    ("mx3", "making", 0.05),
    ("mx3", "publishing DNS", 0.0),
    ("mx3", "put files in place", 1.2),
)


def killed_after(operator, words, seconds):
    """Start a first apply, and kill it and its children with SIGKILL. True if it was killed in time."""
    process = operator.start("-v", "apply", "--yes", "--no-verify")
    drained = threading.Event()

    for line in process.stderr:
        if words in line:
            break
    threading.Thread(target=lambda: (process.stderr.read(), drained.set()), daemon=True).start()
    time.sleep(seconds)
    alive = process.poll() is None
    kill(process)
    return alive


def heal(folder, lab, host, words, seconds):
    """One point, from a fresh lab to a third run that changes nothing; a line of what was seen."""
    (folder / lab).mkdir(exist_ok=True)
    operator = lab_operator(folder / lab, lab, host)
    try:
        alive = killed_after(operator, words, seconds)
        second = operator.json("apply", "--yes", "--no-verify")
        third = operator.json("apply", "--yes")  # compares what each service was started with to what is on disk
        good = mail.exchange(name=lab, host=host).good
        guard = operator.on_host("test -e /usr/sbin/policy-rc.d", check=False).returncode
        left = operator.on_host(
            "ls -d /var/lib/postwright/stage-* /etc/postfix/.postwright-new-* 2>/dev/null", check=False
        )
    finally:
        leave(operator)
    point = f"{host} killed {seconds} s after {words!r}"
    assert alive, f"{point}: it had ended before it was killed"
    assert second["proven"], f"{point}: the next run did not prove that the host signs"
    assert third["changed"] is False, f"{point}: the third run changed {third}"
    assert good, f"{point}: the message does not pass"
    assert guard != 0, f"{point}: policy-rc.d was left behind"
    assert left.stdout == "", f"{point}: left {left.stdout}"
    return point


def test_an_apply_killed_anywhere_is_healed_by_the_next_and_the_third_changes_nothing(tmp_path):
    queue = list(POINTS)
    random.Random(0).shuffle(queue)  # long and short ones meet by chance, not in step
    free = list(LABS)

    def one(point):
        lab = free.pop()
        try:
            return heal(tmp_path, lab, *point)
        finally:
            free.append(lab)

    with ThreadPoolExecutor(len(LABS)) as pool:
        healed = list(pool.map(one, queue))

    assert len(healed) == len(POINTS)
    for lab in LABS:
        box.down(lab)
