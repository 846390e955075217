"""Settings of how a lens behaves where makers differ: refusals, receiver, stream, homing, and its service channel.

Each attribute names the lenses of its source. The defaults are what every logic capture shows, or what our engine does
where no capture shows anything. `check_behaviour` checks the rules beyond the structure.
"""

import re

from msgspec import Struct

from lensmount_emulator.engine.profile_values import check_between
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.wire import Role

UNDECLARED = "undeclared"
"""In `blocked_by`: every type that the dialect does not declare for a body."""

SERVICE_DATA_SIZE = 16
"""Bytes of operands of a service message."""

_LIMITS = {
    "reserve": (0, 0xFFFF),
    "end_positions": (0, 0xFFFF),
    "overshoot": (-1000, 1000),
    "acknowledgements_per_frame": (0, 64),
    "refused_unit_result": (0, 0xFF),
    "stop_result": (0, 0xFF),
    "move_pulses": (0, 100_000),
    "scan_step": (1, 1000),
}

_TYPE = re.compile(r"[0-9A-F]{2}")
_COMMAND = re.compile(r"[!-~]( [0-9A-F]{2})?")


class Behaviour(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where makers differ.

    Attributes:
        refusals_last: whether a lens that has refused a type answers every later window with that `02`, until its
            supply is cut; its stream goes on. Sony FE 24-105 G (BAS-TR).
        refusal_class: class of the frame of a refusal: 2, or 3 on a Tamron (BAS-TA).
        blocked_by: types after which the lens neither answers nor streams until its supply is cut, since it knows no
            size for them; `undeclared` stands for those that the dialect does not declare. Samyang (BAS-SY).
        one_reply: whether a reply that waits to be sent makes later ones be lost: one transmit buffer. Samyang
            (BAS-SY).
        selects_bytes: whether bytes outside the body's select window are dropped. Samyang (BAS-SY). It has no effect at
            a port, where edges come later than bytes.
        awaits_length: whether the receiver looks for the next frame only when the length that a bad one announced has
            passed. Samyang (BAS-SY).
        streams_pairs: whether each `05` answers a `03` and each `06` a `04`, at a pulse of VD; without them nothing is
            sent. Samyang (BAS-SY).
        homes_by_drive: whether `10` with neither the iris bit nor the focus bit gets no reply. Samyang (BAS-SY).
        homing_restarts: whether a second `10` restarts the movement, so that one reply comes. Samyang, Tamron (BAS).
        homing_needs_pairs: whether homing of a lens that streams proceeds only with the body's `04`. Samyang (BAS-SY;
            three bench sessions fit it).
        homing_sweeps: whether the focus runs to both ends during homing, and back. Samyang AF 135 (BAS-TR).
        layout_stops_motors: whether `0A` stops the motors and cancels a move without an acknowledgement. Samyang
            (BAS-SY).
        executes_aperture_order: whether `1B` moves the iris at once. Samyang (BAS-SY); Tamron before its stream
            (BAS-TA).
        reserve: steps by which the focus can pass its published lower and upper limit. Samyang AF 135: 150 and 250
            (BAS-TR).
        end_positions: positions from which `06` f0 reports the lower and the upper end; (0, 0): the limits. Samyang AF
            135: 14623 and 29988 (BAS-TR).
        overshoot: steps by which a move passes its target. Samyang AF 135: 5 (BAS-TR).
        acknowledges_replaced: whether a move that another order replaces is acknowledged at once. Samyang (BAS-SY);
            not a Tamron (BAS-TA).
        acknowledgements_per_frame: acknowledgements beside one `06`; 0: as many as are due. Samyang: 3; more of a move,
            a scan or a conversion are lost, others wait (BAS-SY).
        refused_unit_result: acknowledgement of a move in the unit that no lens takes: 1 Tamron (BAS-TA), 0 Samyang.
        stop_result: acknowledgement of a stop: 0 Sony, Samyang (BAS-TR), 1 Tamron (BAS-TA).
        move_pulses: pulses of VD after which a move is cut off while bit 1 of `04` f3 is set; 0: never. Samyang AF 135:
            121 (BAS-SY).
        sweeps_scans: whether `1F` makes its approach, its sweep and its return, as `06` f25 reports (BAS-SY, WZQ);
            without it the focus runs to end B.
        scan_step: steps a frame of one unit of scan speed; modelled.
    """

    refusals_last: bool = False
    refusal_class: int = 2
    blocked_by: list[str] = []
    one_reply: bool = False
    selects_bytes: bool = False
    awaits_length: bool = False
    streams_pairs: bool = False
    homes_by_drive: bool = False
    homing_restarts: bool = False
    homing_needs_pairs: bool = False
    homing_sweeps: bool = False
    layout_stops_motors: bool = True
    executes_aperture_order: bool = False
    reserve: tuple[int, int] = (0, 0)
    end_positions: tuple[int, int] = (0, 0)
    overshoot: int = 0
    acknowledges_replaced: bool = False
    acknowledgements_per_frame: int = 0
    refused_unit_result: int = 1
    stop_result: int = 0
    move_pulses: int = 0
    sweeps_scans: bool = False
    scan_step: int = 4


class Service(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A maker's service channel, `40` in both directions; a command is a letter, or a letter and two digits: `F FB`.

    Attributes:
        replies: command -> operands of its reply, as hexadecimal text; the rest is zero.
        echoes: whether any other command is answered by its own letters and zeros. Samyang AF 135 (BAS-SY).
        position: the command that reads the focus position; `""` where there is none.
        move: the command that moves the focus; its reply comes when the motor stands.
        homing: commands that home the focus and end with a bare `10 00`, without a reply of their own.
        reports_after: the command after which the lens reports its controls; `""` where there is none.
        move_reply: from the end of a move to its reply, in microseconds. The reply time of other commands is
            `timing.reply.40`.
    """

    replies: dict[str, str] = {}
    echoes: bool = False
    position: str = ""
    move: str = ""
    homing: list[str] = []
    reports_after: str = ""
    move_reply: float = 50_000.0

    @property
    def serves(self) -> bool:
        """Whether the lens has the channel."""
        return bool(self.replies or self.echoes or self.position or self.move or self.homing)


