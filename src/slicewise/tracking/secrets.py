"""Nothing secret may reach a file, a log or MLflow."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit, urlunsplit

SECRET = re.compile(r"PASSWORD|PASSWD|TOKEN|SECRET|CREDENTIAL|API_?KEY", re.I)
SHORTEST = 6
"""What is shorter would be found by chance in any text."""


def redact(text: str) -> str:
    """Replace the values of secret environment variables, and passwords in addresses."""
    values = {v for k, v in os.environ.items() if SECRET.search(k) and len(v) >= SHORTEST}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, "***")
    return re.sub(r"(\w+://)[^/\s@:]*:[^/\s@]*@", r"\1***@", text)


def without_user(uri: str) -> str:
    """Return an address without user name, password and query."""
    if "@" not in uri and "?" not in uri:
        return uri
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
