"""Plays a virtual session for the page: paced by the clock, steered by orders over a socket, and kept as columns.

Every order is noted with its virtual time, so that the session can be written as a command and as a test.
"""

import asyncio
import contextlib
import math
import shlex
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from lensmount_emulator.engine.dialect_roles import Place, get_roles, make_engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.faults.registry import parse_plan
from lensmount_emulator.faults.rule import MAX_FILE, Rule, parse_rules
from lensmount_emulator.profiles.library import Profile, is_firmware, load_profile, profile_names
from lensmount_emulator.sessions.loopback import make_virtual_session
from lensmount_emulator.sessions.virtual.steering import Order
from lensmount_emulator.traffic.event_columns import EventColumns
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.decoder import Decoder, OrderedDecoder
from lensmount_protocol.entry_points import find_plugin_fault
from lensmount_protocol.errors import MountError
from lensmount_protocol.wire import Annotation, WireRecord
from lensmount_web.messages import NewVirtual
from lensmount_web.session_store import StoredSession

TICK_S = 1 / 30
MAX_NOTICES = 500
MAX_ASSERTED = 10
"""Errors of a session that its saved test repeats."""

QUIET_S = 0.1
"""Virtual seconds that a saved test runs on after the last thing that it names."""

MAX_EVENTS = 5_000_000
"""Rows and edges after which a session is paused, so that a forgotten page does not fill the memory."""

MAX_ORDER = 10_000
"""Bytes of the text of an order; a file of rules may have as many as on the command line."""


