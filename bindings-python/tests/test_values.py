"""Values that only Python has: each is the JSON it stands for, without any loss, or raises before anything is decided."""

import enum
import json
import sys
from collections import OrderedDict, UserDict, defaultdict
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any, List

import pytest
from conftest import NOW, SUBJECT

from toolgate import CallError, Decision, Engine, Reason, ToolgateError


class Seven(enum.IntEnum):
    SEVEN = 7


class Red(str, enum.Enum):
    RED = "red"


class Text(str):
    """A text whose hash is another's."""

    def __hash__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return self is other


def ask(engine: Engine, tool: str, arguments: Any) -> Decision:
    return engine.decide(subject=SUBJECT, tool=f"t/{tool}", arguments=arguments, now=NOW)


@pytest.mark.parametrize(
    "tool, value, text",
    [
        ("int", {"n": 2**53 + 1}, '{"n":9007199254740993}'),
        ("int", {"n": 2**53 - 1}, '{"n":9007199254740991}'),
        ("int", {"n": 2**63 - 1}, '{"n":9223372036854775807}'),
        ("int", {"n": 2**63}, '{"n":9223372036854775808}'),
        ("int", {"n": -(2**63)}, '{"n":-9223372036854775808}'),
        ("int", {"n": 10**400}, '{"n":1' + "0" * 400 + "}"),
        ("int", {"n": 1e3}, '{"n":1000.0}'),
        ("int", {"n": -0.0}, '{"n":-0.0}'),
        ("int", {"n": 1.5}, '{"n":1.5}'),
        ("int", {"n": 1e300}, '{"n":1e300}'),
        ("int", {"n": True}, '{"n":true}'),
        ("int", {"n": Seven.SEVEN}, '{"n":7}'),
        ("num", {"x": 0.1}, '{"x":0.1}'),
        ("num", {"x": 0.1 + 0.2}, '{"x":0.30000000000000004}'),
        ("num", {"x": 5e-324}, '{"x":5e-324}'),
        ("text", {"s": "é"}, '{"s":"é"}'),
        ("text", {"s": "e\u0301"}, '{"s":"e\u0301"}'),
        ("text", {"s": "\U0001f600"}, '{"s":"😀"}'),
        ("text", {"s": "a\0b\n\t\x1f\x7f\u2028\"\\/"}, '{"s":"a\\u0000b\\n\\t\\u001f\x7f\u2028\\"\\\\/"}'),
        ("text", {"s": None}, '{"s":null}'),
        ("pick", {"e": Red.RED}, '{"e":"red"}'),
        ("list", {"items": ("a", "secret")}, '{"items":["a","secret"]}'),
        ("list", {"items": []}, '{"items":[]}'),
        ("obj", {"o": OrderedDict(a="x")}, '{"o":{"a":"x"}}'),
        ("obj", {"o": defaultdict(str, a="x")}, '{"o":{"a":"x"}}'),
        ("names", {"__proto__": "x"}, '{"__proto__":"x"}'),
        ("names", {"__entity": "x"}, '{"__entity":"x"}'),
        ("more", {"__class__": 1, "": 2}, '{"__class__":1,"":2}'),
        ("free", {"v": {"__entity": {"type": "Toolgate::User", "id": "alice"}}},
         '{"v":{"__entity":{"type":"Toolgate::User","id":"alice"}}}'),
        ("none", {}, "{}"),
        ("none", None, "{}"),
        ("none", [], "[]"),
        ("none", b"{}", "{}"),
        ("none", "{", "{"),
        ("none", "", ""),
        ("none", '{"a":1,"a":2}', '{"a":1,"a":2}'),
        # the text is the arguments and nothing else
        ("none", '{}, "session": {"labels": []}', '{}, "session": {"labels": []}'),
        ("none", '{}}', '{}}'),
        # two keys that are one text, and Python takes for two
        ("text", {Text("s"): "a", "s": "b"}, '{"s":"a","s":"b"}'),
        ("deep", {"v": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]},
         '{"v":' + "[" * 33 + "1" + "]" * 33 + "}"),
    ],
)
def test_what_has_json_is_decided_as_that(types: Engine, tool: str, value: Any, text: str) -> None:
    subject = json.dumps(SUBJECT, separators=(",", ":"))  # errors name columns
    call = f'{{"subject":{subject},"tool":"t/{tool}","arguments":{text},"session":{{}},"now":"{NOW}"}}'
    assert ask(types, tool, value) == types.decide_json(call)


