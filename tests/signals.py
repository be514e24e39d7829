"""Signals that tests send."""

import signal


def as_at_a_terminal() -> None:
    """Heed Ctrl-C and the end of a terminal, whatever started these tests."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def heed_ctrl_c() -> None:
    """Let this process, and what it starts, end by Ctrl-C.

    A shell without job control starts what runs behind it with Ctrl-C ignored,
    and so is whatever that starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
