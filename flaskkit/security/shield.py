"""The outermost layer of the app, WSGI: it sees each response as it leaves, errors and files included.

HTTP, where the site is to be used by HTTPS     sent on, before anything else is asked
every response                                  the headers it does not have yet
one that depends on who asks                    is not kept for others
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from inspect import ismethod
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakMethod, ref

from flask import Flask
from werkzeug.exceptions import BadRequest, SecurityError
from werkzeug.utils import redirect
from werkzeug.wrappers import Request

from flaskkit.security.headers import NONCE, OF_VIEW, Change, Headers, changed

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Headers by their names in small letters, as they are looked for.
ByName = Mapping[str, tuple[str, str]]


class Shield:
    """Wraps *inner*, the WSGI side of *app*; ``headers`` are those of the whole site.

    *hsts* says whether Strict-Transport-Security is among them. It is sent by HTTPS only, as RFC 6797 asks in
    section 7.2.
    """

    def __init__(
        self, app: Flask, inner: WSGIApplication, headers: Headers, *, hsts: bool, https_redirect: bool
    ) -> None:
        self._app = ref(app)
        self._inner = inner
        self.headers = headers
        self._hsts = hsts
        self._https_redirect = https_redirect
        self._prepared: dict[tuple[Change | None, bool], ByName] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, sent: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, self._complete(environ, sent), *exc_info)

        if self._https_redirect and environ["wsgi.url_scheme"] == "http":
            return self._to_https(environ)(environ, start)
        return self._inner(environ, start)

    def _complete(self, environ: WSGIEnvironment, sent: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers *sent* by the app and those it left to this layer."""
        names = {name.lower(): value for name, value in sent}
        ours = self._ours(environ)
        complete = sent + [pair for name, pair in ours.items() if name not in names]
        vary = names.get("vary", "")
        if "set-cookie" in names or (vary and "cookie" in vary.lower()) or "HTTP_AUTHORIZATION" in environ:
            return _kept_private(complete, names)
        if NONCE in environ and "cache-control" not in names:
            complete.append(("Cache-Control", "no-store"))
        return complete

    def _ours(self, environ: WSGIEnvironment) -> ByName:
        change: Change | None = environ.get(OF_VIEW)
        https = environ["wsgi.url_scheme"] == "https"
        if NONCE in environ:
            return self._prepare(change, https, environ[NONCE])
        found = self._prepared.get((change, https))
        if found is None:
            found = self._prepared[change, https] = self._prepare(change, https)
        return found

    def _prepare(self, change: Change | None, https: bool, nonce: str = "") -> ByName:
        headers = changed(self.headers, change.csp, change.headers) if change else self.headers
        return {pair[0].lower(): pair for pair in headers.pairs(hsts=https and self._hsts, nonce=nonce)}

    def _to_https(self, environ: WSGIEnvironment) -> WSGIApplication:
        request = Request(environ, populate_request=False)
        app = self._app()
        request.trusted_hosts = app.config["TRUSTED_HOSTS"] if app else None
        try:
            host = re.sub(r":\d+$", "", request.host)
        except SecurityError as error:
            return error
        if not host:
            return BadRequest()
        # 308 keeps method and body; caches and old clients know 301 better where there is nothing to keep.
        code = 301 if request.method in ("GET", "HEAD") else 308
        return redirect(urlsplit(request.url)._replace(scheme="https", netloc=host).geturl(), code)


def weakly(inner: Any) -> WSGIApplication:
    """Return *inner*, but for a method of the app itself, which is not kept.

    The app keeps its WSGI layers. If they kept the app, one that is dropped would stay until it is collected.
    """
    if not ismethod(inner):
        return inner  # type: ignore[no-any-return]
    method: WeakMethod[WSGIApplication] = WeakMethod(inner)

    def ask(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = method()
        if found is None:
            raise RuntimeError("The Flask app is gone; keep it, not only its wsgi_app.")
        return found(environ, start_response)

    return ask


def _kept_private(headers: list[tuple[str, str]], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return *headers* that keep what depends on the visitor from others, and from the disk where nothing revalidates.

    What a view says about caching itself stays, less what it left open.
    """
    said = names.get("cache-control")
    if said is None:
        return [*headers, ("Cache-Control", "private, no-cache" if "etag" in names else "no-store")]
    if any(word in said.lower() for word in ("private", "public", "no-store")):
        return headers
    return [(name, f"{value}, private" if name.lower() == "cache-control" else value) for name, value in headers]
