"""toolgate beside cedarpy and cedarling_python: the same policies, the same people, the same calls, in one run.

    bash bindings-python/bench/run.sh            builds the wheel in release, installs the peers, prints a table

Everything that can be prepared is prepared once: engine, policy set, entities, and for `prepared` the call's text. Each
peer gets the shape it is quickest with: cedarpy its handles, cedarling_python attributes in place of parents. All must
agree on every call, or nothing is printed. A figure is the median of rounds, each the mean over all calls.
"""

import json
import statistics
import sys
import time
from typing import Any, Callable, Dict, List, Tuple

GROUPS, USERS, TOOLS, CALLS = 50, 100, 40, 200
NOW = "2026-11-20T10:00:00Z"
Call = Tuple[str, str, int]


def policy(number: int) -> Tuple[str, str]:
    """The scope and the condition of one policy: a group, a tool, an amount."""
    scope = (
        f'@id("p{number}")\npermit (principal%s, action == Toolgate::Action::"crm/tool{number % TOOLS}", resource)'
    )
    return scope, f"context.input.amount < {100 + number % 900} && context.session.calls < 50"


def groups_of(user: int) -> List[str]:
    return [f"g{(user * 7 + step * 13) % GROUPS}" for step in range(3)]


def calls() -> List[Call]:
    state = 20261120
    drawn: List[Call] = []

    def draw(most: int) -> int:
        nonlocal state
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        return state % most

    for _ in range(CALLS):
        user, tool = draw(USERS), draw(TOOLS)
        if draw(2):  # one that a policy is about
            tool = draw(10)
            members = [user for user in range(USERS) if f"g{tool}" in groups_of(user)]
            user = members[draw(len(members))]
        drawn.append((f"u{user}", f"crm/tool{tool}", draw(200)))
    return drawn


def toolgate_engine(count: int) -> Any:
    from toolgate import Engine

    texts = []
    for number in range(count):
        scope, condition = policy(number)
        texts.append(scope % f' in Toolgate::Group::"g{number % GROUPS}"' + f"\nwhen {{ {condition} }};")
    schema = {"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"]}
    tools = [{"name": f"tool{n}", "inputSchema": schema, "annotations": {"readOnlyHint": True}} for n in range(TOOLS)]
    return Engine(
        policies="\n".join(texts),
        catalog={"crm": tools},
        overlay='[servers.crm]\ntrusted = true\ndefault_state = "approved"\n',
        snapshot={
            "version": 1,
            "issued_at": "2026-11-20T09:00:00Z",
            "max_age": "PT24H",
            "users": [{"id": f"u{n}", "active": True, "groups": groups_of(n)} for n in range(USERS)],
            "groups": [{"id": f"g{n}"} for n in range(GROUPS)],
            "clients": [{"id": "cc", "kind": "personal", "state": "active"}],
        },
    )


def toolgate_dict(engine: Any) -> Callable[[Call], bool]:
    asked = {
        call: dict(
            subject={"user": call[0], "client": "cc"},
            tool=call[1],
            arguments={"amount": call[2]},
            session={"calls": 3, "labels": []},
            now=NOW,
        )
        for call in calls()
    }

    def ask(call: Call) -> bool:
        return bool(engine.decide(**asked[call]).allowed)

    return ask


def toolgate_text(engine: Any) -> Callable[[Call], bool]:
    texts = texts_of_calls()

    def ask(call: Call) -> bool:
        return bool(engine.decide_json(texts[call]).allowed)

    return ask


def texts_of_calls() -> Dict[Call, str]:
    return {
        call: json.dumps(
            {
                "subject": {"user": call[0], "client": "cc"},
                "tool": call[1],
                "arguments": {"amount": call[2]},
                "session": {"calls": 3, "labels": []},
                "now": NOW,
            }
        )
        for call in calls()
    }


def cedarpy(count: int) -> Callable[[Call], bool]:
    from cedarpy import Entities, PolicySet, is_authorized

    texts = []
    for number in range(count):
        scope, condition = policy(number)
        texts.append(scope % f' in Toolgate::Group::"g{number % GROUPS}"' + f"\nwhen {{ {condition} }};")
    policies = PolicySet.from_str("\n".join(texts))

    def entity(kind: str, name: str, parents: List[str]) -> Dict[str, Any]:
        above = [{"type": "Toolgate::Group", "id": parent} for parent in parents]
        return {"uid": {"type": f"Toolgate::{kind}", "id": name}, "attrs": {}, "parents": above}

    people = [entity("Agent", f"u{n}", groups_of(n)) for n in range(USERS)]
    people += [entity("Group", f"g{n}", []) for n in range(GROUPS)]
    entities = Entities.from_json_str(json.dumps(people))

    def ask(call: Call) -> bool:
        request = {
            "principal": {"type": "Toolgate::Agent", "id": call[0]},
            "action": {"type": "Toolgate::Action", "id": call[1]},
            "resource": {"type": "Toolgate::Tool", "id": call[1]},
            "context": {"input": {"amount": call[2]}, "session": {"calls": 3}},
        }
        return bool(is_authorized(request, policies, entities).allowed)

    return ask


