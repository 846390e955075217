"""What plays somebody else's dialect, as a package of its own would bring it: settings, verbs and two engines."""

from collections.abc import Iterable, Sequence
from random import Random

from lensmount_toy import TOY, Ping, Pong
from msgspec import Struct

from lensmount import DecodedFrame, Decoder, Profile, ProfileError, Role
from lensmount.dialect import Dialect, Frame
from lensmount.roles import (
    ARRIVAL,
    CaptureReplay,
    DialectRoles,
    Engine,
    FuzzTraits,
    Place,
    ReceivedFrame,
    ReplayScore,
    Step,
    Task,
    Wait,
    compare_replay,
    parse_count,
)
from lensmount.wire import Burst, LineChanged, Received, Transmit, WireRecord, transmission_time


class ToySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A toy."""

    temperature: int = 2930


class ToyLens(Engine):
    """Says how warm it is."""

    def __init__(self, settings: ToySettings, carried: frozenset[str] | None, random: Random | None) -> None:
        super().__init__(TOY, Role.LENS, carried, random)
        self.settings = settings

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        for message in arrival.messages:
            if isinstance(message, Ping):
                answer = Pong(number=message.number, temperature=self.settings.temperature)
                self.transmit(self.connection.send([answer], 0, 0))


class ToyBody(Engine):
    """Asks as often as its script says."""

    def __init__(self, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]) -> None:
        super().__init__(TOY, Role.BODY, carried, random)
        self.script = script
        self.heard: list[Pong] = []

    def on_start(self) -> None:
        if "D" in self.carried:
            self.levels["D"] = True
        else:
            self.spawn(self._play())

    def on_line(self, edge: LineChanged) -> None:
        if edge.line == "D" and not edge.level:
            self.drive("V", True)
            self.spawn(self._play())

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        self.heard += [message for message in arrival.messages if isinstance(message, Pong)]

    def _play(self) -> Task:
        for step in self.script:
            for number in range(step.value):
                asked = len(self.heard)
                frame = self.connection.send([Ping(number=number)], 0, 0)
                self.transmit(frame)
                yield Wait(
                    self.now + transmission_time(len(frame), 9600) + 0.1,
                    lambda count=asked: len(self.heard) > count,  # type: ignore[misc]
                    (ARRIVAL,),
                )
                self.report(f"{self.heard[-1].temperature / 10 - 273:.1f} degrees")
        self.done = True


def _engine(settings: Struct, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]) -> Engine:
    if isinstance(settings, ToySettings):
        return ToyLens(settings, carried, random)
    return ToyBody(carried, random, script)


class ToyBodySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body without a choice."""


def _check(_place: Place, settings: Struct) -> None:
    if isinstance(settings, ToySettings) and not 0 <= settings.temperature <= 6000:
        raise ProfileError(f"temperature is {settings.temperature}; it must lie between 0 and 6000")


def _number(frame: Frame) -> int | None:
    return next((message.number for message in frame.messages if isinstance(message, Ping | Pong)), None)


def _numbers(frame: Frame) -> Iterable[int]:
    return (message.number for message in frame.messages if isinstance(message, Ping))


def replay_toy(records: Sequence[WireRecord], dialect: Dialect, profile: Profile) -> CaptureReplay:
    """Play the body of a capture against a lens of ours."""
    captured = list(Decoder(dialect).decode(records))
    frames = [event for event in captured if isinstance(event, DecodedFrame)]
    lens = cast_lens(profile)
    lens.start(0.0)
    ours: list[WireRecord] = []
    for frame in frames:
        if frame.sender is Role.BODY and frame.at is not None:
            lens.receive(Received(frame.frame.raw), frame.at)
            ours += [
                Burst(frame.at, Role.LENS, action.data, 9600)
                for action in lens.actions()
                if isinstance(action, Transmit)
            ]
    played = list(Decoder(dialect).decode(ours))
    score = ReplayScore("lens", requests=sum(frame.sender is Role.BODY for frame in frames))
    replies = [event for event in played if isinstance(event, DecodedFrame)]
    compare_replay(score, [frame for frame in frames if frame.sender is Role.LENS], replies, ())
    return CaptureReplay(score, captured, played)


def cast_lens(profile: Profile) -> Engine:
    """The lens of a profile on the virtual mount."""
    return _engine(profile.settings, None, None, ())


TOY_CAST = DialectRoles(
    settings={Place.LENS: ToySettings, Place.BODY: ToyBodySettings},
    check=_check,
    verbs={"ping": parse_count},
    lens_verbs={},
    rules={},
    make_engine=_engine,
    default_body="toy-body",
    default_lens="toy-lens",
    fuzz_traits=FuzzTraits(
        request_key=_number,
        reply_key=_number,
        reply_keys=_numbers,
        bodies=("toy-body",),
        lenses=("toy-lens",),
        scripts=("", "ping 5"),
        verbs=("ping 1", "ping 2"),
    ),
    probe=lambda: Ping(number=1),
    capture_replay="lensmount_toy_roles:replay_toy",
)
