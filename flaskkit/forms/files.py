"""The form field of a column that holds files, and room in requests for what it takes."""

from __future__ import annotations

from typing import Any

from flask import current_app, request
from werkzeug.datastructures import CombinedMultiDict, FileStorage
from wtforms import FileField
from wtforms.validators import StopValidation

from flaskkit.resource import Resource
from flaskkit.resource.fields import Field
from flaskkit.texts import say

# For everything but the files, where MAX_CONTENT_LENGTH does not say.
ROOM = 16 * 1024 * 1024
# Werkzeug counts its own buffer as text, which is 64 KiB and a little.
BUFFER = 256 * 1024


class UploadField(FileField):
    """An input for one file. ``data`` is an upload, or the file that is there already, or None.

    Beside it may stand a checkbox called ``<name>-remove``. ``href`` is where the present file can be seen, or "".
    """

    href = ""

    def __init__(self, *args: Any, file: Field, **options: Any) -> None:
        assert file.file is not None
        self.rules, self.file = file.file, file
        self.removed = False
        if self.rules.types:
            options["render_kw"] = {"accept": ",".join(self.rules.types)}
        super().__init__(*args, **options)

    @property
    def removable(self) -> bool:
        """Whether there is a file, and may be none."""
        return self.file.nullable and self.object_data is not None

    def process(self, formdata: Any, *args: Any, **options: Any) -> None:
        self.removed = bool(formdata and formdata.get(f"{self.name}-remove"))
        super().process(formdata, *args, **options)
        self.flags.required = self.file.required and self.object_data is None

    def process_formdata(self, sent: Any) -> None:
        files = [one for one in sent if isinstance(one, FileStorage) and one]
        if len(files) > 1:
            raise ValueError(say("Choose one file only."))
        if files:
            self.data = self.rules.take(files[0].stream, files[0].filename or "")
        elif self.removed and self.file.nullable:
            self.data = None

    def pre_validate(self, form: Any) -> None:
        if self.flags.required and self.data is None and not self.errors:
            raise StopValidation(say("This field is required."))


def sent() -> Any:
    """Return what was typed and chosen in the form of the current request."""
    return CombinedMultiDict([request.files, request.form]) if request.files else request.form


def make_room(resource: Resource) -> None:
    """Let the current request send what the form of *resource* takes: its files, and text as if there were none.

    To be called before anything looks at the body. A form with files is sent in parts, and Flask takes little text
    in each (MAX_FORM_MEMORY_SIZE), while other forms may be as long as MAX_CONTENT_LENGTH.
    """
    text = current_app.config["MAX_CONTENT_LENGTH"] or ROOM
    request.max_content_length = text + sum(field.file.max_size for field in resource.writable if field.file)
    if request.max_form_memory_size is not None:
        request.max_form_memory_size = max(text, request.max_form_memory_size, BUFFER)
