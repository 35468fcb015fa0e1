"""Decides AI agents' tool calls against Cedar policies and a snapshot of entitlements.

>>> from toolgate import Engine
>>> engine = Engine.from_bundle("acme")                                             # doctest: +SKIP
>>> decision = engine.decide(subject={"user": "alice", "client": "claude-code"},
...                          tool="crm/find", arguments={"query": "acme"})           # doctest: +SKIP
>>> decision.allowed                                                                # doctest: +SKIP
True
"""

from ._decision import (
    AccessRequest,
    ApprovalRequest,
    Credential,
    Decision,
    Guidance,
    Policy,
    RefusedScope,
    StepUp,
    TokenClaims,
    TokenDecision,
)
from ._engine import Engine, Live
from ._enums import Outcome, Reason, Visibility
from ._errors import CallError, Fault, InternalError, LoadError, ToolgateError

__all__ = [
    "AccessRequest",
    "ApprovalRequest",
    "CallError",
    "Credential",
    "Decision",
    "Engine",
    "Fault",
    "Guidance",
    "InternalError",
    "Live",
    "LoadError",
    "Outcome",
    "Policy",
    "Reason",
    "RefusedScope",
    "StepUp",
    "TokenClaims",
    "TokenDecision",
    "ToolgateError",
    "Visibility",
]