def check_behaviour(behaviour: Behaviour, service: Service) -> None:
    """Check what a lens's behaviour and service channel may be.

    Raises:
        ProfileError: the key, its value, and the legal values.
    """
    check_between("behaviour.refusal_class", behaviour.refusal_class, 2, 3)
    for key, limits in _LIMITS.items():
        value: int | tuple[int, int] = getattr(behaviour, key)
        for one in value if isinstance(value, tuple) else (value,):
            check_between(f"behaviour.{key}", one, *limits)
    for text in behaviour.blocked_by:
        if text != UNDECLARED and _TYPE.fullmatch(text) is None:
            raise ProfileError(f"behaviour.blocked_by: {text!r} is no type; write two digits ('4A'), or 'undeclared'")
    check_between("service.move_reply", service.move_reply, 0, 10_000_000)
    commands = [*service.replies, *service.homing]
    commands += [one for one in (service.position, service.move, service.reports_after) if one]
    for command in commands:
        if _COMMAND.fullmatch(command) is None:
            raise ProfileError(
                f"service: {command!r} is no command; write a letter and two digits or none: 'V', 'F FB'"
            )
    for command, text in service.replies.items():
        try:
            size = len(bytes.fromhex(text))
        except ValueError:
            size = SERVICE_DATA_SIZE + 1
        if size > SERVICE_DATA_SIZE:
            raise ProfileError(
                f"service.replies.{command}: {text!r} is not {SERVICE_DATA_SIZE} bytes or fewer in hexadecimal"
            )


def blocks(behaviour: Behaviour, type_: int) -> bool:
    """Whether a message of this type blocks the lens."""
    if f"{type_:02X}" in behaviour.blocked_by:
        return True
    return UNDECLARED in behaviour.blocked_by and (Role.BODY, type_) not in EMOUNT.messages
