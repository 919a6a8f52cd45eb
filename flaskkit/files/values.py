"""Files as values of a model's columns.

    class Book(IntegerKey, Model):
        cover: Mapped[File | None] = mapped_column(FileType(types=["image/png", "image/jpeg"], max_size=2_000_000))

    book.cover = Upload(stream, "cover.png")    stored with the next flush, then book.cover is a File
    book.cover.media_type, .size, .name         what it is, by its content
    book.cover.open(), .response()              its bytes

The column holds a line of JSON; the bytes are in the app's ``Storage``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any, BinaryIO

import msgspec
from flask import Response, current_app, request, send_file
from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator
from werkzeug.exceptions import NotFound, PreconditionFailed

from flaskkit.errors import FeatureError
from flaskkit.files.content import OCTETS, knows, media_type_of, named_fitly, size_of
from flaskkit.files.images import Dimensions, bounds_of, can_tell, check_dimensions, dimensions_of
from flaskkit.files.storage import Storage
from flaskkit.texts import either, say

# What browsers only ever paint. SVG is not among them: it can hold scripts.
INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
LONGEST_NAME = 150


@dataclass(frozen=True)
class File:
    """A stored file. ``name`` is what the sender called it, ``media_type`` what it is, ``size`` its bytes.

    ``key`` is where the storage has it. ``width`` and ``height`` are pixels, where it is an image that tells them.
    """

    key: str
    name: str
    media_type: str
    size: int
    width: int | None = None
    height: int | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def inline(self) -> bool:
        """Whether browsers may show it in place: an image that cannot hold scripts."""
        return self.media_type in INLINE

    def open(self) -> BinaryIO:
        """Return its bytes, to be read and closed. Needs an app context.

        Raises:
            FileNotFoundError: the storage does not have it any more.
        """
        return storage().open(self.key)

    def response(self) -> Response:
        """Return the answer to a request for it, which no browser takes for a page of this site.

        304 without the bytes where the visitor has it already.

        Raises:
            NotFound: the storage does not have it any more.
            PreconditionFailed: the request is for another one (If-Match).
        """
        try:
            stream = self.open()
        except FileNotFoundError as error:
            current_app.logger.exception("File %s is not in the storage.", self.key)
            raise NotFound from error
        response = send_file(
            stream,
            mimetype=self.media_type,
            as_attachment=not self.inline,
            download_name=self.name,
            conditional=False,
            etag=self.key,
        )
        response.content_length = self.size
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response.make_conditional(request)
        if response.status_code == PreconditionFailed.code:
            response.close()
            raise PreconditionFailed
        return response


class Upload(File):
    """A file that is not stored yet: what is in *stream*, called *name* by whoever sent it.

    Assigned to an attribute it is checked and stored with the next flush. After a rollback it is gone.
    """

    stream: IO[bytes]

    def __init__(self, stream: IO[bytes], name: str = "", media_type: str = "", **facts: Any) -> None:
        super().__init__("", named_fitly(_cleaned(name), media_type), media_type, **{"size": 0, **facts})
        object.__setattr__(self, "stream", stream)

    # Two of one name are two.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def open(self) -> BinaryIO:
        raise FileNotFoundError(f"{self.name!r} is not stored yet: flush or commit the session first.")

    def stored(self) -> File:
        """Put it into the app's storage and return the file."""
        self.stream.seek(0)
        key = storage().save(self.stream)
        return File(key, self.name, self.media_type, self.size, self.width, self.height)


class FileType(TypeDecorator[File]):
    """A column that holds a file of one of the media *types*, or any without them, of at most *max_size* bytes.

    *min_pixels* and *max_pixels* are (width, height) of images; without the latter they have ``MOST_PIXELS`` in all.

    Raises:
        ValueError: content of one of *types* cannot be told from other content, or has no width and height.
    """

    impl = Text
    cache_ok = True

    def __init__(
        self,
        types: Iterable[str] = (),
        max_size: int = 10_000_000,
        min_pixels: Dimensions | None = None,
        max_pixels: Dimensions | None = None,
    ) -> None:
        super().__init__()
        self.types = (types,) if isinstance(types, str) else tuple(types)
        self.max_size = max_size
        self.min_pixels, self.max_pixels = min_pixels, max_pixels
        unknown = [one for one in self.types if not knows(one)]
        if unknown:
            raise ValueError(
                f"FileType cannot tell {', '.join(unknown)} from other content. Name types that have a signature, or"
                f" {OCTETS!r} for anything."
            )
        blind = [one for one in self.types if not can_tell(one)]
        if (min_pixels or max_pixels) and (blind or not self.types):
            raise ValueError(
                f"FileType cannot tell how wide and high {', '.join(blind) or 'any file'} is. With limits of pixels,"
                " name types among image/png, image/jpeg, image/gif and image/webp."
            )

    @property
    def file_rules(self) -> FileType:
        """What every face reads: this type itself."""
        return self

    @property
    def python_type(self) -> type[File]:
        return File

    @property
    def limits(self) -> tuple[str, ...]:
        """What people need to know of an image before they choose it."""
        bounds = bounds_of(self.min_pixels, self.max_pixels)
        names = (say("Width in pixels: %(bounds)s."), say("Height in pixels: %(bounds)s."))
        return tuple(say(name, bounds=one) for name, one in zip(names, bounds, strict=False))

    def take(self, stream: IO[bytes], name: str) -> Upload:
        """Return what is in *stream*, seekable, as a value of this column.

        Raises:
            ValueError: it is empty, too large, of another type, or an image of too few or too many pixels.
        """
        size = size_of(stream)
        if size == 0:
            raise ValueError(say("The file is empty."))
        if size > self.max_size:
            raise ValueError(say("Larger than %(size)s bytes.", size=f"{self.max_size:,}"))
        media_type = media_type_of(stream, name, self.types)
        if self.types and media_type not in self.types and OCTETS not in self.types:
            raise ValueError(say("This is %(kind)s, not %(wanted)s.", kind=media_type, wanted=either(*self.types)))
        found = dimensions_of(stream, media_type)
        check_dimensions(found, self.min_pixels, self.max_pixels)
        width, height = found or (None, None)
        return Upload(stream, name, media_type, size=size, width=width, height=height)

    def process_bind_param(self, value: File | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if type(value) is not File:
            raise TypeError(f"{value!r} is no stored File; assign an Upload to the attribute of a model object.")
        return msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> File | None:
        return None if value is None else msgspec.json.decode(value, type=File)


def storage() -> Storage:
    """Return the storage of the current app.

    Raises:
        FeatureError: feature `files` is off in it.
    """
    found: Storage | None = current_app.extensions.get("flaskkit.files")
    if found is None:
        raise FeatureError("Files need feature 'files', which is switched off.")
    return found


def _cleaned(name: str) -> str:
    """Return *name* without folders and what cannot be printed, its end kept where it is too long."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    return "".join(filter(str.isprintable, last)).strip(" .")[-LONGEST_NAME:] or "file"
