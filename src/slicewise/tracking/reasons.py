"""Why MLflow did not take something: one sentence, with what to do about it, and no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from slicewise.errors import SlicewiseError, explained
from slicewise.tracking.answers import ForeignAnswerError, NotTakenError
from slicewise.tracking.patience import TooSlowError
from slicewise.tracking.secrets import redact, without_user

LONGEST = 300
"""Signs of what others say that are shown; the beginning and the end say most."""
SQLITE = "sqlite:"
NO_JSON = "not in a valid JSON format"
LOGIN = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
ADDRESS = "MLFLOW_TRACKING_URI"
STATUS = (
    re.compile(r"error code (\d{3}) != 200"),
    re.compile(r"too many (\d{3}) error responses"),
    re.compile(r"^(\d{3}) (?:Client|Server) Error"),
)
OF_STATUS = {
    401: f"refuses the user name or password; set {LOGIN}",
    403: "does not let this user write here (403); ask whoever runs it for the permission EDIT",
    404: f"answers, but knows no such page (404); check the path in {ADDRESS}",
    405: f"answers, but not to such requests (405); check the path in {ADDRESS}",
    407: "is behind a proxy that wants a login (407); set HTTPS_PROXY, or NO_PROXY for its host",
    411: "is behind a proxy that refuses what is sent (411); ask whoever runs it",
    413: "refuses files of this size (413); raise client_max_body_size or the like of its proxy",
    429: "wants fewer requests (429); try later",
    500: "has a fault of its own (500); look into its log, or tell whoever runs it",
    502: "is down behind its proxy (502); start it, or tell whoever runs it",
    503: "is not ready (503); try later, or tell whoever runs it",
    504: "is too slow for its proxy (504); try later, or tell whoever runs it",
    507: "has no space left (507); tell whoever runs it",
}
TEXTS = (
    (r"Invalid Host header", "refuses the name it is called by; add it to its --allowed-hosts"),
    (
        r"HTTP request was sent to (an )?HTTPS|BadStatusLine\(.*\\x15\\x03",
        f"speaks HTTPS; begin {ADDRESS} with https://",
    ),
    (
        r"WRONG_VERSION_NUMBER|wrong version number|record layer failure|UNEXPECTED_EOF_WHILE",
        f"speaks HTTP without TLS; begin {ADDRESS} with http://",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED",
        "has a certificate that is not trusted here; set MLFLOW_TRACKING_SERVER_CERT_PATH to the "
        "file of its authority",
    ),
    (
        r"Exceeded \d+ redirects|too many redirects",
        f"leads in circles (redirects); check {ADDRESS}",
    ),
    (
        r"Failed to resolve|Name or service not known|name resolution|nodename nor servname",
        f"does not answer (nobody knows this name); check {ADDRESS}",
    ),
    (
        r"Connection refused",
        f"does not answer (connection refused); start it, or check {ADDRESS}",
    ),
    (
        r"No route to host|Network is unreachable",
        "does not answer (no way to its machine); check the network",
    ),
    (
        r"[Rr]ead timed out|[Cc]onnect.{0,20} timed out|ReadTimeout|ConnectTimeout",
        "does not answer (in time); try later, or tell whoever runs it",
    ),
    (
        r"Connection aborted|RemoteDisconnected|Connection reset|Connection broken|"
        r"IncompleteRead|ChunkedEncodingError|Broken pipe",
        "does not answer (it broke off in the middle); try later, or tell whoever runs it",
    ),
    (
        r"password authentication failed|Access denied for user",
        f"refuses the user name or password that {ADDRESS} has; correct them there",
    ),
    (
        r"database \"[^\"]*\" does not exist|Unknown database",
        f"has no database of that name; make it, or correct {ADDRESS}",
    ),
    (
        r"unsupported URI|Invalid database engine|Could not parse SQLAlchemy URL|"
        r"Can't load plugin: sqlalchemy",
        f"is no address of a store; set {ADDRESS} to http://…, https://… or sqlite:///…",
    ),
    (
        r"No module named '?(psycopg2|pg8000|pymysql|MySQLdb)",
        "needs a driver that is not installed; python -m pip install it (its name is the one "
        "behind + in the address)",
    ),
)
OF_SQLITE = (
    (
        r"No space left|Disk quota exceeded",
        "could not be told, as a disk is full: its own, or that of temporary files; free some "
        "space, or set TMPDIR to a folder on another disk",
    ),
    (
        r"database or disk is full|disk I/O error",
        "cannot be written, as its disk is full or a limit of the file size is reached; free some "
        "space, or raise ulimit -f",
    ),
    (
        r"database( table)? is locked",
        "is locked by another process; end that one, or use a server (docs/server.md) for so many",
    ),
    (
        r"attempt to write a readonly database|Permission denied|Read-only file system",
        "cannot be written by this user; get the right to write the file and its folder, or set "
        f"{ADDRESS} to another store",
    ),
    (
        r"unable to open database file",
        "cannot be opened; its folder is missing or not for this user: make it, or set "
        f"{ADDRESS} to another store",
    ),
    (
        r"file is not a database|disk image is malformed|no such (table|column)",
        "is damaged or no store of MLflow; move it away, and what is noted is sent to a new one",
    ),
    (
        r"out-of-date database schema|Can't locate revision|mlflow db upgrade",
        "is of another version of MLflow; back it up and run mlflow db upgrade on it",
    ),
)


def why(error: BaseException, uri: str, leads_to: str | None = None) -> str:
    """Return what an error of MLflow means for a user.

    Parameters
    ----------
    error : exception
    uri : str
        Address of the store.
    leads_to : str, optional
        Where the server redirects to.
    """
    if isinstance(error, SlicewiseError):
        return str(error)
    if leads_to is not None:
        there = redact(without_user(leads_to))
        return (
            f"MLflow at {without_user(uri)} redirects to {there}; set {ADDRESS} to where MLflow "
            "itself is, or log in there first"
        )
    return f"MLflow at {without_user(uri)} {_what(error, uri)}"


def _what(error: BaseException, uri: str) -> str:
    chain = list(_chain(error))
    text = " / ".join(" ".join(str(each).split()) or type(each).__name__ for each in chain)
    if isinstance(error, TooSlowError):
        return f"does not answer ({error}); try later, or tell whoever runs it"
    if isinstance(error, NotTakenError):
        return (
            f"answered, but does not hold {redact(str(error))}; a page to log in or a proxy may be "
            "in between: ask whoever runs it"
        )
    for tables in (OF_SQLITE,) if uri.startswith(SQLITE) else (TEXTS, OF_SQLITE):
        for pattern, said in tables:
            if re.search(pattern, text):
                return str(said)
    statuses = (_status(each) for each in chain)
    status = next((each for each in statuses if each is not None), None)
    if status in OF_STATUS:
        return f"{OF_STATUS[status]}{_cause(error)}" if status != 401 else OF_STATUS[401]
    foreign = (ForeignAnswerError, json.JSONDecodeError)
    if NO_JSON in text or any(isinstance(each, foreign) for each in chain):
        return (
            "answers, but not as MLflow does: a page to log in, or another service; check "
            f"{ADDRESS}, and set {LOGIN}"
        )
    for each in chain:
        known = explained(each) if isinstance(each, OSError) else None
        if known is not None:
            return f"could not be told ({known})"
    if status is not None or type(error).__module__.startswith("mlflow"):
        code = "" if status is None else f" ({status})"
        return f"refuses it{code}: {_short(redact(text))}"
    return f"could not be told ({_short(redact(text))})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Return an error and those that led to it, as the client wraps the cause in general words."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop(0)
        if one is not None and one not in seen:
            seen.append(one)
            waiting += [one.__cause__, one.__context__]
            waiting += [arg for arg in one.args if isinstance(arg, BaseException)]
            reason = getattr(one, "reason", None)
            waiting += [reason] if isinstance(reason, BaseException) else []
    yield from seen


def _status(error: BaseException) -> int | None:
    """Return the HTTP status that an error tells of."""
    response = getattr(error, "response", None)
    if response is not None and getattr(response, "status_code", None):
        return int(response.status_code)
    text = str(error)
    for pattern in STATUS:
        if match := pattern.search(text):
            return int(match[1])
    code = getattr(error, "error_code", None)
    known = {
        "PERMISSION_DENIED": 403,
        "UNAUTHENTICATED": 401,
        "CUSTOMER_UNAUTHORIZED": 401,
        "REQUEST_LIMIT_EXCEEDED": 429,
        "TEMPORARILY_UNAVAILABLE": 503,
        "ENDPOINT_NOT_FOUND": 404,
    }
    return known.get(str(code))


def _cause(error: BaseException) -> str:
    """Return what the server itself says, where that is a sentence of MLflow."""
    message = getattr(error, "message", "")
    code = getattr(error, "error_code", "")
    if not isinstance(message, str) or not message.startswith(f"{code}: ") or "<" in message:
        return ""
    said = " ".join(redact(message.removeprefix(f"{code}: ")).split())
    return f" (it says: {_short(said)})" if said else ""


def _short(text: str) -> str:
    """Cut out the middle: the cause of an error stands at its end."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 3]} … {text[-2 * LONGEST // 3 :]}"
