"""The report's document in words: banner, tiles, timelines. Every format for people tells the same story.

All texts made here are clean (`text.clean`); HTML and Markdown still escape them in their own way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from revoker.report.terminal import SIGNS
from revoker.report.text import clean, counted, https, moment, place, share, span

MOST_PLACES = 25
MOST_EVENTS = 60
NAMING = "ingest it again from a CSV (type,secret) whose type is the kind's id; until then it goes to no provider but its own"
NOT_OURS = ("canary", "not_owned", "host_not_owned")  # reasons for which nobody has anything to do here
URGENT = {"live": 0, "unknown": 1, "new": 2, "contained": 3, "dying": 4, "skipped": 5, "accepted": 6, "dead": 7}


@dataclass(frozen=True, slots=True)
class Banner:
    """The report's first sentence: what state the whole is in."""

    state: str
    sign: str
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One number with its name."""

    name: str
    value: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a credential's timeline."""

    at: str
    what: str
    state: str = ""
    after: str = ""


def banner(counts: Mapping[str, int]) -> Banner:
    """One sentence over all credentials, the worst state first."""
    total = sum(counts.values())
    parts = [f"{counts[s]} {s}" for s in URGENT if counts.get(s)]
    detail = f"{counted(total, 'credential')}: {', '.join(parts)}." if total else "Nothing was ingested."
    open_ = counts.get("unknown", 0) + counts.get("new", 0)
    moving = counts.get("contained", 0) + counts.get("dying", 0)
    if counts.get("live"):
        return Banner("live", SIGNS["live"], f"{counts['live']} still live", detail)
    if open_:
        return Banner("unknown", SIGNS["unknown"], f"None known to be live, {open_} could not be decided", detail)
    if moving:
        return Banner("dying", SIGNS["dying"], f"None accepted any more, the proof of death is not complete for {moving}", detail)
    if counts.get("skipped"):
        return Banner("unknown", SIGNS["skipped"], f"None live among those checked, {counts['skipped']} were not checked", detail)
    return Banner(
        "dead", SIGNS["dead"], "Every credential is proven dead or accepted by name" if total else "No credentials", detail
    )


def alerts(doc: Mapping[str, Any]) -> list[str]:
    """What must not be overlooked in a report: canaries that somebody let be asked."""
    bait = [(one["fingerprint"], override(each)) for one in doc["credentials"] for each in one["canary_overrides"]]
    return [clean(f"CANARY {fingerprint}: {said}") for fingerprint, said in bait]


def override(one: Mapping[str, Any]) -> str:
    """Who let a canary be asked, until when, and why."""
    signed = ", signed" if one["signed_by"] else ""
    ended = f", taken back {when(one['ended_at'])}" if one["ended_at"] else ""
    return f"{one['who']} let it be asked and changed until {when(one['until'])} UTC{signed}{ended}: {one['why']}"


def tiles(metrics: Mapping[str, Any]) -> list[Tile]:
    """The numbers, the headline first."""
    oldest = f"oldest {span(metrics['unknown_oldest_s'])}" if metrics["unknown_oldest_s"] is not None else "none"
    return [
        Tile(
            "D24: proven dead within 24 h",
            share(metrics["d24"]),
            f"{metrics['d24_dead']} of {metrics['d24_of']}, {metrics['d24_open']} still in time",
        ),
        Tile("unique credentials", str(metrics["credentials"])),
        Tile("live now", str(metrics["counts"].get("live", 0))),
        Tile("proven dead", str(metrics["counts"].get("dead", 0))),
        Tile("time to dead, median", span(metrics["time_to_dead_p50_s"]), f"90 % within {span(metrics['time_to_dead_p90_s'])}"),
        Tile("time to contain, median", span(metrics["time_to_contain_p50_s"])),
        Tile("unknown", share(metrics["unknown_rate"]), oldest),
        Tile("hours accepted after ingest", f"{metrics['exposure_hours']:g}"),
        Tile("came back to life", str(metrics["resurrections"])),
        Tile("orphans", str(metrics["orphans"])),
    ]


