"""Verifies an evidence pack of revoker, with Python's own library and nothing else: python3 verify.py PACK.zip [--key "ssh-ed25519 ..."]

It checks every file against the signed manifest; the approvals' signatures over the digests of the plans, those of attestations; the chain of the audit
extract, its head against the manifest and the anchors; that each change in a receipt has its audit records; and, for each
credential that is called dead, that the refusals in its history prove it. Exit code 0 when all of it holds, 1 when not.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import sys
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

LARGEST = 1 << 30  # bytes of all files together
Files = Mapping[str, bytes]

# Ed25519 as in RFC 8032, section 6: slow, short, and enough to check a few signatures.
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]


def add(a: Point, b: Point) -> Point:
    """The sum of two points."""
    x, y = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    t, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = y - x, z - t, z + t, y + x
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(n: int, a: Point) -> Point:
    """A point n times."""
    made: Point = (0, 1, 1, 0)
    while n > 0:
        made = add(made, a) if n & 1 else made
        a, n = add(a, a), n >> 1
    return made


def point(raw: bytes) -> Point | None:
    """The point of 32 bytes; None when there is none."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    x = x * SQRT_M1 % P if (x * x - x2) % P else x
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    x = P - x if (x & 1) != sign else x
    return (x, y, 1, x * y % P)


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def signed_by(key: bytes, message: bytes, signature: bytes) -> bool:
    """True when an Ed25519 signature is this key's over this message."""
    if len(key) != 32 or len(signature) != 64 or BASE is None:
        return False
    a, r, s = point(key), point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % Q
    left, right = times(s, BASE), add(r, times(h, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def parts(blob: bytes) -> list[bytes]:
    """The length-prefixed strings of an SSH blob."""
    found = []
    while blob:
        (length,) = struct.unpack(">I", blob[:4])
        if length > len(blob) - 4:
            raise ValueError("a part is longer than the whole")
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found


def raw_key(line: str) -> bytes:
    """The 32 bytes of an `ssh-ed25519 AAAA...` line."""
    return parts(base64.b64decode(line.split()[1]))[1]


def ssh_signed(armoured: str, message: bytes, line: str, purpose: bytes) -> bool:
    """True when an SSH signature (as of `ssh-keygen -Y sign`) is this key's, over this message, for this purpose."""
    try:
        first, *lines, last = armoured.strip().splitlines()
        if (first, last) != ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"):
            return False
        blob = base64.b64decode("".join(lines), validate=True)
        public, namespace, reserved, hash_name, made = parts(blob[10:])
        fits = blob[:6] == b"SSHSIG" and namespace == purpose and not reserved and hash_name in (b"sha256", b"sha512")
        digest = hashlib.new(hash_name.decode(), message).digest()
        data = b"SSHSIG" + b"".join(struct.pack(">I", len(p)) + p for p in (namespace, b"", hash_name, digest))
        return fits and parts(public)[1] == raw_key(line) and signed_by(raw_key(line), data, parts(made)[1])
    except (ValueError, IndexError, struct.error):
        return False


def canonical(document: Any, *, plain: bool = True) -> bytes:
    """One text for one meaning."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=plain).encode()


def sha(*texts: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(b"".join(texts)).hexdigest()


def files_of(name: str) -> dict[str, bytes]:
    """The files of the archive."""
    with zipfile.ZipFile(name) as pack:
        if sum(info.file_size for info in pack.infolist()) > LARGEST:
            raise ValueError("the archive is too large")
        names = pack.namelist()
        if len(set(names)) != len(names):
            raise ValueError("a file stands twice in the archive")
        return {one: pack.read(one) for one in names}


def check_manifest(files: Files, trusted: str | None) -> Iterator[str]:
    """Each file is the one that was signed, and none is missing or added."""
    manifest = json.loads(files["manifest.json"])
    line = trusted or files["evidence.pub"].decode()
    if not ssh_signed(files["manifest.json.sig"].decode(), files["manifest.json"], line, b"revoker-evidence"):
        yield "the manifest is not signed with the key" + (" that you gave" if trusted else " in the pack")
    for name, armoured in files.items():
        if name.startswith("signatures/") and name.endswith(".sig"):
            own = manifest["signers"].get(name.removeprefix("signatures/").removesuffix(".sig"))
            if not own or not ssh_signed(armoured.decode(), files["manifest.json"], own, b"revoker-evidence"):
                yield f"{name} does not fit the manifest"
    listed = manifest["files"]
    apart = {name for name in files if name.startswith(("manifest.json", "signatures/"))}
    yield from (f"{name} is missing" for name in sorted(set(listed) - set(files)))
    yield from (f"{name} was added" for name in sorted(set(files) - set(listed) - apart))
    yield from (f"{name} was changed" for name in sorted(set(listed) & set(files)) if sha(files[name]) != listed[name])


def check_approvals(files: Files) -> Iterator[str]:
    """Each plan has the digest it is named by, and each of its approvals is signed by its approver over that digest."""
    plans = {name[6:-5]: json.loads(body) for name, body in files.items() if name.startswith("plans/")}
    erased = set(json.loads(files["manifest.json"])["erased_plans"])
    for digest, document in plans.items():
        if digest not in erased and sha(canonical(document, plain=False)) != digest:
            yield f"plan {digest[:12]} does not fit its digest"
    for given in json.loads(files["approvals.json"]):
        if given["erased"]:
            continue
        said = f"plan: {given['plan']}\napprover: {given['approver']}\nnonce: {given['nonce']}\n"
        if said not in given["statement"] or given["plan"] not in plans:
            yield f"the approval of {given['approver']} is for another plan"
        elif not ssh_signed(given["signature"], given["statement"].encode(), given["key"], b"revoker-approval"):
            yield f"the approval of {given['approver']} is not signed with the key that stands beside it"
    for run in json.loads(files["runs.json"]):
        needed = int(plans.get(run["plan"], {}).get("approvals", 0))
        given = [one for one in json.loads(files["approvals.json"]) if one["plan"] == run["plan"] and one["used_at"]]
        alone = [one for one in given if one["emergency"] and f"\nemergency: {one['emergency']}\n" in one["statement"]]
        used = {one["key"] for one in given}
        if len(used) < needed and not alone:
            yield f"run {run['id'][:12]} was started with {len(used)} of {needed} approvals"


def check_attestations(files: Files) -> Iterator[str]:
    """Each attestation that says who signed it is signed by that person over these very words."""
    incident = json.loads(files["manifest.json"])["incident"]
    for one in json.loads(files["attestations.json"]):
        if not one.get("signature") or one["erased"]:
            continue
        said = json.loads(one["statement"])
        same = all(said[name] == one[name] for name in ("who", "why")) and said["about"] == incident
        if not same or any(said[name][:19] != one[name][:19] for name in ("at", "until")):  # to the second
            yield f"the attestation of {one['who']} says something else than what was signed"
        elif not ssh_signed(one["signature"], one["statement"].encode(), one["key"], b"revoker-statement"):
            yield f"the attestation of {one['who']} is not signed with the key that stands beside it"


def check_chain(files: Files) -> Iterator[str]:
    """The audit extract is one unbroken chain up to the head that was signed, and holds every anchor."""
    lines = [json.loads(line) for line in files["audit.jsonl"].decode().splitlines() if line]
    manifest, head, hashes = json.loads(files["manifest.json"]), lines[0], {}
    last = sha(f"revoker audit 1 {head['store']}".encode())
    for number, row in enumerate(lines[1:], 1):
        if row.get("digest"):
            content = row["digest"]
            if row["data"] is not None and sha(row["salt"].encode(), canonical(row["data"])) != content:
                yield f"audit entry {number} was changed"
            made = sha(b"2", last.encode(), canonical([number, row["at"], row["event"], content]))
        else:
            made = sha(last.encode(), canonical([number, row["at"], row["event"], row["data"]]))
        if row["seq"] != number or row["hash"] != made:
            yield f"audit entry {number} does not follow the one before"
        last = hashes[number] = row["hash"]
    if (len(hashes), last) != (manifest["audit"]["count"], manifest["audit"]["head"]):
        yield "the audit extract does not end where the manifest says"
    losses = [row["data"] for row in lines[1:] if row["event"] == "restored" and row["data"]]
    for line in files.get("anchors.jsonl", b"").decode().splitlines():
        anchor = json.loads(line)
        lost = any(loss["from"] < anchor["count"] <= loss["lost"] for loss in losses)
        if anchor["count"] <= len(hashes) and hashes.get(anchor["count"]) != anchor["head"] and not lost:
            yield f"audit entry {anchor['count']} is not the one that was anchored"


def check_receipts(files: Files) -> Iterator[str]:
    """Each receipt of a change was preceded by its intent in the audit log."""
    rows = [json.loads(line) for line in files["audit.jsonl"].decode().splitlines()[1:] if line]
    known = {(row["data"]["run"], row["data"]["step"], row["event"]) for row in rows if row["data"] and "step" in row["data"]}
    for run in json.loads(files["runs.json"]):
        for row in run["journal"]:
            changed = row["phase"] == "outcome" and "effect" in row["data"] and not row["data"].get("already")
            if changed and (run["id"], row["step"], "intent") not in known:
                yield f"run {run['id'][:12]}, step {row['step']}: no audit record came before the change"


def check_deaths(files: Files) -> Iterator[str]:
    """What is called dead was refused as often, and over as long a time, as the provider's window asks."""
    for one in json.loads(files["credentials.json"]):
        if one["status"] != "dead":
            continue
        streak = refusals(one["verdicts"])
        if not streak:
            yield f"{one['fingerprint']} is called dead, and no refusal is in its history"
            continue
        lived = any(verdict["validity"] == "live" for verdict in one["verdicts"])
        if lived and not streak[-1]["offline"]:
            span = (when(streak[-1]) - when(streak[0])).total_seconds()
            if len(streak) < max(2, one["proof"]["refusals"]) or span + 1 < one["proof"]["window_s"]:
                yield f"{one['fingerprint']} is called dead after {len(streak)} refusals over {span:.0f} s"


def refusals(verdicts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The refusals since the last acceptance. What decided nothing neither counts nor breaks the row."""
    streak: list[dict[str, Any]] = []
    for verdict in sorted(verdicts, key=when):
        if verdict["validity"] == "live":
            streak = []
        elif verdict["validity"] == "dead":
            streak.append(verdict)
    return streak


def when(verdict: Mapping[str, Any]) -> datetime:
    """The time of a verdict."""
    return datetime.fromisoformat(verdict["at"])


def main(words: list[str]) -> int:
    """Check a pack and say what was found."""
    trusted = words[words.index("--key") + 1] if "--key" in words[:-1] else None
    try:
        files = files_of(words[0])
        checks = (check_approvals, check_attestations, check_chain, check_receipts, check_deaths)
        problems = list(check_manifest(files, trusted)) or [text for check in checks for text in check(files)]
        manifest = json.loads(files["manifest.json"])
    except (OSError, KeyError, ValueError, IndexError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        print(f"NOT verified: this is no whole evidence pack ({type(error).__name__}).")
        return 1
    for text in problems:
        print(f"NOT verified: {text}.")
    if problems:
        return 1
    counts = ", ".join(f"{number} {status}" for status, number in sorted(manifest["counts"].items()) if number)
    print(f"Verified: incident {manifest['incident']}, {counts or 'no credential'}; {manifest['audit']['count']} audit entries.")
    print(f"Signed with: {(trusted or files['evidence.pub'].decode()).strip()}")
    erased = [one for name in ("approvals.json", "attestations.json") for one in json.loads(files[name]) if one.get("erased")]
    if erased:
        print(f"Not checked: {len(erased)} signatures over words that named a person who is erased since.")
    if any(one["proof"]["shortened"] for one in json.loads(files["credentials.json"])):
        print(
            "The configuration had shortened the providers' propagation windows, as for a drill: see `proof` in credentials.json."
        )
    if trusted is None:
        print("That key came with the pack: compare it with what `revoker evidence --public-key` prints, or give it with --key.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if sys.argv[1:] else "usage: verify.py PACK.zip [--key 'ssh-ed25519 AAAA...']")
