"""Log in a program that has no browser (RFC 8628): it shows a code, and its user types that on a page and says yes.

    program    POST /auth/device/code     ->  {"device_code": …, "user_code": "WDJB-MJHT", "verification_uri": …}
    user       /auth/device               types the code, is told who asks for what, and allows or refuses it
    program    POST /auth/device/token    ->  {"error": "authorization_pending"}, …, at last a bearer token, once

What the program sends is a form, and what it gets is JSON, as OAuth has it. Neither looks at cookies.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from flask import Blueprint, Flask, current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import String, Text, delete, select, update
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.exceptions import TooManyRequests
from wtforms import BooleanField, HiddenField, StringField
from wtforms.validators import InputRequired, Length

from flaskkit.access import caller, public, requires
from flaskkit.auth import accounts, tokens
from flaskkit.auth.beside import beside
from flaskkit.auth.flows import Flow, Outcome, limits
from flaskkit.auth.lookup import digest, new_secret
from flaskkit.auth.policies import recently
from flaskkit.db import IntegerKey, UTCDateTime, db
from flaskkit.db.models import now
from flaskkit.db.transactions import together
from flaskkit.errors import Rejected
from flaskkit.texts import say

LASTS = timedelta(minutes=10)
# How many seconds pass between two questions of a program, and how many more after one that came too early.
EVERY, MORE = 5, 5
# How long the token of a program is good.
DAYS = 90
# No vowels, so that no code is a word, and no letter looks like another (RFC 8628, section 6.1): 34 bits.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
WRONG_CODE = say("This code is wrong or too old.")
_HERE = {"synchronize_session": False}


class DeviceRequest(IntegerKey):
    """A program that waits to be let in. ``answer`` is "" until somebody says "no", or lets it in: their key."""

    suffix: ClassVar[str] = "device_requests"

    digest: Mapped[str] = mapped_column(String(64), unique=True)
    user_code: Mapped[str] = mapped_column(String(8), unique=True)
    name: Mapped[str] = mapped_column(String(tokens.NAME_LENGTH))
    scopes: Mapped[str] = mapped_column(Text, default="")
    answer: Mapped[str] = mapped_column(String(80), default="")
    every: Mapped[int] = mapped_column(default=EVERY)
    asked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)


class Refused(Exception):
    """What a program is told by the name that the standard has for it."""


def model() -> Any:
    """Return the model of programs that wait, in the current app."""
    return beside(accounts.user_model(), DeviceRequest, owned=False)


def wire(app: Flask, url_prefix: str) -> None:
    """Let programs ask *app* for a code, and for their token."""
    with app.app_context():
        # Declared now, so that migrations see the table.
        model()
    blueprint = Blueprint("auth_device", __name__, url_prefix=f"{url_prefix}/device")
    for name, answer in (("code", begin), ("token", give)):
        blueprint.add_url_rule(f"/{name}", name, requires(public)(_as_oauth(answer)), methods=["POST"])
    # Where no cookie is looked at, another site can do no more than any program.
    app.extensions["flaskkit"].own_csrf.add("auth_device")
    app.register_blueprint(blueprint)


def begin() -> dict[str, Any]:
    """Note that a program waits, and return what it shows its user.

    Raises:
        Refused: it has no name, or wants scopes that there are not. TooManyRequests: too many began from there.
    """
    limits().hit("code")
    name, scopes = request.form.get("client_id", ""), request.form.get("scope", "").split()
    if not (name.strip() and name.isprintable() and len(name) <= tokens.NAME_LENGTH):
        raise Refused("invalid_client")
    if not set(scopes) <= set(tokens.known_scopes()):
        raise Refused("invalid_scope")
    secret, code, stored = new_secret(), "".join(secrets.choice(ALPHABET) for _ in range(8)), model()
    with together():
        # They are told for a while that it is too late.
        old = delete(stored).where(stored.expires_at <= now() - LASTS)
        db.session.execute(old, execution_options=_HERE)
        wanted = " ".join(sorted(set(scopes)))
        db.session.add(
            stored(digest=digest(secret), user_code=code, name=name, scopes=wanted, expires_at=now() + LASTS)
        )
    shown = _shown(code)
    return {
        "device_code": secret,
        "user_code": shown,
        "verification_uri": _address(),
        "verification_uri_complete": _address(code=shown),
        "expires_in": int(LASTS.total_seconds()),
        "interval": EVERY,
    }


def give() -> dict[str, Any]:
    """Return the token of a program whose user has let it in.

    Raises:
        Refused: nobody has, or not yet, or it does not ask as it should.
    """
    if request.form.get("grant_type") != GRANT:
        raise Refused("unsupported_grant_type")
    stored = model()
    wanted = stored.digest == digest(request.form.get("device_code", ""))
    found = db.session.scalar(select(stored).where(wanted))
    if found is None:
        raise Refused("invalid_grant")
    if found.expires_at <= now():
        raise Refused("expired_token")
    if not found.answer:
        raise Refused(_not_yet(found))
    name, scopes, user = found.name, found.scopes.split(), _let_in_by(found.answer)
    with together(keep=True):
        # Of two questions at once, one finds the row still there.
        used: Any = db.session.execute(delete(stored).where(wanted), execution_options=_HERE)
        if used.rowcount != 1:
            raise Refused("invalid_grant")
        token = tokens.issue(user, name, DAYS, scopes)[0] if user is not None else ""
    if not token:
        raise Refused("access_denied")
    lasts = int(timedelta(days=DAYS).total_seconds())
    return {"access_token": token, "token_type": "Bearer", "expires_in": lasts, "scope": " ".join(scopes)}


class CodeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """The code that the other device shows."""

    code = StringField(
        say("Code on the other device"),
        [InputRequired(), Length(max=40)],
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )


class AnswerForm(FlaskForm):  # type: ignore[misc]
    """Whether the program with that code is let in."""

    code = HiddenField(say("Code on the other device"), [InputRequired(), Length(max=40)])
    allow = BooleanField(say("Let it in"))


def look(values: dict[str, Any]) -> Outcome:
    """Tell who waits with a code, and for what.

    Raises:
        Rejected: nobody does.
    """
    found = db.session.scalar(select(model()).where(*_waiting(values["code"])))
    if found is None:
        raise Rejected({"code": [WRONG_CODE]})
    limits().clear("code", account=caller().user.email)
    told = {"code": _shown(found.user_code), "name": found.name, "scopes": found.scopes.split()}
    return Outcome(page="auth/device_asks.html", answer={**told, "days": DAYS})


def answer(values: dict[str, Any]) -> Outcome:
    """Let a program in, or not.

    Raises:
        Rejected: nobody waits with that code.
    """
    allowed, stored = values["allow"], model()
    said = update(stored).where(*_waiting(values["code"])).values(answer=str(caller().user.id) if allowed else "no")
    with together(keep=True):
        done: Any = db.session.execute(said, execution_options=_HERE)
    if done.rowcount != 1:
        raise Rejected({"code": [WRONG_CODE]})
    told = say("It is let in, and goes on by itself.") if allowed else say("It is not let in.")
    return Outcome(to=url_for("auth.account"), message=told)


FLOWS = (
    Flow(
        "device",
        "/device",
        look,
        CodeForm,
        policy=recently(),
        title=say("Let a device in"),
        button=say("Go on"),
        words=say("Type the code that it shows. Do so only if you began this yourself, just now."),
        listed=say("A program that shows you a code."),
        query=["code"],
        limit="code",
        answer={"code": str, "name": str, "scopes": list, "days": int},
    ),
    Flow(
        "device_allow",
        "/device/allow",
        answer,
        AnswerForm,
        policy=recently(),
        title=say("Let a device in"),
        limit="code",
    ),
)


def _as_oauth(answer: Callable[[], Mapping[str, Any]]) -> Callable[[], ResponseReturnValue]:
    """Return a view that says what *answer* does in the words of OAuth (RFC 6749, section 5)."""

    def view() -> ResponseReturnValue:
        unkept = {"Cache-Control": "no-store"}
        try:
            return dict(answer()), unkept
        except Refused as refused:
            return {"error": str(refused)}, 400, unkept
        except Rejected:
            # Meanwhile there is no such scope any more.
            return {"error": "invalid_scope"}, 400, unkept
        except TooManyRequests as refused:
            return {"error": "slow_down"}, 429, [*unkept.items(), *refused.get_headers()[1:]]

    return view


def _waiting(code: str) -> tuple[Any, ...]:
    """Return the conditions for the program that waits with *code*, however its letters and dashes are typed."""
    stored = model()
    plain = "".join(letter for letter in code.upper() if letter in ALPHABET)
    return stored.user_code == plain, stored.answer == "", stored.expires_at > now()


def _not_yet(found: Any) -> str:
    early = found.asked_at is not None and now() - found.asked_at < timedelta(seconds=found.every - 1)
    found.asked_at = now()
    if early:
        found.every += MORE
    db.session.commit()
    return "slow_down" if early else "authorization_pending"


def _let_in_by(said: str) -> Any:
    user = None if said == "no" else db.session.get(accounts.user_model(), accounts.key_in(said))
    return user if user is not None and user.is_active else None


def _shown(code: str) -> str:
    return f"{code[:4]}-{code[4:]}"


def _address(**values: str) -> str:
    mail = current_app.extensions.get("flaskkit.mail")
    if mail is not None:
        return str(mail.url("auth.device", **values))
    return url_for("auth.device", **values, _external=True)
