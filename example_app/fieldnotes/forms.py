"""The form on /nearest. It asks and changes nothing, so it is sent by GET and needs no token."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import FloatField
from wtforms.validators import InputRequired, NumberRange
from wtforms.widgets import NumberInput


class Degrees(FloatField):
    """A number of degrees up to *bound*, north or east of zero if positive."""

    def __init__(self, label: str, bound: int, description: str, **kwargs: Any) -> None:
        super().__init__(
            label,
            [InputRequired(), NumberRange(-bound, bound)],
            description=description,
            widget=NumberInput(step="any", min=-bound, max=bound),
            **kwargs,
        )


class PositionForm(FlaskForm):
    class Meta:
        csrf = False

    latitude = Degrees("Latitude", 90, "In degrees, north is positive.")
    longitude = Degrees("Longitude", 180, "In degrees, east is positive.")
