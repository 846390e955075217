"""The orderly end on signals: raised once, delayed by a shield, never lost, and ignored where the parent wants that."""

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import Any

import pytest

from lensmount_emulator.termination import SIGNALS, OrderlyStack, Stopped, Termination, format_stop, shielded
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.interruption import uncut
from lensmount_hardware.output_file import write_output
from lensmount_protocol.wire import Edge

PATIENCE_S = 10.0
TraceFunction = Callable[[FrameType, str, object], object]


@pytest.fixture
def stop() -> Iterator[Termination]:
    termination = Termination()
    termination.start()
    yield termination
    termination.close()


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_raises_once(stop: Termination, number: int) -> None:
    with pytest.raises(Stopped) as raised:
        signal.raise_signal(number)
    assert (raised.value.number, stop.number) == (number, number)
    # `timeout` and `docker stop` may send it twice: the end that is under way is not disturbed.
    signal.raise_signal(signal.SIGTERM)
    assert stop.number == number


def test_a_fourth_ctrl_c_ends_an_end_that_hangs(stop: Termination, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Stopped):
        signal.raise_signal(signal.SIGINT)
    # Three signals in a row are no hanging end, whichever they are.
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGINT)
    assert capfd.readouterr().err == "lensmount: ending; if it hangs, press Ctrl-C until it ends\n"
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(Stopped):
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGTERM)


def test_a_shield_delays_the_signal_to_its_end(stop: Termination) -> None:
    done: list[bool] = []

    def work() -> None:
        with shielded() as stopped:
            done.append(stopped())
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
            done.append(stopped())
            with shielded():
                signal.raise_signal(signal.SIGTERM)
            done.append(True)

    with pytest.raises(Stopped) as raised:
        work()
    assert done == [False, True, True]
    assert raised.value.number == signal.SIGHUP == stop.number


def test_a_shield_gives_way_to_the_fourth_ctrl_c(stop: Termination) -> None:
    pressed: list[int] = []

    def work() -> None:
        with shielded():
            for press in range(5):
                pressed.append(press)
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped):
        work()
    assert pressed == [0, 1, 2, 3]
    assert stop.number == signal.SIGINT


def test_a_shield_around_an_end_that_hangs_gives_way_as_well(stop: Termination) -> None:
    with pytest.raises(Stopped):
        signal.raise_signal(signal.SIGTERM)
    pressed: list[int] = []

    def end() -> None:
        with shielded():
            for press in range(5):
                pressed.append(press)
                signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped):
        end()
    assert pressed == [0, 1, 2]


def test_a_step_that_must_be_whole_is_interrupted_after_it(stop: Termination) -> None:
    done: list[int] = []

    @uncut
    def step() -> None:
        for number in SIGNALS:
            signal.raise_signal(number)
            done.append(number)

    def work() -> None:
        step()
        Event().wait(PATIENCE_S)
        done.append(0)

    with pytest.raises(Stopped):
        work()
    assert (done, stop.number) == (list(SIGNALS), SIGNALS[0])


class Context:
    """A context that a signal interrupts at the first step of its end."""

    def __init__(self) -> None:
        self.left = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_error: object) -> None:
        signal.raise_signal(signal.SIGHUP)
        self.left = True


def test_a_context_is_left_before_the_interruption(stop: Termination) -> None:
    context = Context()

    def work() -> None:
        with context:
            pass
        Event().wait(PATIENCE_S)

    with pytest.raises(Stopped):
        work()
    assert context.left
    assert stop.number == signal.SIGHUP


def test_a_shield_in_a_program_of_others_raises_their_interruption() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        done: list[bool] = []

        def work() -> None:
            with shielded():
                signal.raise_signal(signal.SIGINT)
                done.append(True)

        with pytest.raises(KeyboardInterrupt):
            work()
        assert done
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_context_of_a_stack_is_left_before_the_interruption(stop: Termination) -> None:
    left: list[int] = []

    def leave(number: int) -> None:
        signal.raise_signal(signal.SIGTERM)
        left.append(number)

    stack = OrderlyStack()
    for number in range(3):
        stack.callback(leave, number)
    with pytest.raises(Stopped):
        stack.__exit__(None, None, None)
    assert left == [2, 1, 0]
    assert stop.number == signal.SIGTERM


