"""The engine, and the engine in use."""

from __future__ import annotations

import json
import os
from datetime import datetime
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from . import _native
from ._decision import Decision, TokenDecision, token_decision
from ._enums import Visibility
from ._errors import call_error
from ._time import instant_text
from ._time import now as _now

#: an object, or the JSON of one
Json = Union[Mapping[str, Any], str, bytes]


class Engine:
    """Decides tool calls. Immutable, and safe to share between threads; to change anything, make another.

    Sources in memory: ``policies`` is Cedar text, a list of texts, or a dict of texts by file name; ``catalog`` has by
    server id what the server answers to ``tools/list``; ``overlay`` is the text of ``catalog.toml``; ``snapshot`` is the
    snapshot, or ``snapshot_lines`` its text in JSON Lines. Documents are Python values or their text. Instants and
    durations may be ``datetime`` and ``timedelta``. Raises `LoadError` with everything that is wrong.
    """

    __slots__ = ("_core",)

    _core: _native.Engine

    def __init__(
        self,
        *,
        policies: Union[str, Sequence[str], Mapping[str, str]],
        snapshot: Optional[Json] = None,
        catalog: Optional[Mapping[str, Any]] = None,
        overlay: Optional[str] = None,
        snapshot_lines: Optional[str] = None,
        limits: Optional[Mapping[str, int]] = None,
    ) -> None:
        sources = dict(
            policies=policies,
            snapshot=snapshot,
            catalog=catalog,
            overlay=overlay,
            snapshot_lines=snapshot_lines,
            limits=limits,
        )
        self._core = _native.Engine(_sources(sources))

    @classmethod
    def _of(cls, native: _native.Engine) -> Engine:
        engine = cls.__new__(cls)
        engine._core = native
        return engine

    @classmethod
    def from_bundle(cls, path: Union[str, os.PathLike[str]]) -> Engine:
        """Loads the bundle in a folder: the one that holds `toolgate.toml`."""
        return cls._of(_native.Engine.from_bundle(path))

    def reload(self, **sources: Any) -> Engine:
        """Another engine from other sources, with this one's limits; quicker where little changed."""
        return self._of(self._core.reload(_sources(sources)))

    def decide(
        self,
        *,
        subject: Json,
        tool: str,
        arguments: Optional[Json] = None,
        session: Optional[Json] = None,
        now: Union[datetime, str, None] = None,
    ) -> Decision:
        """Decides one call. What cannot be read is denied; what is no JSON at all raises `CallError`.

        ``arguments`` are a dict, or the JSON text as the agent sent it, which says what it says: numbers of any size and
        keys given twice reach the one strict reader. ``now`` is the system's clock if it is not given.
        """
        return Decision(self._core.decide((subject, tool, arguments, session, _now() if now is None else _text(now))))

    def decide_json(self, call: Union[str, bytes]) -> Decision:
        """Decides one call that is a JSON text, `now` included: the shortest way there is."""
        return Decision(self._core.decide_json(call))

    def decide_many(self, calls: Sequence[Json], *, threads: int = 0) -> List[Decision]:
        """Decides many calls (dicts or texts, `now` included) in their order, on all processors unless told otherwise,
        without the interpreter's lock."""
        return [Decision(said) for said in self._core.decide_many(list(calls), threads)]

    def visible_tools(
        self, *, subject: Json, session: Optional[Json] = None, now: Union[datetime, str, None] = None
    ) -> Dict[str, Visibility]:
        """What a subject sees of every tool, whatever arguments it might send. Leave hidden ones out of a tool list."""
        seen = json.loads(self.visible_tools_json(_request(subject, session, now)))
        return {one["tool"]: Visibility(one["visibility"]) for one in seen}

    def visible_tools_json(self, request: str) -> str:
        """The same, from and to JSON."""
        return self._core.visible_tools(request)

    def decide_token(
        self,
        *,
        subject: Json,
        audience: str,
        resource: Optional[str] = None,
        scope: Optional[str] = None,
        session: Optional[Json] = None,
        now: Union[datetime, str, None] = None,
    ) -> TokenDecision:
        """Decides which scopes a short-lived token for a directly reached server may carry."""
        request = _request(subject, session, now, audience=audience, resource=resource, scope=scope)
        return token_decision(self.decide_token_json(request))

    def decide_token_json(self, request: str) -> str:
        """The same, from and to JSON."""
        return self._core.decide_token(request)

    def with_delta(self, delta: Json) -> Engine:
        """The same engine after grants and approvals were added and revoked. Raises `LoadError` if it does not fit."""
        return self._of(self._core.with_delta(_native.dumps(delta)))

    @property
    def digest(self) -> str:
        """The digest of everything the engine was built from; every decision names it."""
        return str(self.describe()["engine"])

    @property
    def snapshot_version(self) -> int:
        """The version of the snapshot."""
        return int(self.describe()["snapshot_version"])

    def describe(self) -> Dict[str, Any]:
        """The digest, the version of the snapshot, the ids of the policies, and what loading found."""
        described: Dict[str, Any] = json.loads(self._core.describe())
        return described

    def schema(self) -> str:
        """The Cedar schema that policies are validated against."""
        return self._core.schema()

    def __repr__(self) -> str:
        described = self.describe()
        return f"<Engine of {len(described['policies'])} policies at snapshot {described['snapshot_version']}>"


class Live:
    """The engine that calls are decided with. A swap is whole or not at all, and never to an older snapshot."""

    __slots__ = ("_core",)

    def __init__(self, engine: Engine) -> None:
        self._core = _native.Live(engine._core)

    @property
    def engine(self) -> Engine:
        """The engine in use now. Ask for it anew for each call: a revoked grant stays in force on an old one."""
        return Engine._of(self._core.engine())

    def decide(
        self,
        *,
        subject: Json,
        tool: str,
        arguments: Optional[Json] = None,
        session: Optional[Json] = None,
        now: Union[datetime, str, None] = None,
    ) -> Decision:
        """`Engine.decide` with the engine in use."""
        return self.engine.decide(subject=subject, tool=tool, arguments=arguments, session=session, now=now)

    def decide_json(self, call: Union[str, bytes]) -> Decision:
        """`Engine.decide_json` with the engine in use."""
        return Decision(self._core.engine().decide_json(call))

    def swap(self, engine: Engine) -> None:
        """Puts another engine into use. Raises `LoadError` if its snapshot is older, or another of the same version."""
        self._core.swap(engine._core)

    def apply(self, delta: Json) -> None:
        """Adds and revokes grants and approvals, from the next decision on."""
        self._core.apply(_native.dumps(delta))


def _text(now: Union[datetime, str]) -> str:
    if isinstance(now, str):
        return now
    try:
        return instant_text(now)
    except ValueError as error:
        raise call_error(str(error), "/now") from None


def _sources(sources: Mapping[str, Any]) -> str:
    return _native.dumps({name: _source(value) for name, value in sources.items() if value is not None})


def _source(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _request(
    subject: Json, session: Optional[Json], now: Union[datetime, str, None], **texts: Optional[str]
) -> str:
    """A request. Each member is there once, so that nothing in a text can speak for another: see `wire::Parts`."""
    members = {"subject": _native.dumps(subject), "session": "{}" if session is None else _native.dumps(session)}
    members.update({name: _quoted(text) for name, text in texts.items()})
    members["now"] = _quoted(_now() if now is None else _text(now))
    return "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}"


def _quoted(text: Optional[str]) -> str:
    return _native.dumps([text])[1:-1]
