"""The senders of the project as a scan drives them: a relay with rules, firmware in C, and twins."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from guard_scan.rule_streams import CARRIERS
from guard_scan.scanner import Rules, payloads
from lensmount_emulator.faults.rule import Rule
from lensmount_emulator.firmware.engine import FirmwareEngine
from lensmount_emulator.firmware.library import load_firmware
from lensmount_emulator.sessions.bridge import PortBridge
from lensmount_emulator.sessions.listener import Listener
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Received, Role, Transmit, WireEvent

FLUSH_S = 5.0
"""Seconds after which a relay has passed on what it kept of a frame."""


class RelaySender:
    """A relay between two ports with a rule, as `bridge --rules` has it.

    Args:
        mount: the dialect.
        sender: the end that sends.
        guarded: whether its guard decides; without it the scan must find forbidden frames.

    Attributes:
        changes: content of the rule's message -> what it becomes; `None`: the rule drops the message.
    """

    def __init__(self, mount: str, sender: Role, *, guarded: bool = True) -> None:
        self.changes: Mapping[bytes, bytes | None] = {}
        self._sender, self._now = sender, 0.0
        carrier = CARRIERS[mount, sender.value]

        def change(message: Any) -> Any:
            content = getattr(message, carrier.field)
            if content not in self.changes:
                return message
            new = self.changes[content]
            return None if new is None else replace(message, **{carrier.field: new})

        self._relay = PortBridge(Listener(load_dialect(mount), lambda _record: None))
        self._relay.use_rules([Rule(on=carrier.message, call=change)])
        if not guarded:
            self._relay._guards = dict.fromkeys(Role, _OPEN)

    def pass_on(self, pieces: Sequence[bytes]) -> bytes:
        """What goes on of bytes that come in pieces; at the end also what was kept of a frame."""
        out = bytearray()
        for piece in pieces:
            self._now += 1e-4
            out += self._bytes_of(Received(piece))
        self._now += FLUSH_S
        return bytes(out + self._bytes_of(None))

    def _bytes_of(self, event: WireEvent | None) -> bytes:
        relay, sender = self._relay, self._sender
        actions = relay.forward(sender, event, self._now) if event is not None else relay.due(sender, self._now)
        return b"".join(action.data for _, action in actions if isinstance(action, Transmit))


class _OpenGuard:
    """Lets everything pass."""

    def check(self, _data: bytes) -> None:
        """Let it pass."""

    def forward(self, _data: bytes) -> None:
        """Let it pass."""

    def mark_gap(self) -> None:
        """Nothing is followed."""


_OPEN: Any = _OpenGuard()


def made_payloads(rules: Rules, raw: bytes, out: bytes) -> int:
    """How many forbidden payloads are in what went on that are not in what came."""
    return (Counter(payloads(rules, out)) - Counter(payloads(rules, raw))).total()


ECHO = """
#include "lensmount_firmware.h"
struct lm_fw { const lm_host *host; uint32_t n; };
const lm_info *lm_fw_info(void) { static const lm_info I =
    {1, sizeof I, MOUNT, "echo", "1", 1u << ROLE, sizeof(lm_fw), 8, ~0ull, ~0ull}; return &I; }
lm_fw *lm_fw_init(void *memory, const lm_host *host, const lm_setup *setup, uint64_t now_us)
{ lm_fw *fw = memory; (void)setup; (void)now_us; fw->host = host; return fw; }
void lm_fw_on_bytes(lm_fw *fw, const uint8_t *data, uint32_t size, uint64_t now_us)
{ (void)now_us; while (size) { uint32_t part = 1 + (fw->n = fw->n * 1103515245u + 12345u) / 65536u % 500u;
    if (part > size) part = size; fw->host->transmit(fw->host->ctx, data, part); data += part; size -= part; } }
void lm_fw_on_line(lm_fw *fw, uint32_t line, uint32_t level, uint64_t now_us)
{ (void)fw; (void)line; (void)level; (void)now_us; }
void lm_fw_on_timer(lm_fw *fw, uint32_t timer, uint64_t now_us) { (void)fw; (void)timer; (void)now_us; }
"""
"""A firmware that sends what it receives, in pieces."""


class FirmwareSender:
    """A firmware that sends what the scan gives it.

    Args:
        library: `ECHO`, built for the end.
        role: that end.
    """

    def __init__(self, library: Path, role: Role) -> None:
        self._engine = FirmwareEngine(load_firmware(str(library)), role)
        self._now = 0.0
        self._engine.start(self._now)
        self._engine.actions()

    def writes(self, data: bytes) -> Iterator[bytes]:
        """The writes that it makes of bytes."""
        self._now += 0.01
        self._engine.receive(Received(data), self._now)
        return (action.data for action in self._engine.actions() if isinstance(action, Transmit))


_BYTES = re.compile(r'= "((?:[0-9A-F]{2}){4,})"')


def hostile_twin(text: str, forbidden: Sequence[bytes], random: Random) -> str:
    """The profile of a twin, with forbidden frames in its fields of bytes, or parts of them."""

    def content(found: re.Match[str]) -> str:
        size, frame = len(found[1]) // 2, random.choice(forbidden)
        at = random.randint(0, max(0, size - len(frame)))
        data = random.randbytes(at) + frame + random.randbytes(size)
        return f'= "{data[:size].hex().upper()}"'

    return _BYTES.sub(content, text)


def twin_writes(profile: Path, body: str, seed: int) -> list[bytes]:
    """What a twin of a lens sends in a session."""
    session = run_loopback(body, str(profile), script="wait 0.5; aperture f/8; wait 0.5", seconds=4.0, seed=seed)
    return [record.data for record in session.records if isinstance(record, Burst) and record.sender is Role.LENS]
