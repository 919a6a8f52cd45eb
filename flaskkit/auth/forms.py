"""The forms of the pages. What is wrong with a new account, ``accounts.create`` says."""

from __future__ import annotations

from typing import Any

from flask import current_app, has_request_context
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length, Regexp
from wtforms.widgets import EmailInput, TextInput

from flaskkit.access import caller
from flaskkit.auth import passwords
from flaskkit.auth.models import EMAIL_LENGTH
from flaskkit.texts import Text, either, say


class NameField(StringField):
    """What somebody logs in by: an address, or what else the setting `login_by` says."""

    def __init__(self, **options: Any) -> None:
        names = current_app.extensions["flaskkit.auth"].login_by
        known = {"email": (say("E-mail address"), say("e-mail address"))}
        first, *others = (known.get(name) or _both_ways(name.replace("_", " ")) for name in names)
        label = either(first[0], *(other for _, other in others))
        # A browser takes nothing but an address for an input of that type.
        widget = EmailInput() if tuple(names) == ("email",) else TextInput()
        hints = {"autocomplete": "username", "maxlength": EMAIL_LENGTH}
        super().__init__(label, [InputRequired()], widget=widget, render_kw=hints, **options)


def _both_ways(name: str) -> tuple[Text, Text]:
    return say(name.capitalize()), say(name)


class LoginForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """An address or another name, a password, and whether to stay logged in."""

    email = NameField()
    password = PasswordField(say("Password"), [InputRequired()], render_kw={"autocomplete": "current-password"})
    remember = BooleanField(say("Stay logged in on this device"))


class NewPasswordField(PasswordField):
    """A password that is chosen here; ``passwords.mistake`` says what is wrong with it."""

    def __init__(self, label: str = say("Password"), **options: Any) -> None:
        shortest = passwords.shortest()
        super().__init__(
            label,
            [InputRequired()],
            description=say("At least %(shortest)s characters. A few words are easy to remember.", shortest=shortest),
            render_kw={"autocomplete": "new-password", "minlength": shortest, "maxlength": passwords.LONGEST},
            **options,
        )


class TokenField(HiddenField):
    """What a link in a mail carries."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            say("What the link holds"), [InputRequired(say("Open the link in the mail that we sent you."))], **options
        )


class SignUpForm(FlaskForm):  # type: ignore[misc]
    """What makes an account."""

    email = EmailField(
        say("E-mail address"), [InputRequired()], render_kw={"autocomplete": "username", "maxlength": EMAIL_LENGTH}
    )
    password = NewPasswordField()


class ChangePasswordForm(FlaskForm):  # type: ignore[misc]
    """The password of now, and the next one."""

    old_password = PasswordField(
        say("Your password now"), [InputRequired()], render_kw={"autocomplete": "current-password"}
    )
    new_password = NewPasswordField(say("New password"))


class AddressForm(FlaskForm):  # type: ignore[misc]
    """To whom something is sent."""

    email = EmailField(
        say("E-mail address"), [InputRequired()], render_kw={"autocomplete": "username", "maxlength": EMAIL_LENGTH}
    )


class LinkForm(FlaskForm):  # type: ignore[misc]
    """A link that was opened: a button is all that one sees."""

    token = TokenField()


class CodeForm(AddressForm):
    """The digits that were sent to an address."""

    code = StringField(
        say("Code"),
        [InputRequired(), Regexp(r"\s*(\d\s*){6}", message=say("A code has six digits."))],
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 13},
    )


class OwnPasswordField(PasswordField):
    """The password of who is logged in, once more; ``accounts.prove`` says whether it is right."""

    def __init__(self, **options: Any) -> None:
        # Not required in JSON: of two kinds of users one has none.
        hints = {"autocomplete": "current-password", "required": True}
        super().__init__(say("Your password"), [Length(max=passwords.LONGEST_TYPED)], render_kw=hints, **options)


class ProvingForm(FlaskForm):  # type: ignore[misc]
    """A form with an ``OwnPasswordField`` "password", which is only there for who has one."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        if has_request_context() and getattr(caller().user, "password_hash", None) is None:
            del self.password


class ChangeEmailForm(ProvingForm):
    """The next address, and who wants it."""

    email = EmailField(
        say("New e-mail address"), [InputRequired()], render_kw={"autocomplete": "email", "maxlength": EMAIL_LENGTH}
    )
    password = OwnPasswordField()


class DeleteAccountForm(ProvingForm):
    """Who wants the account gone."""

    password = OwnPasswordField()


class ResetPasswordForm(LinkForm):
    """The next password, of whom a link says."""

    new_password = NewPasswordField(say("New password"))


class InvitationForm(LinkForm):
    """The password of an account to be made, for an address that a link says."""

    password = NewPasswordField()
