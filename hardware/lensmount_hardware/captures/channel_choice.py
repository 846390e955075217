"""Which channel of a logic capture carries which line of a mount."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.capture import NO_CHANNEL
from lensmount_hardware.captures.channels import MAX_NAMED, Channel, ChannelTable, Scope
from lensmount_hardware.captures.uart import LogicLine
from lensmount_protocol.errors import CaptureError, first_of, unknown
from lensmount_protocol.wire import Remark, Wiring

_SPELLINGS = ("{line}", "{line}_BODY", "{line}_LENS", "BODY_{line}_LENS", "LENS_{line}_BODY", "LOGIC_{line}")
"""How captures name a line: plainly, or with the ends that drive and receive it."""

_MAX_CANDIDATES = 256


def pick_channels(
    path: Path, table: ChannelTable, wiring: Wiring, wanted: Mapping[str, str]
) -> dict[str, list[Channel]]:
    """Line -> the channels that may carry it: by what the user says, else by the names that captures use.

    Args:
        path: the file, for errors.
        table: its channels.
        wiring: the mount's lines.
        wanted: line -> name or number of a channel, or `none`, from the user.

    Raises:
        CaptureError: a serial line has none, or the user names a line or a channel that is not there.
    """
    found: dict[str, list[Channel]] = {}
    for line in wiring.lines:
        text = wanted.get(line)
        if text is None:
            channels = next(filter(None, (table.find(spelling.format(line=line)) for spelling in _SPELLINGS)), None)
            if channels is None:
                continue
        elif text.lower() == NO_CHANNEL:
            continue
        else:
            channels = table.find(text)
            if not channels:
                raise CaptureError(f"{path}: {unknown('channel', text, table.names())}; or its number from 0")
        if len(channels) > _MAX_CANDIDATES:
            raise CaptureError(
                f"{path}: {line} may be any of {len(channels)} channels; say --channel {line}={channels[0].label}"
            )
        found[line] = channels
    for line in wanted:
        if line not in wiring.lines:
            raise CaptureError(f"{path}: {unknown('line', line, wiring.lines)}")
    missing = [
        serial.name
        for serial in wiring.serial
        if serial.name not in found and wanted.get(serial.name, "").lower() != NO_CHANNEL
    ]
    if missing:
        lacking, known = " and ".join(missing), ", ".join(first_of(table.names())) or "none"
        raise CaptureError(
            f"{path}: no channel for {lacking}; the file has {known}; say --channel {missing[0]}=NAME, or "
            f"{missing[0]}={NO_CHANNEL} to read without it"
        )
    return found


def settle_channels(
    path: Path, candidates: Mapping[str, Sequence[Channel]], levels: Mapping[tuple[Hashable, int], LogicLine]
) -> tuple[dict[str, LogicLine], list[Remark]]:
    """Choose one channel for each line: of several, the one that changes; of those, the one beside the other lines.

    Args:
        path: the file, for errors.
        candidates: as `pick_channels` gives them.
        levels: what each of them does, by its key; one that is missing has no level in the file.

    Returns:
        Line -> its levels, and a remark for each line that had several channels.

    Raises:
        CaptureError: several bits of one bus change, so its name alone does not say which one is meant.
    """
    home = _home(candidates)
    lines: dict[str, LogicLine] = {}
    remarks: list[Remark] = []
    for line, channels in candidates.items():
        known = [channel for channel in channels if channel.key in levels]
        active = _different([channel for channel in known if len(levels[channel.key].edges)], levels)
        buses = [one.variable.bus for one in active if one.variable.bus is not None]
        if len(set(buses)) < len(buses):
            names = ", ".join(channel.label for channel in active[:MAX_NAMED])
            raise CaptureError(f"{path}: {line} may be {names}; say --channel {line}={active[0].label}")
        beside = [channel for channel in active if channel.variable.scope is home]
        chosen = next(iter(beside or active or known), None)
        if chosen is None:
            remarks.append(Remark(None, f"{line}: {channels[0].label} has no level in this file; it is left out"))
            continue
        lines[line] = levels[chosen.key]
        others = [channel for channel in channels if channel.key != chosen.key][:MAX_NAMED]
        if others:
            labels = [chosen.label, *(channel.label for channel in others)]
            if chosen.label in labels[1:]:
                labels = [f"{channel.label} ({channel.origin})" for channel in (chosen, *others)]
            reason = "the only one that changes" if len(active) == 1 else f"say --channel {line}=NAME for another"
            remarks.append(Remark(None, f"{line} is {labels[0]} and not {', '.join(labels[1:])}: {reason}"))
    return lines, remarks


def _home(candidates: Mapping[str, Sequence[Channel]]) -> Scope | None:
    """The scope in which most lines have a channel."""
    counts: dict[Scope | None, int] = {}
    for channels in candidates.values():
        for scope in {id(one.variable.scope): one.variable.scope for one in channels}.values():
            counts[scope] = counts.get(scope, 0) + 1
    return max(counts, key=lambda scope: counts[scope]) if counts else None


def _different(channels: Iterable[Channel], levels: Mapping[tuple[Hashable, int], LogicLine]) -> list[Channel]:
    """The channels without those that do just what one in front of them does."""
    kept: list[Channel] = []
    for channel in channels:
        mine = levels[channel.key]
        if not any(_equal(mine, levels[other.key]) for other in kept):
            kept.append(channel)
    return kept


def _equal(one: LogicLine, other: LogicLine) -> bool:
    return one.initial is other.initial and np.array_equal(one.edges, other.edges)
