"""What is raised. Each of these means: the call was not allowed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Optional, Tuple

from ._time import duration_text, instant_text


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: a stable code, what, where, and what to do."""

    code: str
    message: str
    help: str
    file: Optional[str] = None
    #: JSON pointer of the value
    pointer: Optional[str] = None
    line: Optional[int] = None
    column: Optional[int] = None
    #: all of it on one line
    text: str = ""

    def __str__(self) -> str:
        return self.text or self.message


class ToolgateError(Exception):
    """The base of all that toolgate raises."""

    #: what is wrong, at least one
    errors: Tuple[Fault, ...]

    def __init__(self, *errors: Fault) -> None:
        super().__init__(*errors)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


class LoadError(ToolgateError):
    """A bundle, a delta or a request is refused; whatever was in use stays in use."""


class CallError(ToolgateError, ValueError):
    """A Python value stands for no JSON, so nothing was decided: NaN, half a surrogate pair, a key that is no text."""


class InternalError(ToolgateError, RuntimeError):
    """toolgate has a fault of its own. Nothing was decided; the engine can be used on."""


def load_error(errors: str, _pointer: str) -> LoadError:
    return LoadError(*(Fault(**error) for error in json.loads(errors)["errors"]))


def call_error(message: str, pointer: str) -> CallError:
    text = f"at `{pointer}`: {message}" if pointer else message
    help = "write what the tool is to be called with as JSON has it"
    return CallError(Fault("not_json", message, help, pointer=pointer, text=text))


def internal_error(message: str, _pointer: str) -> InternalError:
    text = f"toolgate failed: {message}; the call is not allowed"
    return InternalError(Fault("internal", message, "please report this", text=text))


def text(value: object, ours: bool) -> str:
    """The text that a value stands for that JSON does not have."""
    if ours and isinstance(value, datetime):
        return instant_text(value)
    if ours and isinstance(value, timedelta):
        return duration_text(value)
    kind = type(value).__qualname__
    if isinstance(value, (datetime, timedelta)):
        raise ValueError(f"a value of type `{kind}` has no JSON: write the text that the tool takes")
    raise ValueError(f"a value of type `{kind}` has no JSON")
