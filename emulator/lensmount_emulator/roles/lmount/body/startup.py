"""The start of a lens by a body: supply, greeting, pages, power grant, rate, identity, abilities, stream.

Also sends a lens to sleep, and wakes it by its attention line.
"""

from collections.abc import Callable, Generator
from typing import Any

from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.engine.tasks import Wait, WaitFor
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.roles.lmount import compatibility_rules
from lensmount_emulator.roles.lmount.body.engine_base import ANSWER, MAX_SENDS, REPORT, BodyEngineBase
from lensmount_emulator.roles.lmount.body.frame_loop import start_frame_clock
from lensmount_emulator.roles.lmount.ids import (
    CIRCLES,
    feature_bits,
    maker_name,
    maker_number,
    model_number,
    offered_extensions,
)
from lensmount_emulator.roles.lmount.profile import version_bytes
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionAccept, ExtensionOffer
from lensmount_protocol.dialects.lmount.framing import LINK
from lensmount_protocol.dialects.lmount.identity import (
    Identity,
    IdentityRequest,
    LensCapabilities,
    LensCapabilitiesRequest,
)
from lensmount_protocol.dialects.lmount.lines import (
    BODY_ATT,
    FIRST_BAUDRATE,
    FSYNC,
    LENS_ATT,
    TXD,
    V_DRIVE,
    V_LOGIC,
)
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone, SetBaudrateCommand, Sleep, StreamConfig
from lensmount_protocol.dialects.lmount.power import ImageCircleSelect, PowerGrant
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserCommand
from lensmount_protocol.dialects.lmount.timing import BOOT_US
from lensmount_protocol.dialects.lmount.types import (
    POWER_LIMITS_MA,
    Feature,
    ImageCircle,
    Outcome,
    Part,
    PowerClass,
    StabiliserMode,
)
from lensmount_protocol.wire import Role

HELLO_TIMEOUT_S = 0.06
"""A greeting may take 20 ms, plus its time on the wire at the slow rate."""

SWITCH_US = 1000.0
SPARE, LIVE_SPARE = 2, 15
HOMING_TIMEOUT_S = 3.0
SHARED_PERMILLE = 500
"""The lens's part in shared stabilisation: half of it, modelled; the makers' values are not public."""

StartupStep = Generator[WaitFor, bool, bool]
"""A step of the start; returns whether the next one can follow."""


def power_up(body: BodyEngineBase) -> StartupStep:
    """Power the lens, and wait until it reports that it runs."""
    body.drive(V_LOGIC, True)
    body.drive(TXD, True)
    body.drive(FSYNC, True)
    body.connection.move("power", by=Role.BODY)
    body.report("logic supply on")
    runs = yield Wait(body.now + BOOT_US * 1e-6, lambda: body.levels.get(LENS_ATT, False), (LENS_ATT,))
    yield body.after(body.settings.timing.settle)
    return runs or LENS_ATT not in body.carried


def exchange_hello(body: BodyEngineBase) -> StartupStep:
    """Send the body's greeting until the lens sends its own."""
    firmware, camera, known = body.settings.firmware, body.settings.camera, body.lens_info
    features = feature_bits(firmware.features)
    hello = BodyHello(
        revision=firmware.revision,
        features=features,
        maker=maker_number(camera.maker),
        model=model_number(body.settings.number, camera.maker, camera.megapixels, camera.format),
        firmware=version_bytes(firmware.version),
        rates=list(firmware.rates),
    )
    for _ in range(MAX_SENDS):
        body.queue_frame([hello], LINK)
        yield Wait(
            body.now + HELLO_TIMEOUT_S,
            lambda: known.hello is not None or known.recovery is not None,
            (ANSWER,),
        )
        if known.hello is not None:
            known.revision = min(firmware.revision, known.hello.revision)
            known.features = features & known.hello.features
            yield body.after(body.settings.timing.settle)
            return True
        if known.recovery is not None:
            return False
    return False


def offer_extensions(body: BodyEngineBase) -> StartupStep:
    """Offer the body's pages, if any, before anything moves; a lens without them is not affected."""
    pages = offered_extensions(body.settings.firmware.pages)
    if pages and body.lens_info.has_feature(Feature.PAGES):
        agreement = yield from body.request(ExtensionOffer(pages=pages))
        if isinstance(agreement, ExtensionAccept):
            body.lens_info.extensions = list(agreement.pages)
    return True