def cedarling(count: int) -> Callable[[Call], bool]:
    from cedarling_python import BootstrapConfig, Cedarling, CedarEntityMapping, EntityData, RequestUnsigned

    store = {}
    for number in range(count):
        scope, condition = policy(number)
        body = scope % "" + f'\nwhen {{ principal.groups.contains("g{number % GROUPS}") && {condition} }};'
        content = {"encoding": "none", "content_type": "cedar", "body": body}
        store[f"p{number}"] = {"description": f"p{number}", "policy_content": content}
    named = {"cedar_version": "v4.0.0", "name": "bench", "description": "bench", "policies": store}
    text = json.dumps({"cedar_version": "v4.0.0", "policy_stores": {"bench": named}})
    service = Cedarling(
        BootstrapConfig(
            {
                "CEDARLING_APPLICATION_NAME": "bench",
                "CEDARLING_POLICY_STORE_LOCAL": "---\n" + text,
                "CEDARLING_LOG_TYPE": "off",
                "CEDARLING_JWT_SIG_VALIDATION": "disabled",
                "CEDARLING_JWT_STATUS_VALIDATION": "disabled",
                "CEDARLING_STRICT_SCHEMA_VALIDATION": "disabled",
            }
        )
    )

    def ask(call: Call) -> bool:
        principal = EntityData(CedarEntityMapping("Toolgate::Agent", call[0]), groups=groups_of(int(call[0][1:])))
        request = RequestUnsigned(
            principal=principal,
            action=f'Toolgate::Action::"{call[1]}"',
            resource=EntityData(CedarEntityMapping("Toolgate::Tool", call[1])),
            context={"input": {"amount": call[2]}, "session": {"calls": 3}},
        )
        return bool(service.authorize_unsigned(request).is_allowed())

    return ask


def measure(ask: Callable[[Call], bool], rounds: int) -> float:
    """Microseconds a call."""
    asked = calls()
    for call in asked[:20]:
        ask(call)
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        for call in asked:
            ask(call)
        times.append((time.perf_counter() - begun) / len(asked) * 1e6)
    return statistics.median(times)


def native(engine: Any, rounds: int) -> float:
    """The core's own time a call, read and answer as text included: many calls at once, on one thread."""
    texts = [text.encode() for text in texts_of_calls().values()] * 20
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        engine._core.decide_many(texts, 1)
        times.append((time.perf_counter() - begun) / len(texts) * 1e6)
    return statistics.median(times)


def main() -> int:
    print("| policies | core | toolgate, prepared | toolgate, dict | cedarpy | cedarling_python | cedarpy / dict | cedarling / dict |")
    print("|---|---|---|---|---|---|---|---|")
    for count in (10, 1_000):
        engine = toolgate_engine(count)
        peers: Dict[str, Callable[[Call], bool]] = {
            "prepared": toolgate_text(engine),
            "dict": toolgate_dict(engine),
            "cedarpy": cedarpy(count),
            "cedarling": cedarling(count),
        }
        answers = {name: [ask(call) for call in calls()] for name, ask in peers.items()}
        for name, said in answers.items():
            if said != answers["prepared"]:
                wrong = [call for call, left, right in zip(calls(), said, answers["prepared"]) if left != right]
                print(f"{name} disagrees at {count} policies: {wrong[:3]}", file=sys.stderr)
                return 1
        if not any(answers["prepared"]) or all(answers["prepared"]):
            print("every call has the same answer: nothing was measured", file=sys.stderr)
            return 1
        took = {name: measure(ask, 5 if name in ("cedarpy", "cedarling") else 40) for name, ask in peers.items()}
        core = native(engine, 40)
        print(
            f"| {count:,} | {core:.2f} µs | {took['prepared']:.2f} µs | {took['dict']:.2f} µs | {took['cedarpy']:,.0f} µs "
            f"| {took['cedarling']:,.0f} µs | {took['cedarpy'] / took['dict']:,.0f} × | {took['cedarling'] / took['dict']:,.0f} × |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
