"""The codes. Each is a `str`, so that it can be compared with and written as its text."""

from enum import Enum


class _Code(str, Enum):
    # `str()` and formatting say the code, in every version of Python
    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(str(self.value), spec)


class Outcome(_Code):
    """What is to happen with a call."""

    #: run it; with an access request, file that first
    AUTO_APPROVE = "auto_approve"
    #: ask the user (a service principal's owner), then decide again
    SELF_APPROVE = "self_approve"
    #: ask the approvers named in the request, then decide again
    MANAGER_APPROVE = "manager_approve"
    #: refuse it
    DENY = "deny"
    #: refuse it and tell where a human can help
    TICKET_FALLBACK = "ticket_fallback"


class Visibility(_Code):
    """The best a subject could reach on a tool with some arguments."""

    #: some arguments may run at once
    CALLABLE = "callable"
    #: some arguments may run after a yes
    NEEDS_APPROVAL = "needs_approval"
    #: access can be asked for
    REQUESTABLE = "requestable"
    #: no arguments lead anywhere: leave it out of the list
    HIDDEN = "hidden"


class Reason(_Code):
    """Why a decision came out as it did."""

    #: what the agent holds is enough
    ALLOWED_HELD = "allowed_held"
    #: an approval in force made the difference
    ALLOWED_BY_APPROVAL = "allowed_by_approval"
    #: a human must say yes
    APPROVAL_REQUIRED = "approval_required"
    #: there was a yes; its time is over
    APPROVAL_EXPIRED = "approval_expired"
    #: there is a yes; it is wider or narrower than what a policy accepts here
    OUT_OF_SCOPE = "out_of_scope"
    #: there is a yes by somebody who may not give it
    APPROVAL_UNVERIFIABLE = "approval_unverifiable"
    #: an entitlement is missing that can be asked for
    NOT_HELD_REQUESTABLE = "not_held_requestable"
    #: the missing entitlement is granted, from a later instant on
    GRANT_PENDING = "grant_pending"
    #: no policy permits it, and nothing that could be asked for would change that
    INELIGIBLE = "ineligible"
    #: a policy forbids it
    POLICY_DENIED = "policy_denied"
    #: the human holds the entitlement; their agent does not and cannot ask for it
    AGENT_NOT_ENTITLED = "agent_not_entitled"
    #: the snapshot does not know the subject
    SUBJECT_UNKNOWN = "subject_unknown"
    #: the subject is no longer active
    SUBJECT_INACTIVE = "subject_inactive"
    #: the client is unknown, closed or deleted
    CLIENT_NOT_ALLOWED = "client_not_allowed"
    #: the service principal's owner is unknown or no longer active
    OWNER_INACTIVE = "owner_inactive"
    #: switched off by a kill switch
    KILL_SWITCH_ACTIVE = "kill_switch_active"
    #: the server is paused
    SERVER_PAUSED = "server_paused"
    #: the catalog does not know the tool
    TOOL_UNKNOWN = "tool_unknown"
    #: the tool is disabled, or nobody approved it yet
    TOOL_NOT_APPROVED = "tool_not_approved"
    #: the tool's definition is not the pinned one
    TOOL_DEFINITION_CHANGED = "tool_definition_changed"
    #: the arguments are not what the tool declares
    ARGUMENT_INVALID = "argument_invalid"
    #: the user must authenticate again first
    STEP_UP_REQUIRED = "step_up_required"
    #: a human must say yes, and nobody who may is to be found
    APPROVER_UNRESOLVED = "approver_unresolved"
    #: the snapshot is too old, or not begun
    SNAPSHOT_STALE = "snapshot_stale"
    #: a forbid could not be evaluated
    EVALUATION_ERROR = "evaluation_error"
    #: the call is larger or deeper than the limits
    LIMIT_EXCEEDED = "limit_exceeded"
    #: the call is not a call
    INVALID_REQUEST = "invalid_request"
    #: token path: the server has no such scope
    UNKNOWN_SCOPE = "unknown_scope"
    #: token path: the scope is not enabled
    SCOPE_NOT_ENABLED = "scope_not_enabled"
    #: token path: the agent holds nothing that unlocks the scope
    NO_GRANT = "no_grant"
    #: token path: no server is registered for this audience and resource
    TARGET_NOT_REGISTERED = "target_not_registered"
    #: token path: the audience is the issuer itself
    AUDIENCE_IS_ISSUER = "audience_is_issuer"
