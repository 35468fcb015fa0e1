"""What the package gives Python's people beyond the bytes."""

import json
import pickle
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict

import pytest
from conftest import ACME, NOW, SUBJECT, sources

from toolgate import (
    AccessRequest,
    ApprovalRequest,
    Credential,
    Decision,
    Engine,
    Guidance,
    InternalError,
    Live,
    LoadError,
    Outcome,
    Policy,
    Reason,
    StepUp,
    ToolgateError,
    Visibility,
    _native,
)

FIND: Dict[str, Any] = dict(subject=SUBJECT, tool="crm/find", arguments={"query": "acme"}, now=NOW)


def test_a_bundle_is_loaded_from_its_folder(tmp_path: Path) -> None:
    for path in (ACME, str(ACME)):
        engine = Engine.from_bundle(path)
    calls = [line for line in (ACME / "calls.jsonl").read_text(encoding="utf-8").splitlines() if line]
    outcomes = {decision.outcome for decision in engine.decide_many(calls)}
    assert outcomes == set(Outcome)
    with pytest.raises(LoadError) as raised:
        Engine.from_bundle(tmp_path / "nowhere")
    fault = raised.value.errors[0]
    assert (fault.code, fault.line) == ("file_unreadable", None)
    assert str(tmp_path / "nowhere") in str(raised.value) and fault.help


def test_a_bundle_that_is_refused_says_where(tmp_path: Path) -> None:
    (tmp_path / "toolgate.toml").write_text('name = "x"\nformat = 1\n')
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.cedar").write_text('@id("a")\npermit (principal, action, resource)')
    (tmp_path / "catalog").mkdir()
    (tmp_path / "snapshot.json").write_text(json.dumps(sources("types")["snapshot"]))
    with pytest.raises(LoadError) as raised:
        Engine.from_bundle(tmp_path)
    fault = raised.value.errors[0]
    assert (fault.code, fault.line) == ("policy_syntax", 2)
    assert fault.file is not None and fault.file.endswith("a.cedar") and str(fault) in str(raised.value)
    (tmp_path / "policies" / "a.cedar").write_text('@id("a")\npermit (principal, action, resource);')
    assert Engine.from_bundle(tmp_path).describe()["policies"] == ["a"], "the twin"


def test_sources_come_as_values_or_as_text() -> None:
    values = sources("types")
    texts = {
        "policies": list(values["policies"].values()),
        "catalog": {server: json.dumps(tools) for server, tools in values["catalog"].items()},
        "overlay": values["overlay"],
        "snapshot": json.dumps(values["snapshot"]).encode(),
    }
    values["snapshot"]["issued_at"] = datetime(2026, 11, 20, 9, tzinfo=timezone.utc)
    values["snapshot"]["max_age"] = timedelta(hours=24)
    call = f'{{"subject":{json.dumps(SUBJECT)},"tool":"t/none","now":"{NOW}"}}'
    for engine in (Engine(**values), Engine(**texts)):
        decision = engine.decide_json(call)
        assert decision.allowed and decision.valid_until == datetime(2026, 11, 21, 9, tzinfo=timezone.utc)
        assert engine.digest == decision.engine and engine.snapshot_version == decision.snapshot_version == 3
    assert 'action "t/none"' in engine.schema()
    assert "snapshot 3" in repr(engine)


@pytest.mark.parametrize(
    "change, code, pointer",
    [
        ({"policies": "permit"}, "policy_syntax", None),
        ({"policies": 5}, "wrong_type", "/policies"),
        ({"snapshot": {}}, "wrong_type", ""),
        ({"snapshot": None}, "wrong_type", ""),
        ({"limits": {"call_bytes": "many"}}, "wrong_type", "/limits/call_bytes"),
        ({"catalog": {"a/b": []}}, "name_unsafe", None),
    ],
)
def test_sources_that_are_refused_raise(change: Dict[str, Any], code: str, pointer: Any) -> None:
    with pytest.raises(LoadError) as raised:
        Engine(**{**sources("types"), **change})
    assert (raised.value.errors[0].code, raised.value.errors[0].pointer) == (code, pointer)
    with pytest.raises(TypeError):
        Engine(**sources("types"), hurry=True)


