"""The physics: motors that never teleport, diaphragms that promise what comes, echoes that are late by design."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.roles.emount.models import EmountFocusMotor, EmountIris, RowEcho


def motor() -> EmountFocusMotor:
    return EmountFocusMotor(lower=1000, upper=5000, start=2000, steps_per_frame=300, lag_frames=1.5, encoder_offset=-1)


def test_the_plan_arrives_first_and_the_encoder_follows() -> None:
    drive = motor()
    assert drive.set_target(2900, 10.0) == 2900
    assert [drive.planned(frame) for frame in (10, 11, 12, 13, 14)] == [2000, 2300, 2600, 2900, 2900]
    assert [drive.encoder(frame) for frame in (10, 11, 12, 13, 14, 15)] == [1999, 1999, 2149, 2449, 2749, 2899]
    assert drive.moving(14)
    assert not drive.moving(15)


def test_velocity_is_previous_minus_current_an_eighth_of_a_frame_apart() -> None:
    drive = motor()
    drive.set_target(4000, 0.0)
    samples = drive.velocity(4.0, 7)
    assert len(samples) == 7
    assert {byte - 256 for byte in samples} <= {-37, -38}
    assert drive.velocity(20.0, 7) == bytes(7)


@given(
    st.lists(
        st.tuples(st.integers(-100, 70_000), st.floats(0.1, 9.0), st.booleans()),
        max_size=12,
    )
)
def test_whatever_is_ordered_the_motor_stays_in_its_limits_and_its_speed(
    orders: list[tuple[int, float, bool]],
) -> None:
    drive, frame = motor(), 0.0
    track = [drive.planned(frame)]
    for target, pause, stops in orders:
        goal = drive.stop(frame) if stops else drive.set_target(target, frame)
        assert 1000 <= goal <= 5000
        steps = max(1, int(pause * 4))
        for _ in range(steps):
            frame += 0.25
            track.append(drive.planned(frame))
            assert 1000 <= drive.encoder(frame) + 1 <= 5000
    assert all(1000 <= position <= 5000 for position in track)
    assert all(abs(b - a) <= 300 / 4 + 1 for a, b in itertools.pairwise(track))


def test_the_iris_promises_the_next_frame() -> None:
    iris = EmountIris(0x1400, 0x1900, offset=0x10, codes_per_frame=300, current=0x1410, goal=0x1410)
    iris.set_target(0x1600)
    promised = []
    while not iris.is_idle:
        promised.append((iris.next, iris.frames_left))
        iris.step()
    assert [value for value, _ in promised] == [0x1410 + 300, 0x1610]
    assert [left for _, left in promised] == [2, 1]
    iris.set_target(0)
    assert iris.goal == 0x1410


def test_an_echo_is_as_late_as_its_lens() -> None:
    for delay, shown in ((1, [0x15, 0x16, 0x16, 0x16]), (2, [0x15, 0x15, 0x16, 0x16]), (0, [0x15] * 4)):
        echo = RowEcho(delay, (0x15, 0x15))
        first = echo.step()
        echo.select((0x16, 0x16))
        assert [first[0], *(echo.step()[0] for _ in range(3))] == shown
