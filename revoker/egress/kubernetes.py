"""Restarting a Deployment through the Kubernetes API: the one PATCH that `kubectl rollout restart` sends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

from revoker.config import ConsumerSettings, Settings, base
from revoker.egress.limits import tls_context
from revoker.egress.line import Line
from revoker.egress.once import send_once
from revoker.egress.policy import from_url
from revoker.egress.requests import Request, user_agent
from revoker.errors import ConfigError
from revoker.model import Secret

NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")  # of a namespace or a Deployment
RESTARTED = "kubectl.kubernetes.io/restartedAt"


def restart(
    settings: Settings, consumer: ConsumerSettings, token: Secret, at: datetime, *, still: Callable[[], None] | None = None
) -> int:
    """Set the annotation that makes the Deployment replace its pods; give the status of the answer.

    The same `at` again changes nothing, so a repeat is no second restart. Raises NotSent, Lost, EgressRefused, ConfigError.
    https://kubernetes.io/docs/reference/kubectl/generated/kubectl_rollout/kubectl_rollout_restart/
    """
    space, name = consumer.namespace, consumer.deployment or ""
    if not NAME.fullmatch(space) or not NAME.fullmatch(name):
        raise ConfigError(f"[[consumer]] {consumer.name}: namespace and deployment must be names of Kubernetes.")
    where = from_url(consumer.kubernetes or "")
    ca = base(settings) / consumer.ca if consumer.ca else settings.network.ca_bundle
    line = Line(tls_context(ca), settings.network.allow, settings.network.proxy, still=still)
    annotations = {RESTARTED: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    body = json.dumps({"spec": {"template": {"metadata": {"annotations": annotations}}}}).encode()
    headers = {
        "User-Agent": user_agent(settings),
        "Authorization": f"Bearer {token.reveal()}",
        "Content-Type": "application/strategic-merge-patch+json",
        "Accept": "application/json",
    }
    url = where.url(f"/apis/apps/v1/namespaces/{space}/deployments/{name}")
    request = Request("PATCH", where, url, tuple(headers.items()), body)
    return send_once(line, request, settings.verify.timeout.total_seconds()).status
