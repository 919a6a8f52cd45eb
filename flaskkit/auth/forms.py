"""The forms of the pages. What is wrong with a new account, ``accounts.create`` says."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, PasswordField
from wtforms.validators import InputRequired

from flaskkit.auth import passwords
from flaskkit.auth.models import EMAIL_LENGTH


class LoginForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """An address, a password, and whether to stay logged in."""

    email = EmailField(
        "E-mail address", [InputRequired()], render_kw={"autocomplete": "username", "maxlength": EMAIL_LENGTH}
    )
    password = PasswordField("Password", [InputRequired()], render_kw={"autocomplete": "current-password"})
    remember = BooleanField("Stay logged in on this device")


class SignUpForm(FlaskForm):  # type: ignore[misc]
    """What makes an account."""

    email = EmailField(
        "E-mail address", [InputRequired()], render_kw={"autocomplete": "username", "maxlength": EMAIL_LENGTH}
    )
    password = PasswordField(
        "Password",
        [InputRequired()],
        description=f"At least {passwords.SHORTEST} characters. A few words are easy to remember.",
        render_kw={
            "autocomplete": "new-password",
            "minlength": passwords.SHORTEST,
            "maxlength": passwords.LONGEST,
        },
    )