def cyclic() -> List[Any]:
    items: List[Any] = []
    items.append(items)
    return items


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value, said, pointer",
    [
        ({"n": float("nan")}, "NaN", "/arguments/n"),
        ({"n": float("inf")}, "inf", "/arguments/n"),
        ({"n": [1, -float("inf")]}, "inf", "/arguments/n/1"),
        ({"n": 1j}, "complex", "/arguments/n"),
        ({"n": Decimal("1")}, "Decimal", "/arguments/n"),
        ({"n": Fraction(1, 2)}, "Fraction", "/arguments/n"),
        ({"s": "\ud800"}, "surrogate", "/arguments/s"),
        ({"\ud800": 1}, "surrogate", "/arguments"),
        ({"s": b"bytes"}, "bytes", "/arguments/s"),
        ({"s": {1, 2}}, "set", "/arguments/s"),
        ({"s": object()}, "object", "/arguments/s"),
        ({"s": Ellipsis}, "ellipsis", "/arguments/s"),
        ({"s": Hostile()}, "Hostile", "/arguments/s"),
        ({"a/b~c": UserDict()}, "UserDict", "/arguments/a~1b~0c"),
        ({"at": datetime(2026, 11, 20, 10, tzinfo=timezone.utc)}, "the text that the tool takes", "/arguments/at"),
        ({"d": date(2026, 11, 20)}, "date", "/arguments/d"),
        ({"d": timedelta(1)}, "the text that the tool takes", "/arguments/d"),
        ({1: "a", "1": "b"}, "the key 1 is no text", "/arguments"),
        ({None: 1}, "the key None is no text", "/arguments"),
        ({True: 1}, "the key True is no text", "/arguments"),
        ({(1, 2): 1}, "is no text", "/arguments"),
        ({Hostile(): 1}, "is no text", "/arguments"),
        ({"v": cyclic()}, "part of itself", "/arguments/v/0"),
        (7, None, None),
        ("\ud800", "surrogate", "/arguments"),
        (b"\xff", "utf-8", "/arguments"),
    ],
    ids=lambda value: None,
)
def test_what_has_no_json_raises(types: Engine, value: Any, said: Any, pointer: Any) -> None:
    if said is None:  # JSON, and no arguments: denied
        assert ask(types, "none", value).reason is Reason.INVALID_REQUEST
        return
    with pytest.raises(CallError) as raised:
        ask(types, "none", value)
    assert isinstance(raised.value, ToolgateError) and isinstance(raised.value, Exception)
    fault = raised.value.errors[0]
    assert said in fault.message and said in str(raised.value)
    assert fault.pointer is not None and fault.pointer.startswith(pointer)
    assert ask(types, "none", {}).allowed, "the next call"


def test_other_parts_of_a_call_raise_too(types: Engine) -> None:
    good: Any = dict(subject=SUBJECT, tool="t/none", now=NOW)
    assert types.decide(**good).allowed
    for part, value in [
        ("subject", {"user": "\ud800", "client": "cc"}),
        ("subject", {"user": object(), "client": "cc"}),
        ("tool", "\ud800"),
        ("session", {"calls": float("nan")}),
        ("now", datetime(2026, 11, 20, 10)),
        ("now", "\ud800"),
    ]:
        with pytest.raises(CallError) as raised:
            types.decide(**{**good, part: value})
        assert (raised.value.errors[0].pointer or "").startswith(f"/{part}")
    # what is JSON, and no call, is denied
    for part, value in [("subject", "alice"), ("subject", None), ("tool", {"a": 1}), ("tool", None), ("session", []), ("now", "")]:
        assert types.decide(**{**good, part: value}).reason is Reason.INVALID_REQUEST, (part, value)


def test_a_huge_integer_raises_where_python_does_not_write_it(types: Engine) -> None:
    if not hasattr(sys, "get_int_max_str_digits"):
        assert ask(types, "int", {"n": 10**5000}).reason is Reason.ARGUMENT_INVALID
        return
    with pytest.raises(CallError):
        ask(types, "int", {"n": 10**5000})


def test_what_is_small_in_memory_and_huge_in_json_is_refused_fast(types: Engine) -> None:
    bomb: Any = ["x" * 100] * 1000
    for _ in range(8):
        bomb = [bomb] * 1000
    assert ask(types, "deep", {"v": bomb}).reason is Reason.LIMIT_EXCEEDED
    bomb = {str(key): "x" for key in range(100)}
    for _ in range(20):
        bomb = {str(key): bomb for key in range(100)}
    assert ask(types, "deep", {"v": bomb}).reason is Reason.LIMIT_EXCEEDED


def test_a_value_that_changes_while_it_is_read_is_no_crash(types: Engine) -> None:
    members: Any = {}

    class Growing:
        @property
        def __class__(self) -> Any:  # type: ignore[misc]
            members[str(len(members))] = 1
            return object

    members["a"] = Growing()
    members["b"] = 1
    with pytest.raises(ToolgateError):
        ask(types, "none", members)
    assert ask(types, "none", {}).allowed