def test_a_decision_has_its_parts(company: Engine) -> None:
    runs = company.decide(**FIND)
    assert (runs.outcome, runs.reason, runs.allowed) == (Outcome.AUTO_APPROVE, Reason.ALLOWED_HELD, True)
    assert runs.outcome == "auto_approve" and f"{runs.outcome}" == str(runs.outcome) == "auto_approve"
    assert runs.policies == (
        Policy("reads-run", "permit", "A read runs for whoever holds an entitlement of the tool"),
    )
    assert runs.credential == Credential("shared", "vault:crm") and runs.gains_labels == ("private-data",)
    assert (runs.approval_request, runs.access_request, runs.guidance, runs.step_up) == (None, None, None, None)
    assert runs.valid_until == datetime(2026, 11, 20, 12, tzinfo=timezone.utc) and runs.obligations == ()
    assert runs.to_dict() == json.loads(runs.to_json()) and runs.agent_message

    asks = company.decide(**{**FIND, "tool": "crm/update", "arguments": {"id": "1"}})
    assert (asks.outcome, asks.allowed) == (Outcome.SELF_APPROVE, False)
    request = asks.approval_request
    assert isinstance(request, ApprovalRequest) and request.binding.startswith("sha256:")
    assert (request.kind, request.approvers, request.valid_for) == ("self", ("alice",), timedelta(hours=1))
    assert (request.subject, request.scope) == (SUBJECT, {"tool": "crm/update"})

    board = company.decide(subject=SUBJECT, tool="crm/board", now=NOW)
    assert board.access_request == AccessRequest("crm:board", None, "manager", ("dana",), timedelta(days=7))
    fetch = company.decide(
        subject={"user": "bob", "client": "cc"}, tool="net/fetch", arguments={"url": "x"}, now=NOW
    )
    assert fetch.access_request is not None and fetch.access_request.profile == "networker"

    removed = company.decide(subject=SUBJECT, tool="crm/remove", arguments={"id": "1"}, now=NOW)
    assert removed.guidance == Guidance("Deleting is done by hand", "https://help.example/delete")
    vault = company.decide(subject=SUBJECT, tool="crm/vault", now=NOW)
    assert vault.step_up == StepUp("reauthenticate", (), timedelta(minutes=15)) and vault.detail
    audited = company.decide(subject=SUBJECT, tool="crm/audited", now=NOW)
    assert audited.obligations == ("log-arguments", "notify-owner")


def test_a_decision_is_neither_true_nor_false(company: Engine) -> None:
    for call in ({}, {"tool": "crm/remove"}):
        with pytest.raises(TypeError, match="allowed"):
            if company.decide(**{**FIND, **call}):
                pass
    with pytest.raises(TypeError):
        bool(company.decide_token(subject=SUBJECT, audience="x", now=NOW))


def test_decisions_are_values(company: Engine) -> None:
    first, again, other = company.decide(**FIND), company.decide(**FIND), company.decide(**{**FIND, "tool": "a/b"})
    assert first == again and hash(first) == hash(again) and first != other and first != "auto_approve"
    assert len({first, again, other}) == 2 and repr(other) == "<Decision deny tool_unknown>"
    for make in (lambda: Decision(), lambda: setattr(first, "outcome", "x"), lambda: setattr(first, "x", 1)):  # type: ignore[call-arg]
        with pytest.raises((TypeError, AttributeError)):
            make()
    with pytest.raises(TypeError):
        pickle.dumps(company)


def test_time_is_given_or_the_clock_s(company: Engine) -> None:
    late = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=2)))
    assert company.decide(**{**FIND, "now": late}) == company.decide(**FIND)
    now = datetime.now(timezone.utc)
    snapshot = {**sources("types")["snapshot"], "issued_at": now, "max_age": timedelta(hours=1)}
    fresh = Engine(**{**sources("types"), "snapshot": snapshot})
    decision = fresh.decide(subject=SUBJECT, tool="t/none")
    assert decision.allowed and decision.valid_until is not None
    assert now < decision.valid_until <= now + timedelta(hours=1)
    assert company.decide(subject=SUBJECT, tool="crm/find").reason is not Reason.INVALID_REQUEST
    session = {"authenticated_at": datetime(2026, 11, 20, 9, 50, tzinfo=timezone.utc)}
    assert company.decide(subject=SUBJECT, tool="crm/vault", session=session, now=NOW).allowed
    assert not company.decide(subject=SUBJECT, tool="crm/vault", session={"authenticated_at": NOW[:10]}, now=NOW).allowed


def test_instants_of_answers_are_never_later() -> None:
    from toolgate import _time

    at = datetime(2026, 11, 20, 9, 59, 59, 999999, tzinfo=timezone.utc)
    assert _time.instant("2026-11-20T09:59:59.999999999Z") == at
    assert _time.instant("1969-12-31T23:59:59.5Z").microsecond == 500_000
    for text, lasts in [
        ("PT1H", timedelta(hours=1)),
        ("P7D", timedelta(days=7)),
        ("P1DT30M", timedelta(days=1, minutes=30)),
        ("PT0.5S", timedelta(seconds=0.5)),
        ("P36525D", timedelta(days=36525)),
    ]:
        assert _time.duration(text) == lasts
        assert _time.duration(_time.duration_text(lasts)) == lasts
    for text in ("", "1h", "P1Y", "-PT1H"):
        with pytest.raises(ValueError):
            _time.duration(text)
    for wrong in (timedelta(0), timedelta(seconds=-1)):
        with pytest.raises(ValueError):
            _time.duration_text(wrong)


