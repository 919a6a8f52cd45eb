"""An OpenID Connect provider on this machine: discovery, signed ID tokens, codes that are good once, PKCE, user info.

It keeps to the specification, and checks that its clients do. ``provider.wrong`` makes it break it in one place.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

CLIENT = {"client_id": "shop", "client_secret": "a secret of the shop"}


class Provider:
    """Who it vouches for is in ``person``; ``wrong`` overrides claims, or says what else goes wrong."""

    def __init__(self) -> None:
        self.person: dict[str, Any] = {"sub": "248289761001", "email": "jane@example.com", "email_verified": True}
        self.wrong: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self.url = ""
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: set[str] = set()
        self._key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, private=True, auto_kid=False)
        self.app = Flask(__name__)
        for path, view in (
            ("/.well-known/openid-configuration", self._discovery),
            ("/keys", self._keys),
            ("/authorize", self._authorize),
            ("/userinfo", self._userinfo),
            ("/user", self._github_user),
            ("/user/emails", self._github_emails),
        ):
            self.app.add_url_rule(path, path, view)
        self.app.add_url_rule("/token", "token", self._token, methods=["POST"])

    @property
    def discovery(self) -> str:
        return f"{self.url}/.well-known/openid-configuration"

    def _discovery(self) -> Response:
        return jsonify(
            issuer=self.wrong.get("issuer", self.url),
            authorization_endpoint=f"{self.url}/authorize",
            token_endpoint=f"{self.url}/token",
            userinfo_endpoint=f"{self.url}/userinfo",
            jwks_uri=f"{self.url}/keys",
            id_token_signing_alg_values_supported=self.wrong.get("algs", ["RS256"]),
            code_challenge_methods_supported=["S256"],
        )

    def _keys(self) -> Response:
        return jsonify(keys=[self._key.as_dict(private=False)])

    def _authorize(self) -> Any:
        asked = request.args.to_dict()
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT["client_id"]
        assert asked["code_challenge_method"] == "S256"
        self.asked.append(asked)
        if "denied" in self.wrong:
            told = {"error": "access_denied", "error_description": "No.", "state": asked["state"]}
        else:
            code = secrets.token_urlsafe()
            self._codes[code] = asked
            told = {"code": code, "state": asked["state"]}
        return redirect(f"{asked['redirect_uri']}?{urlencode(told)}")

    def _token(self) -> Any:
        if "outage" in self.wrong:
            return "<h1>Bad gateway</h1>", 502
        asked = self._codes.pop(request.form["code"], None)
        proof = hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()
        client = (request.authorization.username, request.authorization.password) if request.authorization else ()
        if asked is None or client != tuple(CLIENT.values()) or request.form["redirect_uri"] != asked["redirect_uri"]:
            return jsonify(error="invalid_grant"), 400
        if base64.urlsafe_b64encode(proof).rstrip(b"=").decode() != asked["code_challenge"]:
            return jsonify(error="invalid_grant", error_description="PKCE"), 400
        access = secrets.token_urlsafe()
        self._tokens.add(access)
        told = {"access_token": access, "token_type": "Bearer", "expires_in": 60}
        if "openid" in asked["scope"] and "no id_token" not in self.wrong:
            told["id_token"] = self._id_token(asked)
        return jsonify(told)

    def _id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT["client_id"], "iat": now, "exp": now + 60, "nonce": asked.get("nonce")}
        claims |= self.person | self.wrong.get("claims", {})
        claims = {name: value for name, value in claims.items() if value is not None}
        key = RSAKey.generate_key(2048, private=True) if "key" in self.wrong else self._key
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)
        if "unsigned" in self.wrong:
            header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
            return f"{header}.{token.split('.')[1]}."
        return token

    def _userinfo(self) -> Any:
        return jsonify(self.person | self.wrong.get("userinfo", {})) if self._is_known() else ("", 401)

    def _github_user(self) -> Any:
        return jsonify(id=583231, login="octocat") if self._is_known() else ("", 401)

    def _github_emails(self) -> Any:
        if not self._is_known():
            return "", 401
        told = {"email": self.person["email"], "verified": self.person["email_verified"], "primary": True}
        return jsonify([{"email": "other@example.com", "verified": True, "primary": False}, told])

    def _is_known(self) -> bool:
        return request.authorization is not None and request.authorization.token in self._tokens

    @contextmanager
    def running(self) -> Iterator[Provider]:
        server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.url = f"http://127.0.0.1:{server.port}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
