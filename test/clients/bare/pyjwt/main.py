"""PyJWT with the least configuration that takes our tokens: says of each line of standard input whether it takes it."""

import os
import sys

import jwt

issuer = os.environ["ISSUER"]
keys = jwt.PyJWKClient(f"{issuer}/.well-known/jwks.json")
for line in sys.stdin:
    token = line.strip()
    try:
        key = keys.get_signing_key_from_jwt(token)
        jwt.decode(token, key, algorithms=["ES256"], audience=os.environ["AUDIENCE"], issuer=issuer)
        print("true")
    except Exception:
        print("false")
