"""Every case and every random call of `policies/conformance`, to the byte."""

import hashlib
import json
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from conftest import CONFORMANCE, sources

from toolgate import Engine, LoadError, Outcome, Reason, Visibility, _native

_ENGINES: Dict[str, Engine] = {}


def engine(bundle: str) -> Engine:
    if bundle not in _ENGINES:
        _ENGINES[bundle] = Engine(**sources(bundle))
    return _ENGINES[bundle]


def cases() -> Iterator[Tuple[Dict[str, Any], str]]:
    for path in sorted((CONFORMANCE / "cases").glob("*.jsonl")):
        # split at line feeds only: texts hold other line ends
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        expected = (CONFORMANCE / "expected" / path.name).read_text(encoding="utf-8").split("\n")[:-1]
        assert len(lines) == len(expected) > 0
        for line, answer in zip(lines, expected):
            yield json.loads(line), answer


CASES: List[Tuple[Dict[str, Any], str]] = list(cases())


def errors(error: LoadError) -> str:
    """Errors as `wire` writes them."""
    said = [
        {name: getattr(fault, name) for name in ("code", "message", "help", "file", "pointer", "line", "column", "text")}
        for fault in error.errors
    ]
    return json.dumps({"errors": said}, ensure_ascii=False, separators=(",", ":"))


def replay(case: Dict[str, Any]) -> str:
    def filled(text: str) -> str:
        for mark, run, times in case.get("fill", []):
            text = text.replace(mark, run * times)
        return text

    try:
        asked = engine(case["bundle"])
        if "delta" in case:
            asked = asked.with_delta(case["delta"])
        if "call" in case:
            return asked.decide_json(filled(case["call"])).to_json()
        if "hex" in case:
            return asked.decide_json(bytes.fromhex(case["hex"])).to_json()
        if "token" in case:
            return asked.decide_token_json(filled(case["token"]))
        return asked.visible_tools_json(case["view"])
    except LoadError as error:
        return errors(error)


@pytest.mark.parametrize("case, expected", CASES, ids=[case["name"] for case, _ in CASES])
def test_case(case: Dict[str, Any], expected: str) -> None:
    assert replay(case) == expected


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 300


def test_parts_of_a_call_are_the_call() -> None:
    """What `decide` puts together is decided as the text is, wherever the parts can be had from it."""
    compared = 0
    for case, expected in CASES:
        if "call" not in case or "fill" in case or "delta" in case:
            continue
        try:
            call = json.loads(case["call"], object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
            text = json.dumps(call, ensure_ascii=False)
            known = {"subject", "tool", "arguments", "session", "now"}
            if not isinstance(call.get("tool"), str) or not isinstance(call.get("now"), str) or set(call) - known or not isinstance(call.get("subject"), dict):
                continue
            if not isinstance(call.get("arguments", {}), dict) or not isinstance(call.get("session", {}), dict):
                continue
            # a float has lost what the text said
            if json.loads(case["call"], parse_float=str) != json.loads(case["call"]):
                continue
            text.encode()
        except (ValueError, AttributeError, KeyError):
            continue
        if case["bundle"] == "small":  # spaces count there
            continue
        decided = engine(case["bundle"]).decide(**call)
        assert decided.to_json() == expected, case["name"]
        assert engine(case["bundle"]).decide_many([call])[0].to_json() == expected, case["name"]
        compared += 1
    assert compared >= 300, compared


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _no_duplicates(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def test_random_calls() -> None:
    random = json.loads((CONFORMANCE / "random.json").read_text(encoding="utf-8"))
    expected = json.loads((CONFORMANCE / "expected" / "random.json").read_text(encoding="utf-8"))
    state = random["seed"]

    def draw(slot: List[str]) -> str:
        nonlocal state
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        return slot[state % len(slot)]

    calls = ["".join(draw(slot) for slot in random["slots"]) for _ in range(random["calls"])]
    asked = engine(random["bundle"])
    outcomes: Dict[str, int] = {}
    digest = hashlib.sha256()
    for decision in asked.decide_many(calls):
        outcomes[decision.outcome] = outcomes.get(decision.outcome, 0) + 1
        digest.update(decision.to_json().encode() + b"\n")
    assert {"decisions": f"sha256:{digest.hexdigest()}", "outcomes": outcomes} == expected
    for call, decision in list(zip(calls, asked.decide_many(calls, threads=1)))[::100]:
        assert asked.decide_json(call) == decision


def test_the_enums_are_complete_and_in_order() -> None:
    codes = json.loads(_native.codes())
    assert [outcome.value for outcome in Outcome] == codes["outcomes"]
    assert [reason.value for reason in Reason] == codes["reasons"]
    assert [visibility.value for visibility in Visibility] == codes["visibilities"]
