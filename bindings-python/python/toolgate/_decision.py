"""A decision, and what is in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Dict, Mapping, Optional, Tuple

from ._enums import Outcome, Reason
from ._time import duration, instant

_OUTCOMES = tuple(Outcome)
_REASONS = tuple(Reason)


@dataclass(frozen=True)
class Policy:
    """A policy that made the difference."""

    id: str
    #: `permit` or `forbid`
    effect: str
    description: Optional[str]


@dataclass(frozen=True)
class ApprovalRequest:
    """Whom to ask for a yes, and what to record when it is given."""

    #: whose yes: `self` or `manager`
    kind: str
    #: users who may say yes; one is enough
    approvers: Tuple[str, ...]
    #: whom the yes is for
    subject: Mapping[str, str]
    #: the widest scope that every determining policy accepts
    scope: Mapping[str, str]
    #: the longest that every determining policy accepts; none: good for this call only
    valid_for: Optional[timedelta]
    #: SHA-256 of subject, tool, arguments and tool definition
    binding: str


@dataclass(frozen=True)
class AccessRequest:
    """What to ask for so that the agent holds what it needs: an entitlement or a profile."""

    entitlement: Optional[str]
    profile: Optional[str]
    #: who must agree: `auto`, `self` or `manager`
    approval: str
    #: users who may agree; one is enough
    approvers: Tuple[str, ...]
    #: the longest the grant may last
    max_duration: Optional[timedelta]


@dataclass(frozen=True)
class Guidance:
    """Help written by the administrator."""

    message: str
    url: Optional[str]


@dataclass(frozen=True)
class StepUp:
    """What the user must do about their own session first."""

    #: `reauthenticate`
    remedy: str
    #: the authentication context classes that would do, if a policy names any
    acr_values: Tuple[str, ...]
    #: how fresh the authentication must be, if a policy says
    max_age: Optional[timedelta]


@dataclass(frozen=True)
class Credential:
    """The credential a server is called with: a name, never a secret."""

    #: `shared`, `personal` or `none`
    mode: str
    ref: Optional[str]


class Decision:
    """What is to happen with a call, and everything the host needs to act on it.

    Only an engine makes one. It is neither true nor false: ask `allowed`, or match on `outcome`.
    """

    __slots__ = ("_parts", "_said")

    _said: Tuple[int, int, bool, str]
    _parts: Optional[Dict[str, Any]]

    def __init__(self, said: Tuple[int, int, bool, str]) -> None:
        self._said = said
        self._parts = None

    @property
    def outcome(self) -> Outcome:
        """What is to happen."""
        return _OUTCOMES[self._said[0]]

    @property
    def reason(self) -> Reason:
        """Why, as a code. For the record; what the agent is told is `agent_message`."""
        return _REASONS[self._said[1]]

    @property
    def allowed(self) -> bool:
        """Whether the call may run now, with nothing to ask and nothing to request first."""
        return self._said[2]

    def _part(self, name: str) -> Any:
        if self._parts is None:
            self._parts = json.loads(self._said[3])
        return self._parts[name]

    @property
    def detail(self) -> Optional[str]:
        """More on the reason, for the record. Never for the agent."""
        detail: Optional[str] = self._part("detail")
        return detail

    @property
    def policies(self) -> Tuple[Policy, ...]:
        """The policies that made the difference."""
        return tuple(Policy(**policy) for policy in self._part("policies"))

    @property
    def approval_request(self) -> Optional[ApprovalRequest]:
        """Whom to ask for a yes to this call, and what that yes would cover."""
        part = self._part("approval_request")
        if part is None:
            return None
        lasts = _duration(part["valid_for"])
        return ApprovalRequest(**{**part, "approvers": tuple(part["approvers"]), "valid_for": lasts})

    @property
    def access_request(self) -> Optional[AccessRequest]:
        """What to ask for so that the agent holds what it needs."""
        part = self._part("access_request")
        if part is None:
            return None
        return AccessRequest(
            part.get("entitlement"),
            part.get("profile"),
            part["approval"],
            tuple(part["approvers"]),
            _duration(part["max_duration"]),
        )

    @property
    def guidance(self) -> Optional[Guidance]:
        """Help written by the administrator for whoever is refused."""
        part = self._part("guidance")
        return None if part is None else Guidance(**part)

    @property
    def step_up(self) -> Optional[StepUp]:
        """What the user must do about their own session first."""
        part = self._part("step_up")
        if part is None:
            return None
        return StepUp(part["remedy"], tuple(part["acr_values"]), _duration(part["max_age"]))

    @property
    def credential(self) -> Optional[Credential]:
        """The credential to run the call with: a name, never a secret."""
        part = self._part("credential")
        return None if part is None else Credential(**part)

    @property
    def obligations(self) -> Tuple[str, ...]:
        """What the host must know how to do; one it does not know means: do not run."""
        return tuple(self._part("obligations"))

    @property
    def gains_labels(self) -> Tuple[str, ...]:
        """Labels that the session gains if the call is run; feed them back with the next call."""
        return tuple(self._part("gains_labels"))

    @property
    def valid_until(self) -> Optional[datetime]:
        """The first instant at which time alone could change this answer; never, if none."""
        part = self._part("valid_until")
        return None if part is None else instant(part)

    @property
    def agent_message(self) -> str:
        """One sentence for the agent."""
        return str(self._part("agent_message"))

    @property
    def engine(self) -> str:
        """The digest of everything the engine was built from."""
        return str(self._part("engine"))

    @property
    def snapshot_version(self) -> int:
        """The version of the snapshot decided on."""
        return int(self._part("snapshot_version"))

    def to_json(self) -> str:
        """The decision as JSON, the same bytes in every language."""
        return self._said[3]

    def to_dict(self) -> Dict[str, Any]:
        """The decision as `json.loads` makes it of its JSON."""
        parts: Dict[str, Any] = json.loads(self._said[3])
        return parts

    def __repr__(self) -> str:
        return f"<Decision {self.outcome} {self.reason}>"

    def __eq__(self, other: object) -> bool:
        return self._said == other._said if isinstance(other, Decision) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._said)

    def __bool__(self) -> bool:
        # every object is true unless it says otherwise, and `if engine.decide(…):` would run whatever was denied
        raise TypeError("a decision is neither true nor false: ask its `allowed` or its `outcome`")


@dataclass(frozen=True)
class RefusedScope:
    """A scope that is not granted."""

    scope: str
    reason: Reason
    #: for the record
    detail: str


@dataclass(frozen=True)
class TokenClaims:
    """What the token is to say. The host adds who it is about, signs it, and never lets it live longer."""

    aud: str
    resource: Optional[str]
    #: the granted scopes, separated by spaces
    scope: str
    expires_in: timedelta


@dataclass(frozen=True)
class TokenDecision:
    """Which scopes a token may carry."""

    granted: Tuple[str, ...]
    refused: Tuple[RefusedScope, ...]
    #: none: there is to be no token
    claims: Optional[TokenClaims]
    reason: Reason
    detail: Optional[str]
    policies: Tuple[Policy, ...]
    #: what the issuer must know how to do; one it does not know means: issue nothing
    obligations: Tuple[str, ...]
    gains_labels: Tuple[str, ...]
    engine: str
    snapshot_version: int

    def __bool__(self) -> bool:
        raise TypeError("a token decision is neither true nor false: ask its `claims`")


def token_decision(text: str) -> TokenDecision:
    part = json.loads(text)
    claims = part["claims"]
    if claims is not None:
        claims = TokenClaims(**{**claims, "expires_in": timedelta(seconds=claims["expires_in"])})
    refused = (RefusedScope(item["scope"], Reason(item["reason"]), item["detail"]) for item in part["refused"])
    return TokenDecision(
        tuple(part["granted"]),
        tuple(refused),
        claims,
        Reason(part["reason"]),
        part["detail"],
        tuple(Policy(**policy) for policy in part["policies"]),
        tuple(part["obligations"]),
        tuple(part["gains_labels"]),
        part["engine"],
        part["snapshot_version"],
    )


def _duration(text: Optional[str]) -> Optional[timedelta]:
    return None if text is None else duration(text)
