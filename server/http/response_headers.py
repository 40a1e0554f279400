"""Headers of every answer: id, time, and what a browser is told not to do."""

from __future__ import annotations

from typing import List, Tuple

Headers = List[Tuple[bytes, bytes]]

# The pages at / and /docs say their own; they are the only answers that a browser should run anything of.
DATA_POLICY = b"default-src 'none'; frame-ancestors 'none'"
FIXED: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),  # of no weight for what FWHT_CORS_ORIGINS allows
]


def complete_headers(headers: Headers, request_id: str, seconds: float) -> Headers:
    """`headers` with those that every answer has; what a route says itself stays. seconds: since the request's head."""
    said = {name for name, _ in headers}
    whole = [*headers, (b"x-request-id", request_id.encode("ascii"))]
    whole += [header for header in FIXED if header[0] not in said]
    if b"content-security-policy" not in said:
        whole.append((b"content-security-policy", DATA_POLICY))
    if b"server-timing" not in said:
        whole.append((b"server-timing", b"total;dur=%.3f" % (1000 * seconds)))
    return whole