class VirtualPlayer:
    """A virtual session that runs in a thread of its own.

    Args:
        wanted: the devices, the script and the faults.

    Attributes:
        session: its traffic.
        orders: what was done, each with its virtual time.
    """

    def __init__(self, wanted: NewVirtual) -> None:
        self.wanted = wanted
        self.orders: list[tuple[float, str, str]] = []
        self.notices: list[dict[str, Any]] = []
        self._rules: list[tuple[str, str]] = []
        self._order_texts: list[str] = []
        self._lock = threading.Lock()
        self._clock = MonotonicClock()
        self._stop = threading.Event()
        self._records: list[WireRecord] = []
        self._virtual = make_virtual_session(
            wanted.body,
            wanted.lens,
            accessories=wanted.accessories,
            script=wanted.script,
            seed=wanted.seed,
            faults=wanted.faults,
            tap=self._records.append,
            on_notice=self._on_notice,
        )
        self._decoder = OrderedDecoder(Decoder(self._virtual.dialect))
        title = " + ".join([wanted.body, *wanted.accessories, wanted.lens])
        self.session = StoredSession(
            title,
            "virtual",
            EventColumns(self._virtual.dialect),
            reading=True,
            about={"wanted": msgspec.to_builtins(wanted), "paused": False},
            header={"faults": wanted.faults, "orders": self._order_texts},
        )
        self._thread = threading.Thread(target=self._play, name="virtual session", daemon=True)
        self._error = ""
        self._started = threading.Event()
        self._failed: Exception | None = None

    def begin(self) -> None:
        """Start playing, and wait until the devices have started.

        Raises:
            MountError: a device cannot start; so does any other error of its start. The session has ended then.
        """
        self._thread.start()
        self._started.wait()
        if self._failed is not None:
            raise self._failed

    def close(self) -> None:
        """End the session; its traffic stays."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2.0)
        self._finish()

    def _finish(self) -> None:
        if self.session.reading:
            try:
                with contextlib.suppress(MountError):
                    self.session.add(self._decoder.finish())
            finally:
                self.session.reading = False

    def _play(self) -> None:
        # Started here and not by the caller: the guard of a firmware in C watches the thread that starts it.
        try:
            with self._lock:
                self._virtual.start()
        except Exception as error:
            # Whatever it is, `begin` raises it in the thread that waits.
            self._failed = error
            self._finish()
            return
        finally:
            self._started.set()
        try:
            self._advance()
        except MountError as error:
            self._error = str(error)
            self._finish()
        except Exception as error:
            fault = find_plugin_fault(error)
            self._error = (
                f"package {fault.package} failed: {type(error).__name__} ({fault.place})"
                if fault
                else f"a defect of lensmount: {type(error).__name__}; please report it"
            )
            self._finish()
            raise

    def _advance(self) -> None:
        while not self._stop.wait(TICK_S):
            with self._lock:
                self._virtual.advance(self._clock.now())
                self._drain()
                if len(self.session.columns) + self.session.columns.edge_count > MAX_EVENTS:
                    self._virtual.pause()
                    self._error = "paused: the session holds five million events; save it and start another one"

    def _drain(self) -> None:
        """Move what was recorded to the columns."""
        self.session.about["paused"] = self._virtual.paused
        records, self._records[:] = list(self._records), []
        for record in records:
            self.session.add(self._decoder.feed(record, flush=True))

    def _on_notice(self, notice: Notice) -> None:
        self.notices.append({"t": notice.at, "dir": notice.role.value, "error": notice.is_error, "text": notice.text})
        del self.notices[:-MAX_NOTICES]
        if notice.is_error:
            found = self.session.about.setdefault("findings", [])
            if len(found) < MAX_NOTICES:
                found.append(
                    {"kind": "error", "t": notice.at, "row": None, "text": notice.text, "track": notice.role.value}
                )

    def status(self) -> dict[str, Any]:
        """What the page shows of the running session."""
        with self._lock:
            virtual = self._virtual
            columns = self.session.columns
            return {
                "kind": "state",
                "now": virtual.now,
                "paused": virtual.paused,
                "speed": virtual.speed,
                "rows": len(columns),
                "edges": columns.edge_count,
                "body": virtual.body.connection.state,
                "lens": virtual.lens.connection.state,
                "attached": virtual.mount.attached,
                "violations": virtual.violations[:20],
                "error": self._error,
                "held": virtual.held if virtual.paused else "",
                "notices": self.notices[-40:],
                "orders": [{"t": at, "kind": kind, "text": text} for at, kind, text in self.orders[-200:]],
                "command": self.command(),
                "test": self.test(),
            }

    def order(self, order: Mapping[str, Any]) -> None:
        """Carry out an order of the page.

        Raises:
            MountError: the order is unknown or refused, with the reason.
        """
        kind, text = str(order.get("do", "")), str(order.get("text", ""))
        most = MAX_FILE if kind == "rules" else MAX_ORDER
        if len(text.encode("utf-8", "replace")) > most:
            raise MountError(f"the order is too long: {kind[:40]} takes at most {most} bytes")
        with self._lock:
            virtual = self._virtual
            steer: dict[str, Callable[[], object]] = {
                "pause": virtual.pause,
                "resume": virtual.resume,
                "step": virtual.step,
                "speed": lambda: self._set_speed(text),
                "script": lambda: virtual.do(text),
                "operate": lambda: virtual.operate(text),
                "fault": lambda: virtual.inject(text),
                "rules": lambda: self._add_rules(text),
                "attach": virtual.attach_lens,
                "detach": virtual.detach_lens,
            }
            if kind not in steer:
                raise MountError(f"unknown order {kind[:40]!r}; known: {', '.join(steer)}")
            at = virtual.now
            steer[kind]()
            if kind in ("script", "operate", "fault", "attach", "detach", "rules"):
                added = [(at, *one) for one in (self._rules if kind == "rules" else [(kind, text)])]
                self.orders += added
                self._order_texts += [str(Order(*one)) for one in added]
                about = f"{kind} {'' if kind == 'rules' else text}".strip()
                self._records.append(Annotation(at, f"user: {about}"))
            self._drain()

    def _add_rules(self, text: str) -> None:
        """Load the text of a file of rules: all of them, or none where one is wrong."""
        rules = parse_rules(text, "the file of rules")
        plan = parse_plan(rules, self.wanted.seed)
        plan.check(self._virtual.dialect)
        if any(isinstance(rule, Rule) and rule.needs_relay for rule in plan.faults):
            raise MountError("a rule with a way stands in a relay from the start of a session; start it with the rules")
        for rule in rules:
            self._virtual.inject(rule)
        self._rules = [("fault", rule) for rule in rules]

    def _set_speed(self, text: str) -> None:
        try:
            self._virtual.speed = float(text)
        except ValueError as error:
            raise MountError(f"a speed is a number above 0, not {text[:40]!r}") from error

    def command(self) -> str:
        """The session as a command; it does the same at the same virtual times."""
        wanted = self.wanted
        words = ["lensmount", "loopback", "--body", wanted.body, "--lens", wanted.lens]
        for accessory in wanted.accessories:
            words += ["--accessory", accessory]
        if wanted.script:
            words += ["--script", wanted.script]
        for fault in wanted.faults:
            words += ["--fault", fault]
        for at, kind, text in self.orders:
            words += ["--order", str(Order(at, kind, text))]
        words += ["--seed", str(wanted.seed), "--duration", repr(max(0.1, self._virtual.now))]
        return shlex.join(words)

    def test(self) -> str:
        """The session as a test for pytest; it plays the same orders at the same virtual times."""
        wanted = self.wanted
        # The page lags a little: what it does not have yet is not asserted.
        until = max(0.0, self._decoder.returned_until)
        with self.session.lock:
            broken = [one for one in self.session.columns.broken_rules() if one[1] <= until]
        errors = self.session.about.get("findings", [])
        end = self._virtual.now
        quiet: list[str] = []
        last = max(
            (*(at for at, _, _ in self.orders), *(one["t"] for one in errors), *(at for _, at, _ in broken), 0.0)
        )
        # Violations have no time, so with one of them the test runs as long as the session did.
        if (errors or broken) and not self._virtual.violations and last + 2 * QUIET_S < end:
            quiet = [f"    # No error, broken rule or order came until {end:.3f} s, so the test ends here."]
            end = math.ceil((last + QUIET_S) * 1e3) / 1e3
            until = min(until, end)
        calls = {
            "script": "session.do({0!r})",
            "operate": "session.operate({0!r})",
            "fault": "session.inject({0!r})",
            "attach": "session.attach_lens()",
            "detach": "session.detach_lens()",
        }
        lines = [
            "import lensmount",
            "",
            "",
            "def test_session():",
            "    records = []",
            "    notices = []",
            "    session = lensmount.make_virtual_session(",
            f"        {wanted.body!r},",
            f"        {wanted.lens!r},",
            f"        accessories={list(wanted.accessories)!r},",
            f"        script={wanted.script!r},",
            f"        seed={wanted.seed},",
            f"        faults={list(wanted.faults)!r},",
            "        tap=records.append,",
            "        on_notice=notices.append,",
            "    )",
            "    session.start()",
        ]
        for at, kind, text in self.orders:
            lines += [f"    session.run({at!r})", "    " + calls[kind].format(text)]
        lines += [
            *quiet,
            f"    session.run({end!r})",
            "    assert records",
            "    errors = [notice.text for notice in notices if notice.is_error]",
            *assertion_lines("errors", [one["text"] for one in errors]),
            *assertion_lines("session.violations", self._virtual.violations),
            "    events = lensmount.Decoder(session.dialect).decode(records)",
            "    found = lensmount.EventColumns(session.dialect).add_all(events).broken_rules()",
            f"    rules = [f'{{rule.name}} at {{at:.9f}} s: {{us:g}} µs' for rule, at, us in found if at <= {until!r}]",
            *assertion_lines("rules", [f"{rule.name} at {at:.9f} s: {us:g} µs" for rule, at, us in broken]),
        ]
        return "\n".join(lines) + "\n"


def assertion_lines(name: str, texts: Sequence[str]) -> list[str]:
    """The lines of a test that asserts what a session had, so that the test passes as the session went.

    Args:
        name: the expression that holds the texts in the test.
        texts: what the session had; of `MAX_NOTICES` and more only the first ones are known.
    """
    if not texts:
        return [f"    assert not {name}"]
    count = f"at least {len(texts)}" if len(texts) >= MAX_NOTICES else str(len(texts))
    return [
        f"    # The session had {count}. After the cause is fixed: assert not {name}",
        f"    assert {name}[:{MAX_ASSERTED}] == [",
        *(f"        {text!r}," for text in texts[:MAX_ASSERTED]),
        "    ]",
    ]


class Player(Protocol):
    """A session that runs and takes orders."""

    def status(self) -> dict[str, Any]:
        """What the page shows."""
        ...

    def order(self, order: Mapping[str, Any]) -> None:
        """Carry out an order."""
        ...


_controllers: "weakref.WeakKeyDictionary[Player, WebSocket]" = weakref.WeakKeyDictionary()
"""The page that controls a session: the first one that connected; the others watch until it is closed."""

WATCHES = "another tab or window controls this session, and this one watches; close that one to control it here"


async def live_socket(socket: WebSocket, player: Player | None) -> None:
    """Serve one page: its state about 15 times a second, and its orders, each answered done or refused."""
    await socket.accept()
    if player is None:
        await socket.send_json({"kind": "end", "error": "this session does not run any more; start it again"})
        await socket.close()
        return

    if _tab(_controllers.setdefault(player, socket)) == _tab(socket) != "":
        # A tab shows one page at a time: its earlier page needs no socket any more.
        _controllers[player] = socket

    async def report() -> None:
        while True:
            status = await asyncio.to_thread(player.status)
            await socket.send_json({**status, "controls": _controllers.setdefault(player, socket) is socket})
            await asyncio.sleep(1 / 15)

    reporting = asyncio.create_task(report())
    try:
        while True:
            order = _order(await socket.receive_text())
            answer: dict[str, Any] = {"kind": "answer", "id": order.get("id")}
            try:
                # A port is stopped from wherever the user is.
                if order.get("do") != "stop" and _controllers.setdefault(player, socket) is not socket:
                    raise MountError(WATCHES)
                await asyncio.to_thread(player.order, order)
                answer["done"] = True
            except (MountError, ValueError) as error:
                answer |= {"done": False, "error": str(error)}
            await socket.send_json(answer)
    except (WebSocketDisconnect, RuntimeError, KeyError):
        # The page was closed; the session goes on until the server ends or the session is removed.
        pass
    finally:
        if _controllers.get(player) is socket:
            del _controllers[player]
        reporting.cancel()
        with contextlib.suppress(asyncio.CancelledError, RuntimeError, WebSocketDisconnect):
            await reporting


def _tab(socket: WebSocket) -> str:
    """The tab of a page, as it names it; empty where it does not."""
    return socket.query_params.get("tab", "")


def _order(text: str) -> dict[str, Any]:
    # The socket bounds the text; what it may hold takes no more memory than that.
    try:
        return dict(msgspec.json.decode(text, type=dict[str, str | int | float | bool | None]))
    except (msgspec.MsgspecError, RecursionError):
        return {"do": "nothing that can be read"}


def playable_profiles(firmware: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The bodies, lenses and accessories that can be played, for the start page.

    Args:
        firmware: paths of firmware in C that the command named.
    """
    found: list[dict[str, Any]] = []
    for name in (*firmware, *profile_names()):
        with contextlib.suppress(MountError):
            profile = load_profile(name)
            roles = get_roles(profile.dialect)
            found.append(
                {
                    "name": profile.name,
                    "title": profile.title,
                    "dialect": profile.dialect,
                    "place": profile.place.value,
                    "default": name in (roles.default_body, roles.default_lens),
                    "contacts": _has_contacts(profile),
                }
            )
    return found


def _has_contacts(profile: Profile) -> bool:
    """Whether a body notices a lens; of other devices, and of firmware, which is not started for this, always."""
    if profile.place is not Place.LENS or is_firmware(profile.name):
        return True
    return make_engine(get_roles(profile.dialect), profile.settings, None, None, ()).asserts_detect
