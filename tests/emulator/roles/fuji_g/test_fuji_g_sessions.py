"""Virtual sessions of the clocked dialect: start-up, moves, rings, sleep, blocks, faults, and the rules of the link."""

import pytest

from lensmount_emulator.engine.dialect_roles import Place, get_roles
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.faults.registry import FaultPlan, parse_fault
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.fuji_g.body import BodyEngine
from lensmount_emulator.roles.fuji_g.lens import LensEngine, turn_code
from lensmount_emulator.roles.fuji_g.motion import FocusMotion, IrisMotion, way_of_move
from lensmount_emulator.roles.fuji_g.profile import FocusValues, IrisValues, LensSettings, check_settings
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialects.fuji_g import commands as c
from lensmount_protocol.dialects.fuji_g.dialect import FUJI_G
from lensmount_protocol.dialects.fuji_g.exchange import ExchangeChecker
from lensmount_protocol.dialects.fuji_g.lines import FOCUS_BUSY, IRIS_BUSY, SUPPLY
from lensmount_protocol.dialects.fuji_g.link import BodyBlock, BodyNull, LensBlock
from lensmount_protocol.errors import FaultError, ProfileError
from lensmount_protocol.wire import Annotation, Burst, Edge, Role, WireRecord


class Played:
    """A session that is run until the script is over and some time longer."""

    def __init__(self, script: str, lens: str = "gf45", faults: tuple[str, ...] = (), seconds: float = 0.3) -> None:
        roles = get_roles("fuji-g")
        self.records: list[WireRecord] = []
        self.notices: list[Notice] = []
        body = roles.make_engine(load_profile("gfx50r").settings, None, None, parse_script(script, roles.verbs))
        made = roles.make_engine(load_profile(lens).settings, None, None, ())
        assert isinstance(body, BodyEngine)
        assert isinstance(made, LensEngine)
        self.body, self.lens = body, made
        plan = FaultPlan([parse_fault(fault) for fault in faults], 7) if faults else None
        self.session = VirtualSession(
            FUJI_G, body, made, tap=self.records.append, on_notice=self.notices.append, plan=plan
        )
        self.session.start()
        self.session.run(20.0, stop_when=lambda: body.done)
        self.session.run(self.session.now + seconds)

    @property
    def frames(self) -> list[DecodedFrame]:
        return [event for event in Decoder(FUJI_G).decode(self.records) if isinstance(event, DecodedFrame)]

    @property
    def errors(self) -> list[str]:
        return [notice.text for notice in self.notices if notice.is_error]

    def edges(self, line: str) -> list[Edge]:
        return [record for record in self.records if isinstance(record, Edge) and record.line == line]


@pytest.fixture(scope="module")
def played() -> Played:
    return Played(
        "focus 800; iris 9; turn 4; wait 0.2; ring 7; wait 0.5; speed 2000; focus 100; sleep; wake; focus 300"
    )


def test_script_is_carried_out_and_no_rule_is_broken(played: Played) -> None:
    assert played.body.done
    assert played.errors == []
    assert played.session.violations == []
    checker = ExchangeChecker()
    broken = [text for frame in played.frames for text in checker.on_frame(frame.sender, frame.frame, frame.at)]
    assert broken == []
    assert len(played.frames) > 1000


def test_both_ends_shift_in_each_burst(played: Played) -> None:
    bursts = [record for record in played.records if isinstance(record, Burst)]
    pairs = list(zip(bursts[::2], bursts[1::2], strict=True))
    assert pairs
    assert all(
        (one.sender, other.sender) == (Role.BODY, Role.LENS)
        and (one.at, one.end, len(one.data)) == (other.at, other.end, len(other.data))
        for one, other in pairs
    )


def test_first_sessions_are_those_of_the_captures(played: Played) -> None:
    requests = [
        frame.messages[0]
        for frame in played.frames
        if frame.sender is Role.BODY and frame.frame.class_ == 0 and not isinstance(frame.messages[0], BodyNull)
    ]
    assert requests[:5] == [
        c.ExecuteCommand(),
        c.BlockPrepareCommand(0xB801),
        c.LensBlockAnnounceCommand(),
        c.StatusRequest(),
        c.ApertureRingRequest(),
    ]
    later = [type(request) for request in requests]
    first = later.index(c.Query20)
    assert later[first : first + 9] == [
        c.Query20,
        c.ExecuteCommand,
        c.Command2A,
        c.ExecuteCommand,
        c.BusyEndedCommand,
        c.Query09Request,
        c.PositionRequest,
        c.IrisStepRequest,
        c.MoveResultRequest,
    ]


