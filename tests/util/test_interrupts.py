"""Signals end a process as Ctrl-C does, with their own exit codes, or wait for a safe point."""

import os
import signal
import threading

import pytest

from dfplan.util.interrupts import (
    Interrupted,
    deadly_signals,
    deferred_interrupts,
    exit_code,
    heeded_ctrl_c,
    kept_handlers,
    raised_signals,
)

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def default_handlers():
    """Python's own handlers, whatever this process was started with."""
    defaults = (signal.default_int_handler, signal.SIG_DFL, signal.SIG_DFL)
    before = [signal.signal(n, handler) for n, handler in zip(NUMBERS, defaults, strict=True)]
    yield
    for number, handler in zip(NUMBERS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_termination_is_raised(number, code):
    with pytest.raises(Interrupted) as interrupt, raised_signals():
        os.kill(os.getpid(), number)
    assert exit_code(interrupt.value) == code
    assert signal.getsignal(number) is signal.SIG_DFL


def test_ctrl_c_has_its_own_code():
    assert exit_code(KeyboardInterrupt()) == 130


@pytest.mark.parametrize("number", NUMBERS)
def test_a_deferred_signal_waits_and_a_second_one_does_not(number):
    with deferred_interrupts() as get_interrupt:
        assert get_interrupt() is None
        os.kill(os.getpid(), number)
        assert exit_code(get_interrupt()) == 128 + number
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), number)


def test_deadly_signals_have_no_handlers_for_a_while():
    with raised_signals():
        with deadly_signals():
            assert all(signal.getsignal(number) is signal.SIG_DFL for number in NUMBERS)
        assert all(callable(signal.getsignal(number)) for number in NUMBERS)


@pytest.mark.parametrize("context", [raised_signals, deferred_interrupts, deadly_signals])
def test_ignored_signals_stay_ignored(context):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with context():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_a_handler_of_the_caller_stays():
    received = []
    signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    with raised_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert received == [signal.SIGTERM]


@pytest.mark.parametrize("context", [raised_signals, deferred_interrupts])
def test_other_threads_leave_the_handlers(context):
    entered = []

    def work():
        with context():
            entered.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert entered == [signal.SIG_DFL]


def test_ctrl_c_is_heeded_where_it_was_ignored():
    with heeded_ctrl_c():
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with heeded_ctrl_c():
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_handlers_that_a_library_replaces_are_kept():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with kept_handlers():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert handlers == [signal.default_int_handler, signal.SIG_DFL, signal.SIG_IGN]
