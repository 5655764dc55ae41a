"""The rows of the security table: what may go wrong, and what revoker does about it.

N: the network. S: secrets in the process and at rest. I: untrusted input. W: wrong target, authority, approval. F: faults while it works.
A test shows a row when it carries `@pytest.mark.row("N-1")`; docs/security.md is made from both.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One threat or fault. `outside` tells why a row needs no test: it cannot happen here, or is another's to stop.

    `open` tells what is still missing; the page shows it instead of a result.
    """

    id: str
    threat: str
    defence: str
    outside: str = ""
    open: str = ""


ROWS: tuple[Row, ...] = (
    Row(
        "N-1",
        "A finding names the host to ask: a metadata address, an internal service, its author's own server",
        "Hosts come from the provider file or the operator's configuration; a host that a credential carries must be owned, exactly",
    ),
    Row(
        "N-2",
        "An address family that a library calls public leads inside: NAT64, 6to4, 100.64/10, IPv4-mapped, metadata",
        "Address tables of our own, for literals and for answers of the name service",
    ),
    Row(
        "N-3",
        "A name resolves to something else the second time, or to several addresses",
        "Resolved once for each connection, every answer checked, the checked address dialled under the name's certificate",
    ),
    Row(
        "N-4",
        "A redirect carries the credential to somebody else",
        "No redirect is followed, of whatever form; the verdict is `unknown: redirect`",
    ),
    Row(
        "N-5",
        "The operator's own credentials from the environment leave, or mix into a verdict",
        "Nothing ambient is read: no netrc, proxy variable, cloud profile, service file or cookie",
    ),
    Row(
        "N-6",
        "A proxy reads or alters",
        "A proxy only from the configuration, CONNECT only, certificates checked end to end, the target checked by us",
    ),
    Row(
        "N-7",
        "A database server or the options of a URI make the client read local files or use somebody else's identity",
        "Leaked URIs are taken apart and built again from user, password, host, port and database; local files are never served",
    ),
    Row(
        "N-8",
        "An address in an answer starts a second call",
        "No address is taken from an answer; ids are checked and encoded",
    ),
    Row("N-9", "TLS is switched off", "There is no such switch; an unverified certificate is `unknown: tls`, never `dead`"),
    Row(
        "N-10",
        "A giant, slow, nested or compressed answer exhausts the tool",
        "Headers, body after decoding, depth, digits and total time are capped; the rest is `unknown`",
    ),
    Row(
        "N-11",
        "A check changes something at the provider",
        "Checks get a type that cannot change; a POST that reads is listed by path and body; egress refuses the rest",
    ),
    Row(
        "N-12",
        "A check trips a canary, or the company's own honeytoken is revoked",
        "Canaries are recognised offline, own ones by fingerprint; neither is asked or revoked without a recorded override",
    ),
    Row(
        "S-1",
        "A secret in an argument, in the shell's history or in the process list",
        "No option takes a secret; one on the command line is refused without being repeated; no helper process gets one",
    ),
    Row("S-2", "A traceback shows local variables", "Our own exception hook: type, code and an id; no locals anywhere"),
    Row(
        "S-3",
        "A library's error text or debug log quotes its input",
        "Library errors are replaced at the boundary, their loggers are silent",
    ),
    Row(
        "S-4",
        "A value is printed, pickled, copied or compared by accident",
        "The Secret type refuses each of these; reveal() is the only way out",
    ),
    Row(
        "S-5",
        "A mask shows too much of the value",
        "People see the kind and a part of the keyed fingerprint, never a part of the value",
    ),
    Row(
        "S-6",
        "A core dump, a debugger or swap holds values",
        "No core files, not dumpable, not traceable; that Python cannot wipe strings is said in SECURITY.md",
    ),
    Row(
        "S-7",
        "The store is stolen, or its rows are moved about",
        "Values are sealed with their place as associated data; the key is kept elsewhere; deleted pages are wiped, SQLite's log too",
    ),
    Row(
        "S-8",
        "A key rotation stops half way; an old backup is restored",
        "Rotation goes on where it stopped; after a restore nothing approved counts and nothing dead is believed unchecked",
    ),
    Row("S-9", "A log or an evidence file holds a value", "Only listed fields are logged; a redactor stands behind them"),
    Row(
        "S-10",
        "A file is written through a link, or others may read it",
        "New files only, mode 0600, no links followed, no secret in temporary files",
    ),
    Row(
        "S-11",
        "A CI log, crash reporter or telemetry gets something",
        "There is no telemetry; nothing is written for a CI system",
    ),
    Row(
        "S-12",
        "Vault keeps the leaked value as an old version",
        "Versions that hold it are destroyed, not deleted, once its death is proven",
    ),
    Row(
        "I-1",
        "Escape sequences, bidirectional marks or markup in a name act on the terminal or forge a line",
        "Untrusted text is escaped where it leaves, and is never markup",
    ),
    Row("I-2", "A CSV cell is a formula", "Cells that would begin one are quoted, control and format characters skipped first"),
    Row(
        "I-3",
        "A report page runs script or fetches something",
        "Escaped by default, a policy that allows nothing, links to https only",
    ),
    Row("I-4", "A name forges a log record", "One record is one escaped line"),
    Row(
        "I-5",
        "YAML loads objects, bombs, or the last of two keys",
        "We read no YAML; doubled keys in TOML and JSON are errors",
    ),
    Row(
        "I-6",
        "A playbook or an id is a template that runs",
        "There is no template engine in playbooks; ids are checked and encoded for their place, and egress refuses a path that leaves it",
    ),
    Row(
        "I-7",
        "A report is a bomb: a line of a gigabyte, deep nesting, ten million findings, odd encodings",
        "Streams with caps; what was not read is said, and the exit code tells",
    ),
    Row("I-8", "A pattern takes for ever on hostile text", "Bounded input, patterns measured against hostile text in the tests"),
    Row(
        "I-9",
        "A scanner's claim is taken for a fact",
        "`verified`, account and owner from a report are hints; the gate stays shut; doubled keys are errors",
    ),
    Row(
        "W-1",
        "The wrong credential is revoked",
        "A change needs an id that is proven to belong to this very secret, bound again right before the call",
    ),
    Row(
        "W-2",
        "Two halves that only stood together are acted on as a pair",
        "A pair is one when the provider accepts both halves together",
    ),
    Row(
        "W-3",
        "A finding makes our administrator's credential act in somebody else's account",
        "Once accounts are declared, the verified identity and the account of the target must be among them; looked at again before each change",
    ),
    Row(
        "W-4",
        "Something changes between the approval and the call",
        "The approval signs plan, targets, provider definition, playbook and policy; all are compared again at the start, and plan, definition, target and ownership once more before each change",
    ),
    Row("W-5", "An approval is used twice", "Single use, bound to its plan, used up in the transaction that starts the runs"),
    Row(
        "W-6",
        "Somebody approves alone what needs two, or keeps approving after leaving",
        "Persons are keys; the requester does not count; approvers are looked up again at the start; emergencies are loud",
    ),
    Row(
        "W-7",
        "A responder revokes a rival team's key",
        "Ownership and scope of each approver are checked; each plan gives its reason; rates are limited",
    ),
    Row(
        "W-8",
        "One tenant reads or changes another's",
        "A store belongs to one tenant: its own key seals its values and makes its fingerprints, its id is in the audit chain",
    ),
    Row("W-9", "A forged or repeated webhook", "Ours are signed over the raw bytes with time and id; we take none in"),
    Row(
        "W-10",
        "A bad report revokes everything",
        "Caps for each run, hour and provider; a kill switch looked at before each call",
    ),
    Row(
        "W-11",
        "A provider or playbook from elsewhere does harm",
        "Code only from installed packages that the configuration names; their digest is part of each approval; playbooks are data",
    ),
    Row(
        "W-12",
        "The audit log is cut, edited, forked or rolled back",
        "Chained, with keys that only go forward, anchored elsewhere, verified offline; without a record nothing is changed",
    ),
    Row(
        "W-13",
        "A person's data must go, and the evidence must stay",
        "The chain covers salted digests: words are taken out on record, the places stay and verify",
    ),
    Row(
        "W-14",
        "An agent is talked into a change",
        "",
        outside="No command takes natural language; an agent without an approver's key can plan, and nothing more",
    ),
    Row(
        "F1",
        "Killed before or after any write or call",
        "Resume comes to a lawful end: at most one usable new key, the old one not gone before the new one is stored",
    ),
    Row("F2", "Killed between the provider's commit and its answer", "The state is looked at; nothing is sent again blindly"),
    Row(
        "F3",
        "The new key is made and Vault does not take it",
        "The new key is revoked again, or is on the orphan list; the old one is untouched",
    ),
    Row("F4", "Vault took it and the answer was lost", "Read back and compared; check-and-set lets one write in"),
    Row(
        "F5",
        "Vault's token ends, or Vault is sealed, half way",
        "The run parks; a 403 is told apart by asking about the token itself",
    ),
    Row("F6", "A lease is revoked later than it says", "Revoked synchronously, then the credential itself is asked"),
    Row(
        "F7",
        "Two workers on one credential, one of them asleep",
        "A lease with a growing fence, checked in the transaction of the intent",
    ),
    Row(
        "F8",
        "The schedule fires twice or late, the clock jumps",
        "What is due is a stored time, a slot fires once, an approval from the future is refused; no time that passes makes a key dead",
    ),
    Row("F9", "Our clock is wrong", "An answer about the clock is `unknown: clock`, never `dead`"),
    Row("F10", "429, 5xx and resets in storms", "Budgets, back-off and a bounded number of tries; never `dead`"),
    Row("F11", "Connections that trickle or hang", "A total time for each request; the others go on"),
    Row("F12", "A network that is cut between us and anybody", "The run parks and goes on later"),
    Row(
        "F13",
        "The old key works a while longer, the new one not yet",
        "`dying` until refusals span the window; the new one is asked again within it",
    ),
    Row("F14", "Sessions outlive the key", "They are listed with their end, and ended where an API can"),
    Row(
        "F15",
        "The provider lies: 200 and `ok: false`, a login page, 204 without effect",
        "Only declared answers count",
    ),
    Row("F16", "A provider is down for everybody", "A wave of refusals is not believed"),
    Row(
        "F17",
        "No place for a second key",
        "Looked at before; the plan says so; an active key is never deleted to make room",
    ),
    Row(
        "F18",
        "The last working key of a principal would go",
        "That takes an approval of its own, and the plan says so",
    ),
    Row("F19", "The disk is full or breaks", "It stops before the next call; no torn record"),
    Row("F20", "The store is damaged or old", "Seen at the start; changes are refused until it is reconciled"),
    Row("F21", "Two versions, a migration that stops", "Migrations are whole or not there; an old program refuses a newer store"),
    Row("F22", "Ctrl-C, SIGTERM, out of memory", "The step ends or parks; a second signal damages nothing"),
    Row("F23", "A consumer never moves", "Routine runs park; incident runs go on at their deadline"),
    Row(
        "F24",
        "The change must be taken back",
        "A suspension is undone within its time; after a revocation nothing is promised",
    ),
    Row("F25", "A dead key works again", "Asked again for months; its incident opens again and somebody is told"),
    Row(
        "F26",
        "Some of ten thousand fail",
        "Each stands alone; a run is not called done while one is not; exit codes tell apart",
    ),
    Row(
        "F27",
        "The provider has acted already",
        "Recognised and recorded as contained; the death is proven all the same",
    ),
    Row("F28", "Whom we tell is not there", "An outbox with an id for each message; it holds up nothing"),
)