def test_start_keeps_the_captured_times(played: Played) -> None:
    supply = played.edges(SUPPLY)[0].at
    busy = [edge for edge in played.edges(FOCUS_BUSY) if edge.at < supply + 0.3][:3]
    assert [(edge.level, round((edge.at - supply) * 1e3, 1)) for edge in busy] == [
        (True, 0.0),
        (False, 51.9),
        (True, 239.2),
    ]
    first = next(frame for frame in played.frames if frame.at is not None)
    assert first.at is not None
    assert first.at - supply == pytest.approx(0.1146, abs=1e-4)


def test_focus_reports_busy_and_ends_at_its_target(played: Played) -> None:
    positions = [message.value for frame in played.frames if isinstance(message := frame.messages[0], c.PositionReply)]
    assert 800 in positions
    assert 774 in positions, "the ring was turned by 4: 26 units"
    assert positions[-1] == 300
    statuses = [message.value for frame in played.frames if isinstance(message := frame.messages[0], c.StatusReply)]
    assert any(status & 1 for status in statuses)
    assert any(status & 2 for status in statuses)


def test_iris_takes_the_captured_time_for_its_steps(played: Played) -> None:
    edges = played.edges(IRIS_BUSY)
    fell = next(index for index, edge in enumerate(edges) if not edge.level and edge.at > 0.3)
    assert (edges[fell + 1].at - edges[fell].at) * 1e3 == pytest.approx(275, abs=0.5)
    steps = [message.value >> 8 for frame in played.frames if isinstance(message := frame.messages[0], c.IrisStepReply)]
    assert 9 in steps
    assert 6 in steps, "the ring was set to index 7"


def test_sleep_parks_the_lens_and_switches_the_supply_off(played: Played) -> None:
    supply = played.edges(SUPPLY)
    assert [edge.level for edge in supply] == [True, False, True]
    statuses = [
        message.value
        for frame in played.frames
        if isinstance(message := frame.messages[0], c.StatusReply) and (frame.at or 0) < supply[1].at
    ]
    parked = [status & 3 for status in statuses][-8:]
    assert 1 in parked
    assert 2 in parked


def test_body_sends_its_block_only_to_the_lens_that_gets_it() -> None:
    blocks = {
        lens: [type(frame.messages[0]) for frame in Played("", lens).frames if frame.frame.class_ == 2]
        for lens in ("gf45", "gf110")
    }
    assert blocks["gf45"].count(LensBlock) == 2
    assert blocks["gf45"].count(BodyBlock) == 0
    assert blocks["gf110"].count(LensBlock) == 2
    assert blocks["gf110"].count(BodyBlock) == 2


def test_same_seed_gives_the_same_records() -> None:
    faults = ("bitflip rate=2e-3",)
    assert Played("focus 800", faults=faults).records == Played("focus 800", faults=faults).records


def test_damaged_bits_are_reported_and_the_session_goes_on() -> None:
    run = Played("focus 800; iris 3", faults=("bitflip rate=5e-4 until=2s",))
    assert any(isinstance(event, DecodedGarbage) for event in Decoder(FUJI_G).decode(run.records))
    assert run.errors
    assert run.body.done
    assert not run.body.gave_up
    assert run.body.lens.iris_step == 3


def test_unit_that_is_loaded_late_is_named_and_the_session_goes_on() -> None:
    run = Played("focus 800", faults=("delay-frame by=2ms from=lens at=200ms count=3",))
    notes = [record.text for record in run.records if isinstance(record, Annotation)]
    assert any("the lens has loaded nothing: it shifts out 0x00" in note for note in notes)
    assert run.body.done
    assert not run.body.gave_up


def test_lens_that_is_detached_in_a_session_starts_again() -> None:
    run = Played("focus 800; wait 0.5; focus 100", faults=("detach at=500ms for=200ms",))
    assert run.body.done
    assert not run.body.gave_up
    assert [edge.level for edge in run.edges(SUPPLY)] == [True, False, True]
    assert run.body.lens.position == 100


