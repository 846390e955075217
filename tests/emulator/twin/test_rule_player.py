"""The rules of a profile's fields, as an engine plays them."""

from random import Random

import pytest

from lensmount_emulator.engine.field_rules import FieldRule, SessionPhase, StateVariable, check_rules
from lensmount_emulator.engine.rule_player import RulePlayer, value_between
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.errors import ProfileError

CLASSES = {"LensStatus": LensStatus, "FocusStatus": FocusStatus}
APERTURE = {"aperture": StateVariable(field="LensStatus.aperture", values=[0x1400, 0x1600])}


def apply(rules: list[FieldRule], context: dict[str, int], status: LensStatus | None = None) -> LensStatus:
    phases = [SessionPhase(name="rows", modulus=2, clock="sequence", value=1)]
    player = RulePlayer(APERTURE, phases, rules, CLASSES)
    message = status or LensStatus()
    player.apply([message], context)
    return message


def test_a_table_gives_the_row_of_its_key_and_otherwise_its_default() -> None:
    rule = FieldRule(name="LensStatus.unknown_67", kind="table", key=["row1"], data={"0x1515": 6}, otherwise=2)
    assert apply([rule], {"row1": 0x1515}).unknown_67 == 6
    assert apply([rule], {"row1": 0x1616}).unknown_67 == 2


def test_a_table_without_a_default_keeps_the_engines_value() -> None:
    rule = FieldRule(name="LensStatus.unknown_67", kind="table", key=["row1"], data={"1": 6})
    assert apply([rule], {"row1": 2}, LensStatus(unknown_67=9)).unknown_67 == 9


def test_a_phase_counts_from_its_value_by_its_clock() -> None:
    rule = FieldRule(name="LensStatus.unknown_67", kind="table", key=["phase:rows"], data={"0": 4, "1": 5})
    assert [apply([rule], {"sequence": number}).unknown_67 for number in (0, 1, 2)] == [5, 4, 5]


def test_a_copy_follows_its_source_and_clears_a_bit() -> None:
    status = LensStatus(row_a=bytes.fromhex("B10203040506"), row_b=bytes.fromhex("840000000001"))
    rule = FieldRule(
        name="LensStatus.row_d", kind="copy", key=["dwell1"], of=["LensStatus.row_a", "LensStatus.row_b"],
        clear_bit=[-1, 7], data={"0": 0, "1": 1},
    )  # fmt: skip
    assert apply([rule], {"dwell1": 0}, status).row_d == status.row_a
    assert apply([rule], {"dwell1": 1}, status).row_d == bytes.fromhex("040000000001")


def test_an_affine_field_adds_to_its_source() -> None:
    rule = FieldRule(name="LensStatus.aperture_above_widest", kind="affine", of=["LensStatus.aperture"], add=-0x1455)
    assert apply([rule], {}, LensStatus(aperture=0x1500)).aperture_above_widest == 0xAB


def test_a_counter_steps_with_its_phase() -> None:
    rule = FieldRule(name="FocusStatus.unknown_6", kind="counter", phase="c", start=0x10, step=0x20, modulus=0x80)
    player = RulePlayer({}, [SessionPhase(name="c", modulus=4, clock="pair")], [rule], CLASSES)
    values: list[int] = []
    for pair in range(5):
        message = FocusStatus()
        player.apply([message], {"pair": pair})
        values.append(message.unknown_6)
    assert values == [0x10, 0x30, 0x50, 0x70, 0x10]


def test_a_given_state_replaces_the_engines_value_before_the_rules() -> None:
    rule = FieldRule(name="LensStatus.unknown_67", kind="table", key=["aperture"], data={"0x1600": 6}, otherwise=1)
    player = RulePlayer(APERTURE, [], [rule], CLASSES)
    player.given["aperture"] = 0x1600
    message = LensStatus(aperture=0x1400)
    player.apply([message], {})
    assert (message.aperture, message.unknown_67) == (0x1600, 6)


@pytest.mark.parametrize(
    ("between", "state", "value"),
    [("linear", 15, 150), ("nearest", 14, 100), ("nearest", 16, 200), ("linear", 5, 100), ("linear", 99, 200)],
)
def test_numbers_between_two_rows_are_linear_and_never_extrapolated(between: str, state: int, value: int) -> None:
    assert value_between([(10, 100), (20, 200)], state, between) == value


