"""How a camera is told who asks: HTTP's Basic and Digest as RTSP uses them (RFC 2617, 7616). Standard library only."""

import binascii
import importlib
import re
import time


def authorization(challenges: list[str], url: str, user: str, password: str) -> str | None:
    """Return the Authorization header for a DESCRIBE of `url`: Digest before Basic, None for anything else.

    `challenges` are the values of the WWW-Authenticate headers.
    """
    digests = [_parameters(value) for value in challenges if value.lower().startswith("digest")]
    for wanted, algorithm in (("sha-256", "sha256"), ("md5", "md5")):
        for challenge in digests:
            if challenge.get("algorithm", "MD5").lower() == wanted:
                return _digest(challenge, algorithm, url, user, password)
    if any(value.lower().startswith("basic") for value in challenges):
        return "Basic " + binascii.b2a_base64(f"{user}:{password}".encode(), newline=False).decode()
    return None


def _digest(challenge: dict[str, str], algorithm: str, url: str, user: str, password: str) -> str:
    def hashed(text: str) -> str:
        return _hash(algorithm, text.encode())

    realm, nonce = challenge.get("realm", ""), challenge.get("nonce", "")
    secret, request = hashed(f"{user}:{realm}:{password}"), hashed(f"DESCRIBE:{url}")
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": url}
    extra = ""
    if "auth" in challenge.get("qop", "").replace(" ", "").split(","):
        count, client = "00000001", hashed(f"{time.monotonic_ns()}")[:16]
        fields |= {"response": hashed(f"{secret}:{nonce}:{count}:{client}:auth:{request}"), "cnonce": client}
        extra = f", qop=auth, nc={count}"
    else:
        fields["response"] = hashed(f"{secret}:{nonce}:{request}")
    if "opaque" in challenge:
        fields["opaque"] = challenge["opaque"]
    if "algorithm" in challenge:
        extra += f", algorithm={challenge['algorithm']}"
    return "Digest " + ", ".join(f'{name}="{value}"' for name, value in fields.items()) + extra


def _hash(algorithm: str, data: bytes) -> str:
    """Return the digest in hex; MD5 comes from Python's own module, for hashlib loads all of OpenSSL."""
    try:
        hasher = importlib.import_module("_md5").md5 if algorithm == "md5" else None
    except ImportError:  # a Python that was built without it
        hasher = None
    hasher = hasher or getattr(importlib.import_module("hashlib"), algorithm)
    return str(hasher(data, usedforsecurity=False).hexdigest())


def _parameters(challenge: str) -> dict[str, str]:
    found = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)
    return {name.lower(): quoted or bare for name, quoted, bare in found}