def test_fault_of_a_select_line_is_refused_where_there_is_none() -> None:
    with pytest.raises(FaultError, match="fuji-g has no select line; name the line of the fault"):
        FaultPlan([parse_fault("stuck-line")], 1).check(FUJI_G)
    with pytest.raises(FaultError, match="has no select line"):
        FaultPlan([parse_fault("selects")], 1).check(FUJI_G)


@pytest.mark.parametrize(
    ("speed", "way", "mode", "milliseconds"),
    # Moves of a GF45 in captures: ordered speed, way, mode, duration of the busy line.
    [(9977, 333, 0x201, 71.5), (4848, 284, 0x200, 79.7), (750, 26, 0x120, 51.4), (3147, 237, 0x120, 149.5)],
)
def test_focus_takes_the_captured_time(speed: int, way: int, mode: int, milliseconds: float) -> None:
    motion = FocusMotion(FocusValues(lower=-164, upper=1275, initial=100))
    assert motion.move(100 + way, speed, 1.0, mode) - 1.0 == pytest.approx(milliseconds * 1e-3, rel=0.06)
    assert motion.position(motion.end) == pytest.approx(100 + way)


def test_focus_is_continuous_through_a_change_of_speed_and_a_stop() -> None:
    motion = FocusMotion(FocusValues(lower=0, upper=1275, initial=0))
    motion.move(1200, 9000, 0.0)
    before = motion.position(0.05)
    motion.set_speed(3000, 0.05)
    assert motion.position(0.05) == pytest.approx(before)
    before = motion.position(0.1)
    stopped = motion.stop(0.1)
    assert motion.position(0.1) == pytest.approx(before)
    assert before < motion.position(stopped) < 1200
    assert motion.position(stopped + 1) == motion.position(stopped)


def test_position_of_the_past_is_where_it_was() -> None:
    motion = FocusMotion(FocusValues(lower=0, upper=1275, initial=0))
    motion.move(1200, 9000, 0.0)
    for at, change in ((0.04, lambda: motion.set_speed(2000, 0.04)), (0.05, lambda: motion.stop(0.05))):
        before = [motion.position(at - ago) for ago in (0.002, 0.001, 0.0)]
        assert before[0] < before[1] < before[2]
        change()
        assert [motion.position(at - ago) for ago in (0.002, 0.001, 0.0)] == pytest.approx(before)


def test_way_of_a_move_is_the_inverse_of_its_duration() -> None:
    values = FocusValues(lower=0, upper=1275, initial=0)
    for way, speed in ((900, 5000), (30, 9000)):
        motion = FocusMotion(values)
        assert way_of_move(motion.move(way, speed, 0.0), speed, values.acceleration) == pytest.approx(way)


def test_iris_moves_faster_around_the_exposure() -> None:
    iris = IrisMotion(IrisValues(steps=21))
    assert iris.move(1, 1, 0.0) == pytest.approx(0.035)
    assert iris.move(10, 7, 1.0) - 1.0 == pytest.approx(0.0437, abs=1e-3)
    assert iris.move(10, 1, 2.0) - 2.0 == pytest.approx(0.0077)


@pytest.mark.parametrize(("turn", "code"), [(1, 0), (7, 0), (8, 2), (9, 2), (10, 4), (15, 4), (-3, 7), (0x7FFE, 0)])
def test_status_has_the_size_of_the_last_turn(turn: int, code: int) -> None:
    assert turn_code(turn) == code


def test_profile_with_a_value_out_of_range_is_refused() -> None:
    good = load_profile("gf45").settings
    assert isinstance(good, LensSettings)
    for change, text in (
        ({"load_us": 300.0}, "load_us is 300; it must lie between 0 and 249"),
        ({"code": "123456789"}, "at most 8 characters"),
        ({"version": "zz"}, "bytes in hexadecimal"),
        ({"focus": FocusValues(lower=5, upper=5, initial=5)}, "focus.lower is 5"),
    ):
        values = {name: getattr(good, name) for name in good.__struct_fields__} | change
        with pytest.raises(ProfileError, match=text):
            check_settings(Place.LENS, LensSettings(**values))
