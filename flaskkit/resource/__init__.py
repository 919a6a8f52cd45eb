"""A model, declared once, for every face: REST, pages, forms, admin.

resource.py    Resource: what of a model may be seen and sent, and by whom
fields.py      reads a mapped class into neutral Field records
computed.py    computed attributes as Field records
shown.py       what is shown beyond the model's own columns
owned.py       rows that are sent with the row they belong to

Not imported by an app whose modules declare no resource.
"""

from __future__ import annotations

from flaskkit.resource.fields import Field
from flaskkit.resource.resource import Resource

__all__ = ["Field", "Resource"]
