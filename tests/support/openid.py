"""An OpenID provider that can lie: what Ringmaster must not believe comes from this one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

Claims = dict[str, Any]
CLIENT, SECRET = "ringmaster", "the client's own/secret+"
FIRST_KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})


class LyingProvider:
    """Signs everyone in at once as `claims`; every field may be changed to lie."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.keys: list[RSAKey | ECKey] = [FIRST_KEY]
        self.claims: Claims = {"sub": "7", "preferred_username": "ada", "groups": ["web"]}
        self.metadata: Claims = {}
        """What differs from an honest discovery document."""
        self.token: Callable[[Claims], str] = self.sign
        self.info: Claims | None = None
        self.answer: tuple[int, bytes] | None = None
        """What the token endpoint says instead."""
        self.codes: dict[str, Claims] = {}
        self.asked: list[str] = []
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> LyingProvider:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def sign(self, claims: Claims) -> str:
        """As an honest provider does."""
        key = self.keys[-1]
        algorithm = "ES256" if isinstance(key, ECKey) else "RS256"
        return jwt.encode({"alg": algorithm, "kid": key.kid or ""}, claims, key)

    def sign_with(self, key: RSAKey | ECKey, algorithm: str) -> Callable[[Claims], str]:
        """Under the first key's name, by another key or another way."""
        header = {"alg": algorithm, "kid": "first"}
        registry = jws.JWSRegistry(algorithms=[algorithm])
        return lambda claims: jwt.encode(header, claims, key, registry=registry)

    def hmac(self, secret: bytes) -> Callable[[Claims], str]:
        """Signed with a secret: by hand, because no decent library does it with a public key."""

        def sign(claims: Claims) -> str:
            parts = ({"alg": "HS256", "kid": "first"}, claims)
            signed = ".".join(_b64(json.dumps(part).encode()) for part in parts)
            return f"{signed}.{_b64(hmac.digest(secret, signed.encode(), 'sha256'))}"

        return sign

    def unsigned(self, claims: Claims) -> str:
        """alg none."""
        parts = ({"alg": "none", "kid": "first"}, claims)
        return ".".join([*(_b64(json.dumps(part).encode()) for part in parts), ""])

    def visit(self, page: str) -> dict[str, str]:
        """What a browser does at the authorization page: the parameters that it is sent back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(page).query).items()}
        code = secrets.token_urlsafe(16)
        self.codes[code] = dict(asked)
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    # --- what the server does ---

    def discovery(self) -> Claims:
        honest = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/me",
            "jwks_uri": f"{self.issuer}/jwks",
            "authorization_response_iss_parameter_supported": True,
        }
        return {**honest, **self.metadata}

    def redeem(self, form: dict[str, str], authorization: str) -> tuple[int, Claims]:
        asked = self.codes.pop(form.get("code", ""), None)
        pair = f"{CLIENT}:{''.join(f'%{ord(c):02X}' if c in '/+ ' + chr(39) else c for c in SECRET)}"
        if authorization != "Basic " + base64.b64encode(pair.encode()).decode():
            return 401, {"error": "invalid_client"}
        verifier = _b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or verifier != asked["code_challenge"]
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant", "error_description": f"code {form.get('code')}"}
        now = int(self.clock().timestamp())
        honest = {"iss": self.issuer, "aud": CLIENT, "nonce": asked["nonce"], "iat": now, "exp": now + 300}
        return 200, {"access_token": "at", "id_token": self.token({**honest, **self.claims})}

    def get(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        pages: dict[str, Callable[[], Claims]] = {
            "/.well-known/openid-configuration": self.discovery,
            "/jwks": lambda: dict(KeySet(list(self.keys)).as_dict(private=False)),
            "/me": lambda: self.info or {"sub": self.claims["sub"]},
        }
        page = pages.get(path)
        return (404, b"{}") if page is None else (200, json.dumps(page()).encode())


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _handler(provider: LyingProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(*provider.get(self.path))

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(text).items()}
            status, body = provider.redeem(form, self.headers.get("Authorization", ""))
            self._send(*(provider.answer or (status, json.dumps(body).encode())))

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            if status == 302:
                self.send_header("Location", content.decode())
                content = b""
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
