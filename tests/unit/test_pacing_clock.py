"""The guarded clock: a window once used never gives way to an older one, and a jump forward is not believed at once."""

import pytest
from pacing_tools import NOON, Hands

from postwright.pacing.clock import LabOffset, boottime


@pytest.fixture
def hands():
    return Hands()


def test_the_time_goes_on_as_the_wall_clock_does(hands):
    clock = hands.clock()
    for _ in range(3):
        hands.pass_(1000)
        assert clock.now() == hands.wall
    assert clock.problem == ""


@pytest.mark.parametrize("step", [1, 60, 299])
def test_small_steps_forward_are_believed(hands, step):
    clock = hands.clock()
    hands.wall += step
    assert clock.now() == NOON + step


def test_a_jump_forward_is_not_believed_for_an_hour(hands):
    clock = hands.clock()
    hands.wall += 86_400

    assert clock.now() == NOON
    assert "jumped forward by 86400 s" in clock.problem
    hands.pass_(3599)
    assert clock.now() == NOON + 3599
    hands.pass_(1)
    assert clock.now() == hands.wall == NOON + 86_400 + 3600
    assert clock.problem == ""


def test_a_jump_forward_that_is_undone_leaves_nothing_behind(hands):
    clock = hands.clock()
    hands.wall += 86_400
    clock.now()
    hands.pass_(600)
    hands.wall -= 86_400
    assert clock.now() == NOON + 600
    hands.wall += 86_400
    hands.pass_(3001)
    assert clock.now() == NOON + 3601, "the hour of doubt begins anew"


@pytest.mark.parametrize("back", [1, 3600, 86_400 * 400])
def test_a_clock_set_back_opens_no_older_window(hands, back):
    clock = hands.clock()
    clock.now()
    hands.wall -= back
    assert clock.now() == NOON
    hands.pass_(min(back, 80_000) - 1)
    assert clock.now() == NOON
    assert bool(clock.problem) == (back - min(back, 80_000) + 1 > 300)


def test_a_clock_that_stays_behind_for_a_day_is_believed_again(hands):
    clock = hands.clock()
    clock.now()
    hands.wall -= 86_400 * 30
    clock.now()
    hands.pass_(86_399)
    assert clock.now() == NOON
    hands.pass_(1)
    assert clock.now() == hands.wall == NOON - 86_400 * 29
    hands.pass_(10)
    assert clock.now() == hands.wall


def test_the_latest_moment_of_a_former_run_counts(hands):
    clock = hands.clock(latest=NOON + 7200)
    assert clock.now() == NOON + 7200
    hands.pass_(7300)
    assert clock.now() == NOON + 7300


def test_a_labs_offset_moves_the_time_both_ways_and_is_not_doubted(hands):
    offset = [0.0]
    clock = hands.clock(offset=lambda: offset[0])
    assert clock.now() == NOON
    offset[0] = 86_400 * 3
    assert clock.now() == NOON + 86_400 * 3
    offset[0] = -86_400
    assert clock.now() == NOON - 86_400
    assert clock.guarded() == clock.latest == NOON


def test_a_labs_file_is_read_at_most_once_a_second(tmp_path):
    now = [0.0]
    path = tmp_path / "clock"
    offset = LabOffset(str(path), lambda: now[0])
    assert offset() == 0
    path.write_text("86400\n")
    now[0] = 0.9
    assert offset() == 0
    now[0] = 1.0
    assert offset() == 86_400


@pytest.mark.parametrize("text", [b"", b"x", b"1e9", b"\xff", b"nan"])
def test_a_labs_file_that_holds_no_number_moves_nothing(tmp_path, text):
    path = tmp_path / "clock"
    path.write_bytes(text)
    assert LabOffset(str(path))() == 0
    assert LabOffset(None)() == 0


def test_the_kernels_clock_only_goes_on():
    assert 0 < boottime() <= boottime()
