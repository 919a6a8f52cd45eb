"""The flow in which a user chooses language and time zone; where feature `i18n` is on, which keeps them."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields import SelectChoice  # type: ignore[attr-defined]  # the stubs know WTForms 3.2
from wtforms.validators import InputRequired, Length

from flaskkit.access import login
from flaskkit.auth.flows import Flow, Outcome
from flaskkit.texts import say, speech


def _languages() -> list[SelectChoice]:
    return [SelectChoice(tag, name) for tag, name in speech().languages]


class LanguageForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF has no types
    """A language of the site, and any time zone."""

    language = SelectField(say("Language"), [InputRequired()], choices=_languages, default=lambda: speech().language)
    timezone = StringField(
        say("Time zone"),
        [InputRequired(), Length(max=64)],
        default=lambda: speech().zone_name,
        description=say("The nearest big city, such as Europe/Berlin."),
        render_kw={"list": "zones", "autocomplete": "off", "spellcheck": "false"},
    )


def state(_values: dict[str, Any]) -> Outcome:
    """Tell in what the user reads, and what there is to choose from."""
    now = {"language": speech().language, "timezone": speech().zone_name}
    return Outcome(answer={**now, "languages": [tag for tag, _ in speech().languages]})


def choose(values: dict[str, Any]) -> Outcome:
    """Speak to the user in another language, or by another clock, from now on.

    Raises:
        Rejected: what is wrong with the values.
    """
    speech().choose(values["language"], values["timezone"])
    return Outcome(to=url_for("auth.account"), message=say("Your choice is kept."))


FLOWS = (
    Flow(
        "language_now",
        "/language",
        state,
        policy=login,
        title=say("Language and time zone"),
        answer={"language": str, "timezone": str, "languages": list},
        method="GET",
        pages=False,
    ),
    Flow(
        "language",
        "/language",
        choose,
        LanguageForm,
        policy=login,
        title=say("Language and time zone"),
        button=say("Save"),
        listed=say("In which language you read, and by which clock."),
        show=lambda: {"zones": speech().zones},
        # It is kept in a cookie as well.
        starts_session=True,
    ),
)
