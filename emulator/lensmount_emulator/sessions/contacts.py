"""A dialect's contacts as plain data, for ports that keep lines and deadlines themselves."""

import math

from lensmount_hardware.port_spec import Contacts, WindowTiming
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.timing import Mark, edge, first_bit, last_bit, window_closes, window_opens
from lensmount_protocol.wire import Role


def get_contacts(dialect: Dialect) -> Contacts:
    """The dialect's lines, what each is for, and how each end holds its select line."""
    return Contacts(
        drivers=dialect.drivers,
        serial=dialect.wiring.serial,
        supply=dialect.supply,
        detect=dialect.detect,
        rails=dialect.rails,
        sync=dialect.sync,
        sync_width_us=_pulse_us(dialect),
        windows={role: _select_timing(dialect, role) for role in Role},
        clocked=dialect.wiring.clocked,
    )


def _select_timing(dialect: Dialect, role: Role) -> WindowTiming:
    """The minimum times of the dialect's contract, or the default times of a port."""
    default = WindowTiming()
    return WindowTiming(
        setup_us=_min_us(dialect, window_opens(role), first_bit(role), default.setup_us),
        hold_us=_min_us(dialect, last_bit(role), window_closes(role), default.hold_us),
        gap_us=default.gap_us,
    )


def _pulse_us(dialect: Dialect) -> float:
    """The middle of the range that the contract allows for a pulse of the frame signal; 0 without such a rule."""
    pulse = (edge(dialect.sync, False), edge(dialect.sync, True))
    bounds = [(rule.minimum_us, rule.maximum_us) for rule in dialect.timing if (rule.start, rule.end) == pulse]
    return sum(bounds[0]) / 2 if bounds else 0.0


def _min_us(dialect: Dialect, since: Mark, until: Mark, default_us: int) -> int:
    for rule in dialect.timing:
        if (rule.start, rule.end) == (since, until):
            return math.ceil(rule.minimum_us)
    return default_us
