"""Calls of Vault's API with our own token, which is renewed at two thirds of its life and got anew once after a 403."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from revoker.config import Settings, VaultSettings, base
from revoker.egress import vault_http
from revoker.egress.limits import tls_context
from revoker.egress.line import Answer, Line, Lost, NotSent
from revoker.egress.policy import from_url
from revoker.egress.requests import user_agent
from revoker.egress.vault_errors import NOTHING_CHANGED, body_of, unreachable
from revoker.egress.vault_login import Spent, log_in
from revoker.errors import ConfigError, EgressRefused, OutcomeUnknown, Parked
from revoker.model import NOTHING, Secret

LIFE_USED = 2 / 3  # of the lifetime, when the token is renewed
AGAIN = 30.0  # seconds until a renewal that failed is tried again


@dataclass
class Held:
    """The token of one server and identity, shared by all that open it in this process."""

    token: Secret | None = None
    renew_at: float = float("inf")  # monotonic seconds
    lock: threading.Lock = field(default_factory=threading.Lock)
    spent: Spent = field(default_factory=Spent)
    unwrapped: dict[str, Secret] = field(default_factory=dict)


held: dict[VaultSettings, Held] = {}


class Session:
    """The calls. Each is one request (two after a 403), and raises what vault.py says."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        if settings.vault is None:
            raise ConfigError("No Vault is configured.", next="add [vault] with its addr")
        self._settings, self.vault, self._monotonic = settings, settings.vault, monotonic
        self._where = from_url(settings.vault.addr)
        self._held = held.setdefault(settings.vault, Held())
        ca = base(settings) / settings.vault.ca if settings.vault.ca is not None else settings.network.ca_bundle
        self._line = Line(tls_context(ca), settings.network.allow, None)  # it is inside: never through the proxy

    def ask(
        self, method: str, path: str, body: Any = None, *, changes: bool = False, headers: Mapping[str, str] = NOTHING
    ) -> Answer:
        """One call with our token; any status is an answer. Raises Parked, or OutcomeUnknown when it `changes`."""
        token = self.token()
        answer = self._send(method, path, body, token, changes=changes, headers=headers)
        if answer.status == 403 and self._is_expired(token):
            answer = self._send(method, path, body, self._another(token), changes=changes, headers=headers)
        return answer

    def plain(self, method: str, path: str, body: Any = None, *, token: Secret | None = None) -> Answer:
        """One call without our token, for what anybody may ask (`sys/health`); or with another one, which it may use up."""
        return self._send(method, path, body, token, changes=token is not None)

    def token(self) -> Secret:
        """The token, from its reference or by a login; renewed at two thirds of its life."""
        with self._held.lock:
            if self._held.token is None:
                self._held.token = self._login()
                self._plan_renewal(self._held.token)
            elif self._monotonic() >= self._held.renew_at:
                self._renew(self._held.token)
            return self._held.token

    def _login(self) -> Secret:
        return log_in(self._settings, self.vault, self._login_call, self._held.spent, self._held.unwrapped)

    def _login_call(self, method: str, path: str, body: Any, token: Secret | None, *, once: bool) -> Answer:
        return self._send(method, path, body, token, changes=once)

    def _another(self, ended: Secret) -> Secret:
        """A new token in place of one that has ended: one login, or the reference looked up again (an agent may have renewed it)."""
        with self._held.lock:
            if self._held.token is not None and self._held.token.same_as(ended):
                self._held.token = None
        found = self.token()
        if found.same_as(ended):
            self._held.token = None  # the next call looks its reference up again
            raise Parked(
                "The Vault token has expired, or it may not even look itself up (no `default` policy).",
                safe=NOTHING_CHANGED,
                next="give it a new token, then revoker resume",
            )
        return found

    def _is_expired(self, token: Secret) -> bool:
        """A 403 says either "not you" or "not any more"; lookup-self tells them apart."""
        return self._send("GET", "/v1/auth/token/lookup-self", None, token).status == 403

    def _send(
        self,
        method: str,
        path: str,
        body: Any,
        token: Secret | None,
        *,
        changes: bool = False,
        headers: Mapping[str, str] = NOTHING,
    ) -> Answer:
        limit = self._settings.verify.timeout.total_seconds()
        agent = user_agent(self._settings)
        client = vault_http.client(self._line, self._where, token, self.vault.namespace, agent=agent, limit=limit)
        try:
            return vault_http.send(client, method, path, body, headers)
        except NotSent as error:
            raise unreachable(error.reason, sent=False) from None
        except EgressRefused:
            raise
        except Lost as error:
            if not changes:
                raise unreachable(error.reason) from None
            raise OutcomeUnknown(
                f"Vault's answer to a write was lost ({error.reason}).", next="read it back before anything is written again"
            ) from None

    def _plan_renewal(self, token: Secret) -> None:
        answer = self._send("GET", "/v1/auth/token/lookup-self", None, token)
        data = (body_of(answer).get("data") or {}) if answer.status == 200 else {}
        self._note_life(data.get("ttl"), renewable=bool(data.get("renewable")))

    def _renew(self, token: Secret) -> None:
        answer = self._send("POST", "/v1/auth/token/renew-self", {}, token)
        if answer.status != 200:
            self._held.renew_at = self._monotonic() + AGAIN
            return
        auth = body_of(answer).get("auth") or {}
        self._note_life(auth.get("lease_duration"), renewable=bool(auth.get("renewable")))

    def _note_life(self, ttl: object, *, renewable: bool) -> None:
        lasts = renewable and isinstance(ttl, int) and ttl > 0
        self._held.renew_at = self._monotonic() + ttl * LIFE_USED if lasts and isinstance(ttl, int) else float("inf")
