"""Private keys: SSH, TLS, apps. They have no provider; the operator names the places where they could open something.

`[keys]` names authorized_keys files, SSH accounts, certificates and TLS servers; `[authority.keys]` the tokens that may look at
GitHub, GitLab and Vault's PKI engine. A PEM key may be any of the three, so every kind is asked about everywhere.
"""

from datetime import timedelta

from revoker.providers.keys import pki
from revoker.providers.keys.forges import (
    GITHUB,
    GITHUB_TOKEN,
    GITLAB,
    GITLAB_TOKEN,
    bind_at,
    delete_at,
    gone_from,
    on_github,
    on_gitlab,
)
from revoker.providers.keys.places import malformed, verify
from revoker.sdk import (
    Action,
    Budget,
    Effect,
    Kind,
    Manual,
    Propagation,
    Provider,
    Residual,
    no_safe_check,
    public_facts,
)

SSH_DOCS = "https://www.rfc-editor.org/rfc/rfc4252#section-7"
TLS_DOCS = "https://www.rfc-editor.org/rfc/rfc5280"
PGP_DOCS = "https://www.rfc-editor.org/rfc/rfc9580"
KRL_DOCS = "https://man.openbsd.org/ssh-keygen#KEY_REVOCATION_LISTS"
PKI_DOCS = "https://openbao.org/api-docs/secret/pki/"
BODY = r"(?:[A-Za-z0-9+/=]{1,76}\n)+"
HEADERS = r"(?:[A-Za-z-]{1,40}: [^\n]{1,200}\n)*\n?"
SESSIONS = Residual(
    "SSH sessions that are open now", None, "a person on each host (pkill -KILL -u USER, or loginctl terminate-user)"
)
COPIES = Residual("what was read or signed with it, and keys that it was used to plant", None, "a person, from the hosts' logs")

FORGES = (
    Action(
        "delete_github_key",
        Effect.REVOKE,
        delete_at("delete_github_key", GITHUB),
        bind_at(GITHUB, GITHUB_TOKEN, on_github),
        "write:public_key for the token's own keys, admin of the repository for its deploy keys",
        "https://docs.github.com/en/rest/deploy-keys/deploy-keys#delete-a-deploy-key",
        authority=GITHUB_TOKEN,
        observe=gone_from(on_github),
    ),
    Action(
        "delete_gitlab_key",
        Effect.REVOKE,
        delete_at("delete_gitlab_key", GITLAB),
        bind_at(GITLAB, GITLAB_TOKEN, on_gitlab),
        "scope api: an administrator's token finds every key, a maintainer's the deploy keys of `gitlab_projects`",
        "https://docs.gitlab.com/api/deploy_keys/#delete-deploy-key",
        authority=GITLAB_TOKEN,
        observe=gone_from(on_gitlab),
    ),
)
REVOKE_CERTIFICATE = Action(
    "revoke_certificate",
    Effect.REVOKE,
    pki.revoke,
    pki.bind,
    "update on PKI/revoke-with-key, read on PKI/cert/*, list on PKI/certs",
    f"{PKI_DOCS}#revoke-certificate-with-private-key",
    authority=pki.AUTHORITY,
    observe=pki.observe,
)
SSH_STEPS = (
    "Take its line out of every authorized_keys file: grep -rF 'AAAA...' over the hosts; `revoker show` names the places that took it.",
    "Where keys cannot be taken out at once: ssh-keygen -k -u -f FILE KEY.pub adds it to the list of revoked keys that RevokedKeys in sshd_config names.",
    "Delete it at the forges (GitHub and GitLab: user keys, deploy keys) where it is registered.",
    "End the sessions that it opened, and look for keys that were added since.",
)
TLS_STEPS = (
    "Issue a new certificate over a new key, put it on every server and load balancer, and restart them.",
    "Have the old certificate revoked at its authority for keyCompromise: in the authority's console, or by ACME with the key itself (certbot revoke --cert-path CERT --key-path KEY --reason keycompromise).",
    "A private key of a GitHub App: in the app's settings generate a new one, deploy it, delete the old one (no API does it).",
    "If it is an SSH key in the older form: take it out of authorized_keys and of the forges.",
)
LATER = Propagation(
    timedelta(minutes=5), source="sshd reads authorized_keys at each login; a copied inventory lags behind, our margin"
)


