"""Nothing secret may reach a file, a log or MLflow.

Two kinds of text are told apart. In *free text* (why a run stopped, what a
server answered, a diff) every secret is replaced. In *values* (settings, tags,
names, paths, numbers) the secret of somebody who chose a word or a number is
not: ``phantom`` is a password here and a data set there, and a run whose
values were replaced could not be found, read or made again.
"""

from __future__ import annotations

import base64
import html
import itertools
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, unquote

SECRET = re.compile(r"PASSWORD|PASSWD|TOKEN|SECRET|CREDENTIAL|API_?KEY", re.I)
QUERY = re.compile(
    r"PASSWORD|PASSWD|TOKEN|SECRET|CREDENTIAL|KEY|SIGNATURE|^(PASS|PWD|AUTH|SIG|CODE)$", re.I
)
"""Parameters of an address that are secret, such as sslpassword or X-Amz-Signature."""
SHORTEST = 6
"""What is shorter would be found by chance in any text."""
UNMISTAKABLE = 12
"""Length of a secret that is no word or number by chance."""
CHANGES = 3
"""How often letters and digits take turns in it."""
HIDDEN = "***"
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
QUOTES = "\"'`"
USER = "MLFLOW_TRACKING_USERNAME"


def redact(text: str) -> str:
    """Replace all secrets in free text.

    They are the values of secret environment variables, also as JSON, Python,
    HTML or an address write them, the passwords in addresses of the
    environment, and whatever logs in within an address of the text itself.
    """
    return _without(_without_logins(text), _environment())


def redact_value(text: str) -> str:
    """Replace, in a value that is to stay usable, what can be nothing but a secret.

    These are the logins in addresses, and secrets of the environment which
    look like no word, name or number.
    """
    return _without(_without_logins(text), filter(_is_unmistakable, _environment()))


def without_user(uri: str) -> str:
    """Return an address without user name, password and query.

    Examples
    --------
    >>> without_user("https://me:secret@mlflow.example.org/path?token=x")
    'https://mlflow.example.org/path'
    """
    if "@" not in uri and "?" not in uri:
        return uri
    address = _Address.parse(uri)
    return uri if address is None else f"{address.scheme}{address.place}"


@dataclass(frozen=True)
class _Address:
    """The parts of an address, as whoever typed it meant them.

    A password is often typed as it is, with ``@``, ``/`` or ``?`` in it, so
    that the general rules cut it at the first of these.
    """

    scheme: str
    login: str | None
    place: str
    query: str | None

    @classmethod
    def parse(cls, text: str) -> _Address | None:
        """Take an address apart; None where the text is none."""
        scheme = SCHEME.match(text)
        if scheme is None:
            return None
        rest = text[scheme.end() :]
        first = re.split(r"[/?#]", rest, maxsplit=1)[0]
        # a host may have a port, but what has an @ behind it is no host
        named = "@" in first or (":" in first and not first.startswith("["))
        login = None
        if named and "@" in rest:
            login, _, rest = rest.rpartition("@")
        place, mark, query = rest.partition("?")
        return cls(scheme[0], login, place, query if mark else None)

    def without_login(self) -> str:
        """Put it together again, with nothing that logs in."""
        login = "" if self.login is None else f"{HIDDEN}@"
        query = "" if self.query is None else f"?{_without_values(self.query)}"
        return f"{self.scheme}{login}{self.place}{query}"


def _without_values(query: str) -> str:
    """Hide the values of secret parameters."""

    def hidden(part: str) -> str:
        if part in ("&", ";"):
            return part
        key, mark, _ = part.partition("=")
        return f"{key}={HIDDEN}" if mark and QUERY.search(unquote(key)) else part

    return "".join(hidden(part) for part in re.split(r"([&;])", query))


def _without_logins(text: str) -> str:
    """Hide what logs in within each address of a text."""
    if "://" not in text:
        return text
    done = 0
    made = []
    for begin, end in _addresses(text):
        address = _Address.parse(text[begin:end])
        made.append(text[done:begin])
        made.append(text[begin:end] if address is None else address.without_login())
        done = end
    return "".join([*made, text[done:]])


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """Find addresses: to the next blank, or to the quotation mark that one began with."""
    end = 0
    for match in SCHEME.finditer(text):
        begin = match.start()
        if begin < end:
            continue  # one inside another, as in a parameter
        before = text[begin - 1 : begin]
        stop = r"\s" if not before or before not in QUOTES else rf"\s|{re.escape(before)}"
        blank = re.compile(stop).search(text, match.end())
        end = len(text) if blank is None else blank.start()
        yield begin, end


def _environment() -> set[str]:
    """Return the secrets of the environment."""
    # a list of names first: a thread of MLflow's sets and deletes variables meanwhile
    present = {key: os.environ.get(key, "") for key in list(os.environ)}
    values = {value for key, value in present.items() if SECRET.search(key)}
    for value in present.values():
        address = _Address.parse(value)
        if address is not None and address.login is not None and ":" in address.login:
            password = address.login.partition(":")[2]
            values |= {password, unquote(password)}
    # a key of several lines stands in a diff with a sign before each
    values |= {line.strip() for value in values for line in value.splitlines()}
    return {value for value in values if len(value) >= SHORTEST}


def _without(text: str, secrets: Iterator[str] | set[str]) -> str:
    written = {form for secret in secrets for form in _forms(secret)}
    for form in sorted(written, key=len, reverse=True):
        if form.isdecimal():
            # digits within a longer number are that number's
            text = re.sub(rf"(?<![\d.]){form}(?!\.?\d)", HIDDEN, text)
        else:
            text = text.replace(form, HIDDEN)
    return text


def _forms(secret: str) -> set[str]:
    """Return how a secret may be written."""
    login = f"{os.environ.get(USER, '')}:{secret}".encode(errors="replace")
    return {
        secret,
        " ".join(secret.split()),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        ascii(secret)[1:-1],
        html.escape(secret),
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
        base64.b64encode(login).decode(),
    }


def _is_unmistakable(secret: str) -> bool:
    kinds = ["0" if sign.isdigit() else "a" for sign in secret if sign.isalnum()]
    changes = sum(one != other for one, other in itertools.pairwise(kinds))
    return len(secret) >= UNMISTAKABLE and changes >= CHANGES