def grant_power(body: BodyEngineBase) -> StartupStep:
    """Grant power: the request of the lens, or the maximum of this body."""
    hello, power = body.lens_info.hello, body.settings.power
    assert hello is not None
    granted = min(hello.power_class, PowerClass[power.grants.upper()])
    warns_from = PowerClass[power.warns_from.upper()]
    warned = warns_from is not PowerClass.NONE and hello.power_class >= warns_from
    limit = min(POWER_LIMITS_MA.get(granted, 0), power.supply_ma)
    order = PowerGrant(granted=granted, limit_ma=limit, warned=int(warned))
    answer = yield from body.request(order)
    body.lens_info.granted, body.lens_info.warned = granted, warned
    if warned:
        body.report(
            f"notice: this lens draws up to {hello.peak_current_ma} mA; the battery empties faster, and no function "
            "is restricted" if granted == hello.power_class else
            f"notice: this lens draws up to {hello.peak_current_ma} mA; {limit} mA are granted"
        )  # fmt: skip
    if not isinstance(answer, CommandDone):
        # No drive power for a lens that takes no grant.
        return False
    body.drive(V_DRIVE, True)
    return True


def negotiate_baudrate(body: BodyEngineBase) -> StartupStep:
    """Switch to the fastest rate that both greetings contain."""
    hello = body.lens_info.hello
    assert hello is not None
    baudrate = max({*body.settings.firmware.rates} & {*hello.rates}, default=FIRST_BAUDRATE)
    if baudrate == body.baudrate:
        return True
    answer = yield from body.request(SetBaudrateCommand(baudrate=baudrate))
    if not isinstance(answer, CommandDone):
        return False
    yield body.after(SWITCH_US - body.settings.timing.settle)
    body.set_baudrate(baudrate)
    body.connection.move("switched", by=Role.BODY)
    body.report(f"switched to {baudrate} baud")
    # The lens's clock started with its last bit, ours with its arrival; a live port may be early by the time of all its
    # bytes, and a live lens late by the latency of its host.
    yield body.after((LIVE_SPARE if body.live else SPARE) * SWITCH_US)
    return True


def identify(body: BodyEngineBase) -> StartupStep:
    """Request identity and abilities; accessories add their own data in the same frame."""
    known = body.lens_info
    identity = yield from body.request(IdentityRequest())
    abilities = yield from body.request(LensCapabilitiesRequest())
    if not isinstance(identity, Identity) or not isinstance(abilities, LensCapabilities):
        return False
    known.identity, known.capabilities = identity, abilities
    lens = f"{identity.name} by {maker_name(identity.maker)}, firmware {'.'.join(map(str, identity.firmware))}"
    body.report(f"lens identified: {lens}", kind=NoticeKind.IDENTIFIED, subject=lens)
    return True


def negotiate_options(body: BodyEngineBase) -> StartupStep:
    """Agree on format and stabilisation, within the abilities of both; a refusal is an answer too."""
    known, camera = body.lens_info, body.settings.camera
    abilities = known.capabilities
    assert abilities is not None
    used = min(CIRCLES[camera.format], abilities.image_circle, key=_SIZE)
    known.used = used
    answer = yield from body.request(ImageCircleSelect(used=used))
    if answer is None:
        return False
    if known.has_part(Part.STABILISER):
        yield from stabilise(body, StabiliserMode.NORMAL)
    return True


_SIZE: Callable[[ImageCircle], int] = [ImageCircle.APS_C, ImageCircle.FULL_FRAME].index


def stabilise(body: BodyEngineBase, mode: StabiliserMode) -> Generator[WaitFor, bool, Any]:
    """Set the lens's stabiliser; with a stabilised sensor and the feature on both sides the work is shared."""
    shared = body.settings.camera.stabiliser and body.lens_info.has_feature(Feature.SHARED_STABILISATION)
    shared = shared and mode != StabiliserMode.OFF
    answer = yield from body.request(StabiliserCommand(mode=mode, share_permille=SHARED_PERMILLE if shared else 1000))
    body.share = SHARED_PERMILLE / 1000 if shared and isinstance(answer, CommandDone) else None
    return answer


def start_stream(body: BodyEngineBase) -> StartupStep:
    """Start the reports of each frame; a lens that must home does so first."""
    answer = yield from body.request(StreamConfig())
    if not isinstance(answer, CommandDone) or answer.outcome != Outcome.DONE:
        return False
    start_frame_clock(body)
    reports = body.lens_info.reports
    yield Wait(body.now + HOMING_TIMEOUT_S, lambda: body.lens_info.reports > reports and not is_homing(body), (REPORT,))
    return body.lens_info.reports > reports


def is_homing(body: BodyEngineBase) -> bool:
    """Whether the lens is homing, or must still begin to."""
    state = body.lens_info.focus
    return state is not None and body.lens_info.has_part(Part.FOCUS_DRIVE) and not state.flags & RELIABLE


RELIABLE = 64


