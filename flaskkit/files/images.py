"""How wide and high an image is, from its header: PNG, GIF, JPEG and WebP.

    check_dimensions((4000, 3000), most=(2000, 2000))      ValueError: more than that
    bounds_of((100, 100), (2000, 2000))                    ("100 to 2000", "100 to 2000"): what to tell before

The image itself is not decoded: a damaged one is not found out, and one that is made to fill the memory of whoever
decodes it does no harm here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from flaskkit.texts import Text, joined, say

Dimensions = tuple[int, int]
# Decoded, an image of as many takes 400 MB.
MOST_PIXELS = 100_000_000
# More than any camera writes before the frame; a file made to keep us busy has millions.
_SEGMENTS = 1000


def dimensions_of(stream: IO[bytes], media_type: str) -> Dimensions | None:
    """Return (width, height) in pixels, or None where the header does not tell; *stream* is at its beginning after."""
    stream.seek(0)
    reader = _READERS.get(media_type)
    try:
        found = reader(stream) if reader else None
    except IndexError:  # It ends too early.
        found = None
    stream.seek(0)
    return found if found and min(found) > 0 else None


def _png(stream: IO[bytes]) -> Dimensions | None:
    head = stream.read(24)
    return (_big(head, 16, 4), _big(head, 20, 4)) if head[12:16] == b"IHDR" else None


def _gif(stream: IO[bytes]) -> Dimensions:
    head = stream.read(10)
    return _little(head, 6, 2), _little(head, 8, 2)


def _jpeg(stream: IO[bytes]) -> Dimensions | None:
    stream.seek(2)
    for _ in range(_SEGMENTS):
        mark = stream.read(2)
        if _exactly(mark, 0, 2)[0] != 0xFF:
            return None
        kind = mark[1]
        if kind == 0xFF:  # Any number of them may stand before a marker.
            stream.seek(-1, 1)
            continue
        length = _big(stream.read(2), 0, 2)
        # The frame headers, less the three marks of that range which are tables (ITU T.81, table B.1).
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            frame = stream.read(5)
            return _big(frame, 3, 2), _big(frame, 1, 2)
        stream.seek(max(length - 2, 0), 1)
    return None


def _webp(stream: IO[bytes]) -> Dimensions | None:
    head = stream.read(30)
    if head[12:16] == b"VP8X":
        return _little(head, 24, 3) + 1, _little(head, 27, 3) + 1
    if head[12:16] == b"VP8L":
        bits = _little(head, 21, 4)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if head[12:16] == b"VP8 ":
        return _little(head, 26, 2) & 0x3FFF, _little(head, 28, 2) & 0x3FFF
    return None


def can_tell(media_type: str) -> bool:
    """Return whether ``dimensions_of`` knows that format."""
    return media_type in _READERS


def check_dimensions(found: Dimensions | None, least: Dimensions | None, most: Dimensions | None) -> None:
    """Raise unless an image of *found* pixels is between *least* and *most*; without *most* it has ``MOST_PIXELS``.

    Raises:
        ValueError: it is not, or its header does not tell.
    """
    if found is None:
        if least or most:
            raise ValueError(say("How wide and high this image is cannot be told."))
        return
    for i, words in enumerate((_WIDTH, _HEIGHT)):
        pixels = say(words, pixels=found[i])
        if most and found[i] > most[i]:
            raise ValueError(joined(pixels, say("At most %(pixels)s are taken.", pixels=most[i])))
        if least and found[i] < least[i]:
            raise ValueError(joined(pixels, say("At least %(pixels)s are needed.", pixels=least[i])))
    if not most and found[0] * found[1] > MOST_PIXELS:
        raise ValueError(say("The image has more than %(number)s million pixels.", number=MOST_PIXELS // 1_000_000))


def bounds_of(least: Dimensions | None, most: Dimensions | None) -> tuple[Text, ...]:
    """Return which widths and which heights are taken; nothing without a limit."""
    if least and most:
        return tuple(say("%(least)s to %(most)s", least=low, most=high) for low, high in zip(least, most, strict=True))
    if most:
        return tuple(say("at most %(most)s", most=one) for one in most)
    return tuple(say("at least %(least)s", least=one) for one in least or ())


# Beside the limit: what was found.
_WIDTH = say("The image is %(pixels)s pixels wide.")
_HEIGHT = say("The image is %(pixels)s pixels high.")

_READERS: dict[str, Callable[[IO[bytes]], Dimensions | None]] = {
    "image/png": _png,
    "image/gif": _gif,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
}


def _big(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_exactly(data, at, size), "big")


def _little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_exactly(data, at, size), "little")


def _exactly(data: bytes, at: int, size: int) -> bytes:
    if len(data) < at + size:
        raise IndexError(at)
    return data[at : at + size]