def test_rows_are_interpolated_only_where_kind_and_exponent_are_equal() -> None:
    low, high = bytes.fromhex("B10010F00000"), bytes.fromhex("B10420F80000")
    assert value_between([(0, low), (10, high)], 5, "row") == bytes.fromhex("B10218F40000")
    other = bytes.fromhex("A10420F80000")
    assert value_between([(0, low), (10, other)], 4, "row") == low


def test_noise_without_a_source_of_jitter_keeps_its_first_offset() -> None:
    rule = FieldRule(
        name="FocusStatus.position", kind="noise", around="FocusStatus.planned_position",
        values={"0": 0.5, "1": 0.5}, stay=0.2, initial=1,
    )  # fmt: skip
    player = RulePlayer({}, [], [rule], CLASSES)
    for _ in range(20):
        message = FocusStatus(planned_position=100)
        player.apply([message], {})
        assert message.position == 101


def test_noise_of_velocity_sums_to_minus_the_step_of_the_position() -> None:
    rules = [
        FieldRule(name="FocusStatus.position", kind="noise", around="FocusStatus.planned_position",
                  values={"0": 0.5, "1": 0.5}, stay=0.3),
        FieldRule(name="FocusStatus.velocity", kind="noise", otherwise="00" * 7, low=-8, high=8, rate=0.3,
                  step_of="FocusStatus.position"),
    ]  # fmt: skip
    player = RulePlayer({}, [], rules, CLASSES, Random(1))
    before = 100
    steps = set[int]()
    for _ in range(200):
        message = FocusStatus(planned_position=100)
        player.apply([message], {})
        step = message.position - before
        assert sum((byte ^ 0x80) - 0x80 for byte in message.velocity) == -step
        steps.add(step)
        before = message.position
    assert steps == {-1, 0, 1}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (FieldRule(name="LensStatus.aperure", kind="const"), "unknown field 'aperure'"),
        (FieldRule(name="Nothing.row_a", kind="const"), "unknown message 'Nothing'"),
        (FieldRule(name="LensStatus.row_a", kind="table", key=["rows"]), "unknown key 'rows'"),
        (FieldRule(name="LensStatus.row_a", kind="table", key=["row1"], data={"a": "00"}), "'a' is no list of numbers"),
        (FieldRule(name="LensStatus.row_a", kind="table", key=["row1"], data={"1,2": "00"}), "has 2 numbers"),
        (FieldRule(name="LensStatus.row_a", kind="table", key=["row1"], data={"1": "00"}), "row_a"),
        (FieldRule(name="LensStatus.row_a", kind="copy", key=["row1"], data={"1": 0}), "index of a source"),
        (FieldRule(name="LensStatus.row_a", kind="copy", of=["LensStatus.aperture"]), "no field of LensStatus with 6"),
        (FieldRule(name="LensStatus.aperture", kind="counter", phase="x"), "unknown phase 'x'"),
        (FieldRule(name="LensStatus.aperture", kind="affine"), "needs one source"),
    ],
)
def test_a_rule_that_cannot_play_is_refused_with_its_field(rule: FieldRule, text: str) -> None:
    with pytest.raises(ProfileError) as caught:
        check_rules({}, [], [rule], CLASSES, ["row1"])
    assert text in str(caught.value)
    assert rule.name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_rule_may_follow_the_last_motion_of_a_state() -> None:
    states = {"position": StateVariable(field="FocusStatus.planned_position", values=[0, 1, 2])}
    rules = [
        FieldRule(
            name="FocusStatus.direction", kind="table", key=["position.step"], data={"1": 2, "2": 4}, otherwise=0
        ),
        FieldRule(name="FocusStatus.unknown_6", kind="table", key=["position.recent4"], data={"1": 1}, otherwise=9),
        FieldRule(name="FocusStatus.unknown_15", kind="table", key=["position.direction"], data={"2": 2}, otherwise=1),
    ]
    check_rules(states, [], rules, CLASSES, [])
    player = RulePlayer(states, [], rules, CLASSES)
    shown: list[tuple[int, int, int]] = []
    for position in (0, 1, 1, 1, 1, 1, 0):
        message = FocusStatus(planned_position=position)
        player.apply([message], {})
        shown.append((message.direction, message.unknown_6, message.unknown_15))
    assert shown == [(0, 9, 1), (2, 1, 1), (0, 1, 1), (0, 1, 1), (0, 1, 1), (0, 9, 1), (4, 9, 2)]
