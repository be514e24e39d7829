"""Where a service listens, and who can hear it there."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from importlib.util import find_spec

from slicewise.errors import SlicewiseError


def nobody_listens(host: str, port: int, error: Exception) -> SlicewiseError:
    """Return the error of a place where no service can listen."""
    return SlicewiseError(
        f"--host {host} --port {port}: nothing can listen there ({error}); choose another"
    )


def warn_of_others(address: str, say: Callable[[str], None]) -> None:
    """Say what it means that others than this machine can reach a service."""
    if not ipaddress.ip_address(address).is_loopback:
        say(
            f"whoever reaches {address} can send scans, and read along: put this behind something "
            "that encrypts and knows who they are"
        )


def check_installed(*modules: str) -> None:
    """Refuse to start without what a service is made with.

    Raises
    ------
    SlicewiseError
        When one of the modules is not there.
    """
    lacking = [module for module in modules if find_spec(module) is None]
    if lacking:
        raise SlicewiseError(
            f"{', '.join(lacking)}: not installed, and needed for this; install what a service "
            f"needs with python -m pip install {' '.join(modules)}"
        )
