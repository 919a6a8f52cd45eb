"""What is in a file, told by its content; its name decides only between kinds of plain text.

    media_type_of(stream, "cover.jpg")     "image/png", if that is what it is
    size_of(stream)                        bytes
    named_fitly("cover.html", "image/png") "cover.html.png"
    knows("image/png")                     whether media_type_of can ever return this

Binary formats are told by their first bytes, those that are zip archives by what is in them. Everything else is text,
if it is UTF-8 without control characters, or ``OCTETS``.
"""

from __future__ import annotations

import codecs
import mimetypes
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO

import msgspec

OCTETS = "application/octet-stream"
JSON = "application/json"
SVG = "image/svg+xml"
HTML = "text/html"
XML = "application/xml"
ZIP = "application/zip"

# What Python knows about endings, on every machine alike.
_ENDINGS = mimetypes.MimeTypes()
_ENDINGS.add_type("text/markdown", ".md")
_ENDINGS.add_type("image/webp", ".webp")
_ENDINGS.add_type("image/avif", ".avif")
_HEAD = 4096
_CHUNK = 64 * 1024
# Where, what, and the media type as IANA or the WHATWG's MIME Sniffing standard has it.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBPVP8", "image/webp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"\0\0\1\0", "image/x-icon"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"PK\3\4", ZIP),
    (0, b"PK\5\6", ZIP),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"ID3\2", "audio/mpeg"),
    (0, b"ID3\3", "audio/mpeg"),
    (0, b"ID3\4", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (8, b"WAVEfmt ", "audio/wav"),
    (0, b"OggS\0", "audio/ogg"),
    (0, b"fLaC\0", "audio/flac"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
)
# The brand of what begins with a box "ftyp" (ISO/IEC 14496-12); others are video.
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"mif1": "image/heif",
    b"M4A ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
_OFFICE = "application/vnd.openxmlformats-officedocument"
# The first folder of an Office Open XML document that is not common to all.
_DOCUMENTS = {
    "word/": f"{_OFFICE}.wordprocessingml.document",
    "xl/": f"{_OFFICE}.spreadsheetml.sheet",
    "ppt/": f"{_OFFICE}.presentationml.presentation",
}
_OPEN_DOCUMENTS = (
    *(f"application/vnd.oasis.opendocument.{kind}" for kind in ("text", "spreadsheet", "presentation", "graphics")),
    "application/epub+zip",
)
_BINARY = {
    *(media_type for _, _, media_type in _SIGNATURES),
    *_BRANDS.values(),
    *_DOCUMENTS.values(),
    *_OPEN_DOCUMENTS,
    "video/mp4",
    "video/webm",
    "video/x-matroska",
}
_MARKUP = {SVG, HTML, XML, "text/xml"}


def knows(media_type: str) -> bool:
    """Return whether content of that *media_type* can be told from other content."""
    return media_type in _BINARY | _MARKUP - {"text/xml"} or media_type == OCTETS or _is_plain(media_type)


def size_of(stream: IO[bytes]) -> int:
    """Return how many bytes *stream* has; it is at its beginning afterwards."""
    size = stream.seek(0, 2)
    stream.seek(0)
    return size


def media_type_of(stream: IO[bytes], name: str, wanted: Iterable[str] = ()) -> str:
    """Return the media type of what is in *stream*; it is at its beginning afterwards.

    Nothing in a text tells CSV from Markdown: there *name* decides, or else what is *wanted*.
    """
    stream.seek(0)
    head = stream.read(_HEAD)
    found = _binary(head)
    if found == ZIP:
        found = _archive(stream)
    elif found is None:
        found = _text(stream, head, name, wanted) if _is_text(stream) else OCTETS
    stream.seek(0)
    return found


def named_fitly(name: str, media_type: str) -> str:
    """Return *name* with an ending that fits *media_type*: an image called page.html is none for who opens it, too."""
    fitting = _ENDINGS.guess_extension(media_type) if media_type != OCTETS else None
    said = _by_name(name)
    if fitting is None or said == media_type or (_is_plain(said) and _is_plain(media_type)):
        return name
    return f"{name}{fitting}"


def _by_name(name: str) -> str:
    return _ENDINGS.guess_type(name.lower())[0] or ""


def _binary(head: bytes) -> str | None:
    for offset, signature, media_type in _SIGNATURES:
        if head.startswith(signature, offset) and (offset == 0 or head.startswith(b"RIFF")):
            return media_type
    if head.startswith(b"ftyp", 4):
        return _BRANDS.get(head[8:12], "video/mp4")
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head[:64] else "video/x-matroska"
    return None


def _archive(stream: IO[bytes]) -> str:
    """Return which format that is a zip archive *stream* holds."""
    try:
        with zipfile.ZipFile(stream) as archive:
            names = archive.namelist()
            if names[:1] == ["mimetype"] and archive.getinfo("mimetype").compress_type == zipfile.ZIP_STORED:
                with archive.open("mimetype") as file:
                    said = file.read(100).decode("ascii", "replace").strip()
                return said if said in _OPEN_DOCUMENTS else ZIP
    except Exception:
        # zipfile raises nearly anything on what is no sound archive.
        return ZIP
    if "[Content_Types].xml" not in names:
        return ZIP
    return next((kind for folder, kind in _DOCUMENTS.items() if any(name.startswith(folder) for name in names)), ZIP)


def _is_text(stream: IO[bytes]) -> bool:
    stream.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := stream.read(_CHUNK):
            if re.search(rb"[\x00-\x08\x0e-\x1f]", chunk):
                return False
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _text(stream: IO[bytes], head: bytes, name: str, wanted: Iterable[str]) -> str:
    start = head.decode("utf-8", "ignore").lstrip("\ufeff \t\r\n\f").lower()
    if start.startswith("<"):
        if "<svg" in start:
            return SVG
        if "<html" in start or start.startswith("<!doctype html"):
            return HTML
        if start.startswith("<?xml"):
            return XML
    return next(one for one in _plain(name, list(wanted)) if one != JSON or _is_json(stream))


def _plain(name: str, wanted: list[str]) -> Iterator[str]:
    """Yield what a plain text may be taken for, the best first."""
    by_name = _by_name(name)
    if _is_plain(by_name) and (by_name in wanted or not wanted or OCTETS in wanted):
        yield by_name
    yield from filter(_is_plain, wanted)
    yield "text/plain"


def _is_plain(media_type: str) -> bool:
    return media_type == JSON or (media_type.startswith("text/") and media_type not in _MARKUP)


def _is_json(stream: IO[bytes]) -> bool:
    stream.seek(0)
    try:
        msgspec.json.decode(stream.read())
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
