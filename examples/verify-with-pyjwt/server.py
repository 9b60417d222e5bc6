"""An API that verifies its callers' access tokens with PyJWT. The guide is docs/how-to/verify-with-pyjwt.md."""

import json
import os
import re
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:8700")
AUDIENCE = os.environ.get("AUDIENCE", "https://orders.acme.example")
LEEWAY_SECONDS = 30
MAX_LIFETIME_SECONDS = 86_400
MAX_TOKEN_BYTES = 16_384


def discover() -> jwt.PyJWKClient:
    """The key set that the issuer names; metadata of another issuer is refused (RFC 8414 section 3.3)."""
    with urllib.request.urlopen(f"{ISSUER}/.well-known/openid-configuration", timeout=5) as response:
        metadata = json.load(response)
    if metadata["issuer"] != ISSUER:
        raise SystemExit("the metadata is of another issuer")
    return jwt.PyJWKClient(metadata["jwks_uri"], lifespan=600, timeout=5)


KEYS = discover()


def verify(token: str) -> dict:
    """The claims of a token that is for us. Raises jwt.InvalidTokenError for any other."""
    if len(token) > MAX_TOKEN_BYTES:
        raise jwt.InvalidTokenError("the token is too large")
    decoded = jwt.decode_complete(
        token,
        KEYS.get_signing_key_from_jwt(token),
        algorithms=["ES256"],
        audience=AUDIENCE,
        issuer=ISSUER,
        leeway=LEEWAY_SECONDS,
        # strict_aud: one audience, which is ours. Without `require` a token without exp lives for ever.
        options={"require": ["exp", "iat", "sub", "jti", "client_id"], "strict_aud": True},
    )
    claims = decoded["payload"]
    # The rest is not PyJWT's to check. RFC 9068 section 4: an ID token of the same issuer must not pass for an access token.
    if str(decoded["header"].get("typ")).lower() not in ("at+jwt", "application/at+jwt"):
        raise jwt.InvalidTokenError("typ is not at+jwt")
    # PyJWT takes a text of digits for a number.
    times = (claims["exp"], claims["iat"])
    if not all(isinstance(time, (int, float)) for time in times) or not times[0] - times[1] <= MAX_LIFETIME_SECONDS:
        raise jwt.InvalidTokenError("the times are not sound")
    # RFC 9449, RFC 8705: bound to a key that nobody has checked here.
    if "cnf" in claims:
        raise jwt.InvalidTokenError("the token is sender-constrained")
    return claims


class OrdersApi(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path != "/orders":
            return self.answer(404, {"error": "not_found"})
        found = re.fullmatch("Bearer ([^ ]+)", self.headers.get("Authorization", ""), re.IGNORECASE)
        if not found:
            return self.answer(401, {"error": "invalid_token"}, "Bearer")
        try:
            claims = verify(found[1])
        except jwt.PyJWKClientConnectionError:
            return self.answer(503, {"error": "temporarily_unavailable"})
        # RFC 6750 section 3.1: one answer for every fault of a token.
        except jwt.PyJWTError:
            return self.answer(401, {"error": "invalid_token"}, 'Bearer error="invalid_token"')
        if "orders:read" not in str(claims.get("scope", "")).split(" "):
            challenge = 'Bearer error="insufficient_scope", scope="orders:read"'
            return self.answer(403, {"error": "insufficient_scope"}, challenge)
        self.answer(200, {"orders": 3, "caller": claims["client_id"]})

    def answer(self, status: int, body: dict, challenge: str | None = None):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if challenge:
            self.send_header("WWW-Authenticate", challenge)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """No request line and no header reaches a log."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8710"))), OrdersApi)
    print(f"orders API on http://127.0.0.1:{server.server_port}, tokens of {ISSUER} for {AUDIENCE}", flush=True)
    server.serve_forever()
