"""Who plays the toy, as a package of somebody else would bring it: a cast with nothing that it need not have."""

from collections.abc import Sequence
from random import Random

from lensmount_toy import TOY, Ping, Pong
from msgspec import Struct

from lensmount import Role
from lensmount.roles import ARRIVAL, DialectRoles, Engine, Place, ReceivedFrame, Step, Task, Wait, parse_count


class BodySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What a body's profile says."""

    patience_ms: int = 20


class LensSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What a lens's profile says."""

    temperature: int = 2930


class ToyBody(Engine):
    """Pings."""

    def __init__(self, settings: BodySettings, carried: frozenset[str] | None, script: Sequence[Step]) -> None:
        super().__init__(TOY, Role.BODY, carried)
        self.settings, self.script = settings, script
        self.answered: list[int] = []
        self.levels["D"] = "D" in self.carried

    def on_start(self) -> None:
        """The supply comes on, and the script runs."""
        self.spawn(self._live())

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """A pong came."""
        self.answered += [message.number for message in arrival.messages if isinstance(message, Pong)]

    def _live(self) -> Task:
        yield self.level("D", False)
        self.drive("V", True)
        for step in self.script:
            yield from one_more_step(self, step)
        self.done = True


class ToyLens(Engine):
    """Pongs."""

    def __init__(self, settings: LensSettings, carried: frozenset[str] | None) -> None:
        super().__init__(TOY, Role.LENS, carried)
        self.settings = settings

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """A ping came."""
        for message in arrival.messages:
            if isinstance(message, Ping):
                pong = Pong(number=message.number, temperature=self.settings.temperature)
                self.transmit(self.connection.send([pong], 0, 0))


def one_more_step(engine: Engine, step: Step) -> Task:
    """Ping once."""
    assert isinstance(engine, ToyBody)
    number = int(step.value)
    engine.transmit(engine.connection.send([Ping(number=number)], 0, 0))
    yield Wait(engine.after(engine.settings.patience_ms * 1e3), lambda: number in engine.answered, (ARRIVAL,))
    engine.report(f"ping {number}", is_error=number not in engine.answered)


def _engine(settings: Struct, carried: frozenset[str] | None, _random: Random | None, script: Sequence[Step]) -> Engine:
    if isinstance(settings, LensSettings):
        return ToyLens(settings, carried)
    assert isinstance(settings, BodySettings)
    return ToyBody(settings, carried, script)


TOY_CAST = DialectRoles(
    settings={Place.BODY: BodySettings, Place.LENS: LensSettings},
    check=lambda _place, _settings: None,
    verbs={"ping": parse_count},
    lens_verbs={},
    rules={},
    make_engine=_engine,
    default_body="toy-body",
    default_lens="toy-lens",
    execute_step=one_more_step,
)