class Interrupted:
    """A signal comes while it is freed, where Python drops every exception."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def test_an_interruption_that_python_drops_comes_again(stop: Termination) -> None:
    def work() -> None:
        Interrupted()
        Event().wait(PATIENCE_S)

    with pytest.raises(Stopped):
        work()
    assert stop.number == signal.SIGTERM


def test_ignored_sighup_stays_ignored_and_ignored_sigint_does_not() -> None:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    stop = Termination()
    try:
        stop.start()
        with shielded() as stopped:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
            assert not stopped()
        assert stop.number is None
        with pytest.raises(Stopped):
            signal.raise_signal(signal.SIGINT)
        stop.close()
        assert {signal.getsignal(number) for number in SIGNALS} == {signal.SIG_IGN}
    finally:
        stop.close()
        for number, handler in before.items():
            signal.signal(number, handler)


def test_handlers_and_hook_are_given_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS], sys.unraisablehook
    stop = Termination()
    stop.start()
    assert [signal.getsignal(number) for number in SIGNALS] != before[0]
    stop.close()
    assert ([signal.getsignal(number) for number in SIGNALS], sys.unraisablehook) == before


def test_another_thread_takes_no_signals() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]

    def work() -> None:
        stop = Termination()
        stop.start()
        with shielded() as stopped:
            assert not stopped()
        stop.close()

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_stop_has_a_name_for_people() -> None:
    assert format_stop(Stopped(signal.SIGTERM)) == "SIGTERM"
    assert format_stop(Stopped(signal.SIGINT)) == format_stop(KeyboardInterrupt()) == "Ctrl-C"
    assert os.name == "nt" or len(SIGNALS) == 3


def test_ctrl_c_ends_a_process_that_hangs_after_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    registered, codes = list[Any](), list[int]()
    monkeypatch.setattr(atexit, "register", registered.append)
    monkeypatch.setattr(os, "_exit", codes.append)
    stop = Termination(process_ends=True)
    try:
        stop.start()
        stop.close()
        assert len(registered) == 1
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
            signal.raise_signal(number)
        assert codes == []
        signal.raise_signal(signal.SIGINT)
        assert codes == [130]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def write_file(path: Path) -> None:
    write_output(path, b"whole")


def write_recording(path: Path) -> None:
    with RecordingWriter(path, {"dialect": "emount"}) as writer:
        writer.write(Edge(0.0, "VCC", True))
        writer.write(Edge(1.0, "VCC", False))


def handle_in_a_row(stop: Termination, frame: FrameType, *numbers: int) -> None:
    """Have signals come at this place, whatever the first one interrupts."""
    if numbers:
        try:
            stop.handle(numbers[0], frame)
        finally:
            handle_in_a_row(stop, frame, *numbers[1:])


def interrupt_at(step: int, work: Callable[[], object], modules: tuple[str, ...]) -> bool:
    """Do some work with three signals at a step in some modules; whether it has that many steps there."""
    stop, count = Termination(), 0
    before = sys.gettrace()

    # The signal that comes again must meet the work itself, and not this function.
    @uncut
    def trace(frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        nonlocal count
        if not frame.f_code.co_filename.endswith(modules):
            return None
        if event in ("call", "line"):
            count += 1
            if count == step:
                handle_in_a_row(stop, frame, signal.SIGHUP, signal.SIGINT, signal.SIGINT)
        return trace

    stop.start()
    try:
        sys.settrace(trace)
        work()
        sys.settrace(before)
        if stop.number is not None:
            # It was put off, and comes after the work.
            Event().wait(PATIENCE_S)
    except Stopped:
        pass
    finally:
        sys.settrace(before)
        stop.close()
    assert (stop.number == signal.SIGHUP) is (count >= step)
    return count >= step


@pytest.mark.parametrize("work", [write_file, write_recording])
def test_three_signals_at_any_step_leave_a_whole_file_or_none(work: Callable[[Path], None], tmp_path: Path) -> None:
    path, lengths = tmp_path / "a.lmx", set[int]()
    work(path)
    whole = path.read_bytes()
    path.unlink()
    # Each end collects garbage: of this test, and not of the whole program.
    gc.freeze()
    try:
        steps = next(
            step
            for step in range(1, 1000)
            if not interrupt_at(step, partial(work, path), ("output_file.py", "lmx.py")) or check(path, whole, lengths)
        )
    finally:
        gc.unfreeze()
    assert steps > 40
    assert {0, len(whole)} <= lengths


def check(path: Path, whole: bytes, lengths: set[int]) -> None:
    """What a signal has left: a whole file, a recording that ends between two records, or nothing."""
    left = [one.name for one in path.parent.iterdir()]
    assert left in ([], [path.name])
    data = path.read_bytes() if left else b""
    assert whole.startswith(data)
    assert data in (b"", whole) or data.endswith(b"\n")
    lengths.add(len(data))
    path.unlink(missing_ok=True)


def test_three_signals_at_any_step_leave_every_context_that_was_entered() -> None:
    entered, left = list[int](), list[int]()

    class Counted:
        def __enter__(self) -> None:
            entered.append(1)

        def __exit__(self, *_error: object) -> None:
            left.append(1)

    def work() -> None:
        with OrderlyStack() as stack:
            stack.enter_context(Counted())

    def leaves_all(step: int) -> bool:
        more = interrupt_at(step, work, ("contextlib.py", "/termination.py"))
        assert entered == left
        return more

    # As above.
    gc.freeze()
    try:
        steps = next(step for step in range(1, 1000) if not leaves_all(step))
    finally:
        gc.unfreeze()
    assert steps > 40
    assert len(entered) == steps