def title(doc: Mapping[str, Any]) -> str:
    """The report's title: the incident's, when it is about one."""
    incidents = doc["incidents"]
    if len(incidents) == 1:
        return clean(incidents[0]["title"] or incidents[0]["id"])
    return f"{len(incidents)} incidents" if incidents else "All credentials"


def by_urgency(credentials: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What needs a person first comes first."""
    return sorted(credentials, key=lambda c: (URGENT.get(c["status"], 9), c["provider"], c["fingerprint"]))


def when(text: str | None) -> str:
    """A time of the document for people."""
    return moment(None if text is None else datetime.fromisoformat(text))


def took(credential: Mapping[str, Any]) -> str:
    """From ingest to proven dead, for what was seen alive."""
    times = credential["times"]
    if credential["status"] != "dead" or times["live_at"] is None:
        return "-"
    return _since(times["dead_at"], times["ingested_at"])


def account(credential: Mapping[str, Any]) -> str:
    """Whose it is at the provider."""
    identity = credential["identity"]
    return clean(identity.get("account") or identity.get("principal") or "-", 80)


def facts(credential: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is known of a credential, by name."""
    identity = credential["identity"]
    accepted = credential["accepted"]
    pairs = [
        ("Kind", f"{credential['kind']} ({credential['provider']})"),
        ("May also be", ", ".join(credential.get("candidates") or ())),
        ("To name it", NAMING if credential.get("candidates") else None),
        ("Last answer", f"{credential['validity'] or 'not asked'} {credential['reason']}".strip()),
        ("Checked", f"{when(credential['checked_at'])} UTC" if credential["checked_at"] else "never"),
        ("Account", identity.get("account")),
        ("Principal", identity.get("principal")),
        ("Scopes", ", ".join(identity.get("scopes") or ())),
        ("Expires", when(identity.get("expires_at")) if identity.get("expires_at") else None),
        ("Last used", when(identity.get("last_used_at")) if identity.get("last_used_at") else None),
        *((f"Part {name}", value) for name, value in credential["parts"].items()),
        ("Ours", credential["owned"] and f"{credential['owned']['how']} (asked {when(credential['owned']['at'])} UTC)"),
        *(("CANARY", override(one)) for one in credential["canary_overrides"]),
        ("Incident", credential["incident"]),
        ("Accepted", f"by {accepted['by']}: {accepted['why']}" if accepted else None),
        ("Refusals", str(credential["refusals"]) if credential["refusals"] else None),
        ("Next check", f"{when(credential['times']['next_check_at'])} UTC" if credential["times"]["next_check_at"] else None),
    ]
    return [(name, clean(value)) for name, value in pairs if value]


def places(credential: Mapping[str, Any]) -> list[str]:
    """Where it was found, capped."""
    found = credential["locations"]
    lines = [_place(spot) for spot in found[:MOST_PLACES]]
    more = credential["findings"] - len(lines)
    return [*lines, f"and {more} more"] if more > 0 else lines


def home(versions: Sequence[int], *, newest: bool) -> str:
    """In which versions a value stands."""
    numbers = [number for number in versions if number]
    listed = f"versions {', '.join(map(str, numbers))}" if len(numbers) > 1 else f"version {numbers[0]}" if numbers else ""
    return f"{listed}{', ' if listed else ''}{'in use' if newest else 'not in use any more'}"


def homes(credential: Mapping[str, Any]) -> list[str]:
    """Where in Vault it stands, one line each."""
    return [
        clean(f"{one['path']} {one['field']} ({one['part']}; {home(one['versions'], newest=one['newest'])})")
        for one in credential["vault"]
    ]


def successors(credential: Mapping[str, Any]) -> list[str]:
    """Where the credentials stand in Vault that were made in place of it."""
    rows = [(run["id"], row["data"]) for run in credential["runs"] for row in run["journal"] if row["phase"] == "outcome"]
    made = [(run, data) for run, data in rows if data.get("result") == "done" and data.get("path") and data.get("fingerprint")]
    return [
        clean(f"{data['path']}{' version ' + str(data['version']) if data.get('version') else ''} ({run})") for run, data in made
    ]


def timeline(credential: Mapping[str, Any]) -> list[Event]:
    """What happened to a credential, in order."""
    times = credential["times"]
    acked, told = times["acked_at"], {r["at"] for run in credential["runs"] for r in run["receipts"]}
    marks: list[tuple[str | None, str, str]] = [
        (times["detected_at"], "in the source since then, or longer", ""),
        (times["ingested_at"], "ingested", ""),
        (times["live_at"], "confirmed live", "live"),
        (None if times["contained_at"] in told else times["contained_at"], "suspended at the provider", "contained"),
        (None if acked in told else acked, "last change acknowledged by the provider", "contained"),
        (times["refused_at"], "first refusal of the streak that stands", "dying"),
        (times["dead_at"], "proven dead", "dead"),
    ]
    marks += [(one["at"], f"CANARY: {override(one)}", "live") for one in credential["canary_overrides"]]
    for run in credential["runs"]:
        marks.append((run["created_at"], f"run {run['id']} of playbook {run['playbook']}", ""))
        marks += [(r["at"], _receipt(r), "contained") for r in run["receipts"]]
        if run["ended_at"]:
            marks.append((run["ended_at"], f"run {run['id']} {run['state']}", ""))
    marks += [(v["at"], _verdict(v), "unknown") for v in credential["verdicts"] if v["validity"] in ("unknown", "skipped")]
    known = sorted(((at, what, state) for at, what, state in marks if at), key=lambda mark: mark[0])[:MOST_EVENTS]
    start = times["ingested_at"]
    return [Event(when(at), clean(what), state, f"+{_since(at, start)}" if at > start else "") for at, what, state in known]


def receipts(credential: Mapping[str, Any]) -> list[str]:
    """The proofs of actions, one line each."""
    return [clean(f"{when(r['at'])} {_receipt(r)}") for run in credential["runs"] for r in run["receipts"]]


def residual(credential: Mapping[str, Any]) -> list[str]:
    """What outlives the credential, with its end."""
    if credential["reason"] in NOT_OURS:
        return []
    return [
        clean(f"{r['what']}: {_end(r)}" + (f"; to end it: {r['ended_by']}" if r["ended_by"] else ""))
        for r in credential["residual"]
    ]


def manual(credential: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a person does where no API can; None for what needs no hand any more."""
    told = credential["manual"]
    if not told or credential["status"] in ("dead", "accepted") or credential["reason"] in NOT_OURS:
        return None
    return {"steps": told["steps"], "link": https(told["url"])}


def orphan(found: Mapping[str, Any]) -> str:
    """One orphan in one line."""
    return clean(f"{found['target']} at {found['provider']}, made in place of {found['fingerprint']}: {found['why']}")


def _place(spot: Mapping[str, Any]) -> str:
    where = clean(place(spot["source"], spot["file"], spot["line"], spot["image"]))
    extra = [clean(spot["commit"], 12)] if spot["commit"] else []
    return f"{where} ({', '.join([clean(spot['source'], 40), *extra])})"


def _receipt(receipt: Mapping[str, Any]) -> str:
    done = "was so already" if receipt["already"] else "done"
    answer = f" ({receipt['host']} {receipt['status'] or ''})".replace(" )", ")") if receipt["host"] else ""
    return f"{receipt['effect']}: {receipt['action']} on {receipt['target']} {done}{answer}"


def _verdict(verdict: Mapping[str, Any]) -> str:
    answer = f" ({verdict['host']} {verdict['status'] or ''})".replace(" )", ")") if verdict["host"] else ""
    return f"{verdict['validity']}: {verdict['reason']}{answer}"


def _end(residual: Mapping[str, Any]) -> str:
    if residual["ends_at"]:
        return f"until {when(residual['ends_at'])} UTC at the latest"
    return f"for {span(residual['lasts_s'])} at the most" if residual["lasts_s"] is not None else "until it is ended by hand"


def _since(later: str, earlier: str) -> str:
    return span(datetime.fromisoformat(later) - datetime.fromisoformat(earlier))
