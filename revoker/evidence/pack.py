"""Collects an incident's evidence into files: no secret is among them, and what belongs to other incidents is withheld."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revoker import __version__, audit, catalog, sshsig, statements
from revoker.audit.chain import AuditRow
from revoker.errors import ApprovalRefused
from revoker.report import collect, json_document
from revoker.report.text import iso
from revoker.runs import digests
from revoker.runs.approve import Statement
from revoker.store import audit_rows, incidents, plans
from revoker.store.credentials import Selection
from revoker.store.people import ERASED
from revoker.store.verdicts import CAUTIOUS

if TYPE_CHECKING:
    from revoker.report.collect import Member, ReportData
    from revoker.store.database import Store

COMMON = ("stopped", "started", audit.RESTORED, audit.ERASED)  # entries about everything
README = """Evidence of incident {incident}, made by revoker {version} on {at}.

Verify it with Python 3.11 or newer, without revoker and without a network:

    unzip -p THIS_FILE.zip verify.py > verify.py       (or take verify.py from revoker's source)
    python3 verify.py THIS_FILE.zip --key "$(cat the-key-you-trust.pub)"

The same signature can be checked with OpenSSH: manifest.json.sig over manifest.json, namespace revoker-evidence.

credentials.json  each credential with its verdicts, and what its proof of death needs
plans/            what was planned, named by the digest that was approved
approvals.json    who said yes to which digest, with signature and public key
attestations.json who vouched that the credentials are ours; with the signature, where it was signed
runs.json         what was done: the journal of each run with its receipts
audit.jsonl       the whole chain of the audit log; the content of entries of other incidents is withheld
anchors.jsonl     the log's head and count as they were kept elsewhere
report.html       the report for people

No secret value is in it. Fingerprints are keyed hashes.
"""


@dataclass(frozen=True, slots=True)
class Pack:
    """The files of one incident's evidence, and what its manifest says of them."""

    files: Mapping[str, bytes]
    manifest: Mapping[str, Any]


def collected(store: Store, incident: incidents.Incident, now: datetime) -> Pack:
    """Everything that the store knows of an incident."""
    data = collect.collect(store, Selection(incident=(incident.id,)), now)
    named = {run.run.plan_digest for member in data.members for run in member.runs}
    papers = {digest: plans.load_plan(store, digest).document for digest in sorted(named)}
    count, head = audit_rows.head(store)
    files = _files(store, incident, data, papers)
    files["README.txt"] = README.format(incident=incident.id, version=__version__, at=iso(now)).encode()
    manifest = {
        "schema": "revoker/evidence/1",
        "revoker": __version__,
        "store": store.id,
        "incident": incident.id,
        "title": incident.title,
        "made_at": iso(now),
        "counts": json_document.counts(data.metrics.counts),
        "audit": {"count": count, "head": head},
        "erased_plans": [digest for digest, paper in papers.items() if digests.digest(paper) != digest],
    }
    return Pack(files, manifest)


def _files(
    store: Store, incident: incidents.Incident, data: ReportData, papers: Mapping[str, Mapping[str, Any]]
) -> dict[str, bytes]:
    from revoker.report.html import html

    report = json_document.report(data)
    files = {f"plans/{digest}.json": digests.canonical(paper) for digest, paper in papers.items()}
    files |= {
        "report.html": html(report).encode(),
        "credentials.json": _json([_credential(member, store.settings.verify.propagation) for member in data.members]),
        "runs.json": _json([json_document.run_story(run) for member in data.members for run in member.runs]),
        "approvals.json": _json([one for digest in papers for one in _approvals(store, digest)]),
        "attestations.json": _json([_attestation(one, store.id) for one in incidents.attestations(store, incident.id)]),
        "audit.jsonl": _extract(store, incident.id, data, papers),
        "anchors.jsonl": _anchors(store),
        "verify.py": (Path(__file__).parent / "verify_pack.py").read_bytes(),
    }
    return files


def _credential(member: Member, shortened: timedelta | None) -> dict[str, Any]:
    """A credential with its history, and the proof that its provider's window asks for."""
    doc = json_document.member(member)
    return {
        **{name: doc[name] for name in ("fingerprint", "kind", "provider", "status", "reason", "identity", "accepted", "times")},
        "locations": doc["locations"],
        "residual": doc["residual"],
        "owned": doc["owned"],
        "verdicts": [{**verdict, "offline": verdict["host"] is None} for verdict in doc["verdicts"]],
        "proof": _proof(member.row.kind, shortened),
    }


def _proof(kind_id: str, shortened: timedelta | None) -> dict[str, Any]:
    """What the kind's proof of death asks for. A window that the configuration shortened is named as such."""
    kind = catalog.kinds().get(kind_id)
    window = kind.propagation if kind else CAUTIOUS
    seconds = (window.window if shortened is None else shortened).total_seconds()
    return {"refusals": window.refusals, "window_s": seconds, "shortened": shortened is not None}


def _approvals(store: Store, digest: str) -> Iterable[dict[str, Any]]:
    for given in plans.approvals(store, digest):
        said = Statement(given.plan_digest, given.approver, given.nonce, given.signed_at, given.expires_at, given.emergency)
        yield {
            "plan": given.plan_digest,
            "approver": given.approver,
            "key": _signer(given.signature, sshsig.NAMESPACE),
            "nonce": given.nonce,
            "statement": said.text().decode(),
            "signature": given.signature,
            "used_at": iso(given.consumed_at),
            "emergency": given.emergency,
            "erased": given.approver == ERASED,
        }


def _signer(signature: str, namespace: bytes) -> str:
    """The key that made a signature; nothing for a text that is none, which the pack's verifier then tells."""
    try:
        return sshsig.signer_line(signature, namespace)
    except ApprovalRefused:
        return ""


def _attestation(one: incidents.Attestation, store: str) -> dict[str, Any]:
    word = {"who": one.who, "why": one.why, "at": iso(one.at), "until": iso(one.until), "signed_by": one.signed_by}
    if one.signature is None:
        return word
    key, said = _signer(one.signature, statements.NAMESPACE), one.statement(store).text()
    erased = (one.who == ERASED or ERASED in one.why) and not statements.fits(said, one.signature, key)
    return {**word, "key": key, "statement": said.decode(), "signature": one.signature, "erased": erased}


def _extract(store: Store, incident: str, data: ReportData, papers: Iterable[str]) -> bytes:
    ours = {incident, *papers, *(member.row.fingerprint for member in data.members)}
    ours |= {run.run.id for member in data.members for run in member.runs}

    def shown(row: AuditRow) -> bool:
        return row.event in COMMON or any(isinstance(value, str) and value in ours for value in (row.data or {}).values())

    made = io.StringIO()
    audit.export(store, made, shown)
    return made.getvalue().encode()


def _anchors(store: Store) -> bytes:
    path = store.settings.audit.anchor_file
    if path is None or not path.exists():
        return b""
    mine = [one for one in audit.read_anchors(path) if one.store == store.id]
    rows = [{"store": a.store, "count": a.count, "head": a.head, "at": a.at, "token": a.token} for a in mine]
    return "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows).encode()


def _json(document: Any) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()