def start_up(body: BodyEngineBase, *, powered: bool = False) -> StartupStep:
    """Run all start steps in order; records a failure or the compatibility results.

    Args:
        body: the body.
        powered: whether the lens runs already, and only the greeting is repeated.
    """
    for name, part in STARTUP_STEPS[powered:]:
        if not (yield from part(body)):
            _fail(body, name)
            return False
    _report_compatibility(body)
    return True


STARTUP_STEPS: tuple[tuple[str, Callable[[BodyEngineBase], StartupStep]], ...] = (
    ("attach", power_up),
    ("attach", exchange_hello),
    ("negotiate", offer_extensions),
    ("negotiate", grant_power),
    ("negotiate", negotiate_baudrate),
    ("identify", identify),
    ("negotiate", negotiate_options),
    ("negotiate", start_stream),
)


def _fail(body: BodyEngineBase, step: str) -> None:
    if body.lens_info.recovery is not None:
        body.record_result(step, Verdict.REFUSED, "the lens waits for a firmware", compatibility_rules.RECOVERY)
    elif body.lens_info.hello is None:
        body.record_result(
            step, Verdict.REFUSED, "something is on the mount and says nothing", compatibility_rules.SILENT
        )
    else:
        body.record_result(step, Verdict.REFUSED, f"no answer to {step}", compatibility_rules.NO_ANSWER)


def _report_compatibility(body: BodyEngineBase) -> None:
    """Record the results of the greeting, once a session."""
    known, camera = body.lens_info, body.settings.camera
    hello, abilities, identity = known.hello, known.capabilities, known.identity
    if (
        hello is None
        or abilities is None
        or identity is None
        or any(f.step == "attach" for f in body.compatibility_results)
    ):
        return
    body.record_result("attach", Verdict.WORKS, "seen, supplied, greeted")
    notes = f" with {len(known.accessories)} accessory" if known.accessories else ""
    if known.accessories:
        rule = (
            compatibility_rules.SINGLE_AUTOFOCUS
            if any(entry.limits & 1 for entry in known.accessories)
            else compatibility_rules.CONVERTER
        )
        body.record_result("identify", Verdict.REDUCED, f"{identity.name}{notes}", rule)
    else:
        body.record_result("identify", Verdict.WORKS, identity.name)
    texts = f"revision {known.revision}, {body.baudrate} baud, power {known.granted.name.lower()}"
    less: list[tuple[Verdict, str, str]] = []
    if known.granted < hello.power_class:
        asked = hello.power_class.name.lower()
        less.append((Verdict.REDUCED, f"{texts} where it asked for {asked}", compatibility_rules.POWER_GRANT))
    if known.revision < max(hello.revision, body.settings.firmware.revision):
        less.append((Verdict.REDUCED, f"{texts}; the other end is newer", compatibility_rules.OLDER_REVISION))
    if camera.format == "full-frame" and abilities.image_circle == ImageCircle.APS_C:
        less.append((Verdict.REDUCED, f"{texts}; the body crops", compatibility_rules.CROP))
    if known.warned:
        less.append(
            (Verdict.WORKS, f"{texts}; the user is warned of the consumption", compatibility_rules.POWER_NOTICE)
        )
    for verdict, detail, rule in less or [(Verdict.WORKS, texts, "")]:
        body.record_result("negotiate", verdict, detail, rule)


WAKE_TIMEOUT_S = 0.1
RELEASE_TIMEOUT_S = 0.01


def sleep(body: BodyEngineBase) -> StartupStep:
    """End the stream, send the lens to sleep, and switch its drive power off; returns whether it sleeps."""
    body.streaming = False
    answer = yield from body.request(Sleep())
    if not isinstance(answer, CommandDone):
        start_frame_clock(body)
        return False
    body.drive(V_DRIVE, False)
    if BODY_ATT not in body.carried:
        body.set_baudrate(FIRST_BAUDRATE)
    body.lens_sleeps = True
    body.report("the lens sleeps")
    return True


def wake(body: BodyEngineBase) -> StartupStep:
    """Wake the lens by the attention line and start its reports; returns whether it reports."""
    if body.streaming:
        return True
    body.lens_sleeps = False
    if BODY_ATT not in body.carried:
        body.lens_info.hello = None
        return (yield from start_up(body, powered=True))
    body.drive(BODY_ATT, True)
    yield Wait(body.now + WAKE_TIMEOUT_S, lambda: body.levels.get(LENS_ATT, False), (LENS_ATT,))
    awake = body.levels.get(LENS_ATT, False) or LENS_ATT not in body.carried
    body.drive(BODY_ATT, False)
    if not awake:
        return False
    yield body.level(LENS_ATT, False, until=body.now + RELEASE_TIMEOUT_S)
    body.connection.move("wake", by=Role.BODY)
    body.drive(V_DRIVE, True)
    yield body.after(body.settings.timing.settle)
    return (yield from start_stream(body))