def _kind(id: str, title: str, pattern: str, steps: tuple[str, ...], url: str, notify: str, actions: tuple[Action, ...]) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=verify,
        docs=SSH_DOCS if id == "ssh_private_key" else TLS_DOCS,
        identity="every place that takes it; the fingerprint, type, length and comment are read offline",
        check_needs="no right; with github_token, gitlab_token and vault_token it also reads key lists, deploy keys and certificates there",
        propagation=LATER,
        manual=Manual(
            url,
            steps,
            notify,
            "every place that took the key refuses it: the hosts' own answers and the certificates' state, asked again",
        ),
        offline=(malformed,),
        actions=actions,
        residual=(SESSIONS, COPIES),
        budget=Budget(per_second=5, in_flight=4),
        requests=20,
        derived=public_facts,
        only_named_places=True,
        effects_of_check="a line in each SSH server's log (a public key was offered, no login); a TLS handshake; lists read at the forges",
        irreversible_loss="a key that is deleted at a forge, and a certificate that is revoked, cannot be brought back",
    )


PROVIDER = Provider(
    id="keys",
    title="Private keys (SSH, TLS, apps)",
    hosts=(GITHUB, GITLAB),
    operator_hosts=(pki.VAULT,),
    docs=SSH_DOCS,
    authority={
        GITHUB_TOKEN: "a token that may list (and delete) keys at GitHub: your own, and deploy keys of the named repositories",
        "github_repositories": "the repositories whose deploy keys are looked through (owner/name, with blanks between)",
        "github_users": "the users whose public keys are looked through (read only)",
        "github_apps": "the client ids of your GitHub Apps: is the key one of theirs?",
        GITLAB_TOKEN: "a token that may list (and delete) keys at GitLab; an administrator's finds every one by its fingerprint",
        "gitlab_projects": "the projects whose deploy keys are looked through (ids, or group/name), without an administrator's token",
        pki.AUTHORITY: "a Vault or OpenBao token for the PKI engine at [endpoints.keys] vault",
        "pki_mount": "the mount of that engine (pki)",
    },
    obtain="GitHub: a fine-grained token with read access to the repositories' administration and your own git SSH keys (write to delete). "
    "GitLab: a token with scope read_api (api to delete), an administrator's to find every key. "
    "Vault: a policy with list on PKI/certs, read on PKI/cert/*, update on PKI/revoke-with-key.",
    kinds=(
        _kind(
            "ssh_private_key",
            "SSH private key (OpenSSH)",
            rf"-----BEGIN OPENSSH PRIVATE KEY-----\n{BODY}-----END OPENSSH PRIVATE KEY-----",
            SSH_STEPS,
            KRL_DOCS,
            "the owner of the key (its comment), and of the hosts that take it",
            FORGES,
        ),
        _kind(
            "tls_private_key",
            "Private key in PEM form (TLS, app or SSH)",
            rf"-----BEGIN (?P<form>(?:(?:RSA|EC|DSA|ENCRYPTED) )?PRIVATE KEY)-----\n{HEADERS}{BODY}-----END (?P=form)-----",
            TLS_STEPS,
            "https://www.rfc-editor.org/rfc/rfc8555#section-7.6",
            "the owner of the servers in the certificate's names; the certificate authority",
            (REVOKE_CERTIFICATE, *FORGES),
        ),
        Kind(
            id="pgp_private_key",
            title="OpenPGP private key",
            pattern=rf"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{HEADERS}{BODY}-----END PGP PRIVATE KEY BLOCK-----",
            verify=no_safe_check,
            docs=PGP_DOCS,
            identity="none: no server takes part; gpg --show-keys FILE names its owner",
            propagation=Propagation(timedelta(days=1), source="key servers exchange their data within hours; our margin"),
            manual=Manual(
                "https://www.gnupg.org/documentation/manuals/gnupg/OpenPGP-Key-Management.html",
                (
                    "Make a revocation certificate (gpg --gen-revoke KEYID), import it, and publish the key with it: gpg --send-keys KEYID.",
                    "Where it signed packages, tags or releases: publish the new key, sign them again, and withdraw the old key there.",
                    "Decrypt and encrypt again what was encrypted to it: a revocation does not close what was sent already.",
                ),
                "the owner of the key; everybody who verifies signatures with it",
                "a key server shows the key as revoked; a person confirms it",
            ),
            budget=Budget(per_second=1, in_flight=1),
            effects_of_check="none: it is not asked",
        ),
    ),
)
