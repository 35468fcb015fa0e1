"""Instants and durations, from and to their texts."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9}))?S)?)?")


def now() -> str:
    """The system's clock. The core has none."""
    return instant_text(datetime.now(timezone.utc))


def instant_text(instant: datetime) -> str:
    """RFC 3339."""
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise ValueError(f"`{instant.isoformat()}` has no time zone: write `datetime(…, tzinfo=timezone.utc)`")
    return instant.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def instant(text: str) -> datetime:
    """From the text of an answer, in UTC. Python counts microseconds: what is finer is left out, so never later."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not an instant in UTC")
    whole = datetime.fromisoformat(match[1]).replace(tzinfo=timezone.utc)
    return whole.replace(microsecond=int((match[2] or "").ljust(6, "0")[:6]))


def duration_text(duration: timedelta) -> str:
    """ISO 8601, in seconds."""
    if duration <= timedelta(0):
        raise ValueError(f"`{duration}` is not a duration that lasts")
    seconds = duration.days * 86_400 + duration.seconds
    fraction = f".{duration.microseconds:06d}" if duration.microseconds else ""
    return f"PT{seconds}{fraction}S"


def duration(text: str) -> timedelta:
    """From the text of an answer. What is finer than a microsecond is left out, so never longer."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"`{text}` is not a duration")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:4])
    micros = int((match[5] or "").ljust(6, "0")[:6])
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
