"""Keep secrets out of everything that is printed. Standard library only."""

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

HIDDEN = "***"

# Greedy up to the last '@' before a blank or quote: a password may hold '@' and '/' where somebody forgot to encode.
_USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s'\"]*@", re.IGNORECASE)


def redact_url(text: str) -> str:
    """Return `text` with user and password of every URL in it replaced by `***`."""
    return _USERINFO.sub(rf"\g<scheme>{HIDDEN}@", text)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the given secrets (any that is not empty) and without credentials in URLs."""
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return redact_url(text)


def url_secrets(url: str) -> tuple[str, ...]:
    """Return what must never be printed of `url`: its password, as written and percent-decoded."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return (url,)
    return tuple(dict.fromkeys((password, unquote(password)))) if password else ()