def test_tools_are_seen(company: Engine) -> None:
    seen = company.visible_tools(subject=SUBJECT, session={"labels": []}, now=NOW)
    assert seen["crm/find"] is Visibility.CALLABLE and seen["crm/remove"] is Visibility.HIDDEN
    assert company.visible_tools(subject=json.dumps(SUBJECT), session='{"labels":[]}', now=NOW) == seen
    with pytest.raises(LoadError):
        company.visible_tools(subject={"user": "alice"}, now=NOW)
    for sly in ('{"user":"alice","user":"bob","client":"cc"}', '{"user":"alice","client":"cc"},"session":{}'):
        with pytest.raises(LoadError):
            company.visible_tools(subject=sly, now=NOW)


def test_tokens_are_decided(company: Engine) -> None:
    ask: Dict[str, Any] = dict(subject=SUBJECT, audience="https://auth.files.example/", now=NOW)
    granted = company.decide_token(**ask, resource="https://files.example/", scope="files.read files.raed")
    assert granted.granted == ("files.read",) and granted.reason is Reason.ALLOWED_HELD
    assert granted.claims is not None and granted.claims.expires_in == timedelta(minutes=10)
    assert [(scope.scope, scope.reason) for scope in granted.refused] == [("files.raed", Reason.UNKNOWN_SCOPE)]
    refused = company.decide_token(**{**ask, "audience": "https://idp.example/"})
    assert (refused.claims, refused.reason) == (None, Reason.AUDIENCE_IS_ISSUER)
    assert company.decide_token(**{**ask, "subject": "{"}).reason is Reason.INVALID_REQUEST


def test_deltas_and_swaps_change_the_engine_in_use(company: Engine) -> None:
    live = Live(company)
    delta = {"version": 43, "issued_at": datetime(2026, 11, 20, 9, 30, tzinfo=timezone.utc), "grants": {"revoke": ["g-alice"]}}
    assert live.decide(**FIND).allowed
    changed = company.with_delta(delta)
    assert not changed.decide(**FIND).allowed and company.decide(**FIND).allowed
    live.apply(delta)
    assert not live.decide(**FIND).allowed and live.engine.snapshot_version == 43
    with pytest.raises(LoadError) as raised:
        live.swap(company)
    assert raised.value.errors[0].code == "snapshot_older"
    with pytest.raises(LoadError):
        live.apply('{"version":44,"version":45,"issued_at":"2026-11-20T09:30:00Z"}')
    newer = sources("company")
    newer["snapshot"]["version"] = 44
    live.swap(company.reload(**newer))
    call = json.dumps({**FIND})
    assert live.decide_json(call).allowed and live.decide_json(call) == live.engine.decide_json(call)
    with pytest.raises(LoadError):
        company.reload(**newer, limits={})


def test_many_calls_on_many_threads_are_decided_alike(company: Engine) -> None:
    calls = [{**FIND, "arguments": {"query": "x" * (n % 50)}} for n in range(2_000)]
    one_by_one = [company.decide(**call) for call in calls]
    assert company.decide_many(calls) == one_by_one
    assert company.decide_many([json.dumps(call) for call in calls], threads=3) == [
        company.decide_json(json.dumps(call)) for call in calls
    ]
    assert company.decide_many([b"\xff", "{", {}])[0].reason is Reason.INVALID_REQUEST
    with pytest.raises(ToolgateError) as raised:
        company.decide_many([FIND, {"now": float("nan")}])
    assert raised.value.errors[0].pointer == "/1/now"

    answers: Dict[int, Any] = {}

    def work(number: int) -> None:
        answers[number] = [company.decide(**call) for call in calls[:300]]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answer == one_by_one[:300] for answer in answers.values()) and len(answers) == 8


def test_deciding_many_lets_other_threads_run(company: Engine) -> None:
    """While the native half decides, Python goes on: the lock is not held."""
    ran, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            ran[0] += 1

    thread = threading.Thread(target=count)
    calls = [json.dumps({**FIND, "arguments": {"query": "x" * 2000}})] * 20_000
    encoded = [call.encode() for call in calls]
    thread.start()
    try:
        before = ran[0]
        said = company._core.decide_many(encoded, 1)
        after = ran[0]
    finally:
        stop.set()
        thread.join()
    assert len(said) == len(calls)
    assert after - before > 1_000, "the other thread stood still"


def test_a_panic_is_an_exception(company: Engine) -> None:
    with pytest.raises(InternalError) as raised:
        _native.panic()
    assert isinstance(raised.value, ToolgateError) and isinstance(raised.value, Exception)
    assert "as asked" in str(raised.value) and "not allowed" in str(raised.value)
    assert company.decide(**FIND).allowed, "the next call works"
