"""Microsoft Azure: Entra client secrets, storage keys, shared access signatures, registry passwords.

Tokens of Azure DevOps are in azure_devops.py.
"""

from datetime import timedelta

from revoker.providers.azure import entra, storage
from revoker.sdk import (
    Action,
    Effect,
    Kind,
    Manual,
    OfflineCheck,
    OwnerCheck,
    Propagation,
    Provider,
    Read,
    Residual,
    checksum,
    example_value,
    guided,
    known_examples,
    no_safe_check,
)

ENTRA_DOCS = "https://learn.microsoft.com/graph/api/application-removepassword"
PRINCIPAL_DOCS = "https://learn.microsoft.com/graph/api/serviceprincipal-update"
STORAGE_DOCS = "https://learn.microsoft.com/azure/storage/common/storage-account-keys-manage"
SHARED_DOCS = "https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent"
SAS_DOCS = "https://learn.microsoft.com/azure/storage/common/storage-sas-overview"
REGISTRY_DOCS = "https://learn.microsoft.com/azure/container-registry/container-registry-authentication"
GRAPH_NEEDS = "Application.ReadWrite.OwnedBy (for own applications) or Application.ReadWrite.All"
ARM_NEEDS = "Microsoft.Storage/storageAccounts/listKeys/action, regenerateKey/action, read and write on the account"

ENTRA_ACTIONS = (
    Action("revoke", Effect.REVOKE, entra.remove, entra.bind_secret, GRAPH_NEEDS, ENTRA_DOCS, authority="graph_token"),
    Action(
        "suspend_principal",
        Effect.SUSPEND,
        entra.switch("suspend_principal", Effect.SUSPEND, enabled=False),
        entra.bind_principal,
        GRAPH_NEEDS,
        PRINCIPAL_DOCS,
        authority="graph_token",
        undo="restore_principal",
        observe=entra.is_switched(enabled=False),
        experimental=True,  # it stops every other secret and certificate of the application too
        confirm="disable a test application's principal, and see a new token refused",
    ),
    Action(
        "restore_principal",
        Effect.RESTORE,
        entra.switch("restore_principal", Effect.RESTORE, enabled=True),
        entra.bind_principal,
        GRAPH_NEEDS,
        PRINCIPAL_DOCS,
        authority="graph_token",
        undo="suspend_principal",
        observe=entra.is_switched(enabled=True),
        experimental=True,
        confirm="enable it again, and see a new token granted",
    ),
)
STORAGE_ACTIONS = (
    Action("rotate", Effect.ISSUE, storage.rotate, storage.bind, ARM_NEEDS, STORAGE_DOCS, authority="arm_token", replaces=True),
    Action(
        "suspend_keys",
        Effect.SUSPEND,
        storage.switch("suspend_keys", Effect.SUSPEND, allowed=False),
        storage.bind,
        ARM_NEEDS,
        SHARED_DOCS,
        authority="arm_token",
        undo="restore_keys",
        observe=storage.is_switched(allowed=False),
        experimental=True,  # it stops both keys and every signature of the account
        confirm="refuse shared keys on a test account, and see both keys and its signatures refused",
    ),
    Action(
        "restore_keys",
        Effect.RESTORE,
        storage.switch("restore_keys", Effect.RESTORE, allowed=True),
        storage.bind,
        ARM_NEEDS,
        SHARED_DOCS,
        authority="arm_token",
        undo="suspend_keys",
        observe=storage.is_switched(allowed=True),
        experimental=True,
        confirm="allow them again, and see the key accepted",
    ),
)


AZURITE = (
    "0011cc25eb4320717494d2703e8cba85743e71b500283c21c8b88147992f9059"  # the account key of Azure's emulator, which everybody has
)


OF_AN_APPLICATION = Manual(
    "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade",
    (
        "Open the application, Certificates & secrets.",
        "Add a new secret and hand it to its users; better, use a certificate or a federated credential.",
        (
            "Delete the secret that begins with the same three characters. When it is abused, disable the enterprise "
            "application too: tokens that it minted go on for an hour or more."
        ),
    ),
    notify="the application's owners",
)


def _key(id: str, title: str, pattern: str, *offline: OfflineCheck, ambiguous: bool = False) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        verify=storage.verify_key,
        docs=STORAGE_DOCS,
        identity="the account, which is the host's first label; a key has all rights on it",
        propagation=Propagation(timedelta(minutes=5)),
        manual=Manual(
            "https://portal.azure.com/#browse/Microsoft.Storage%2FStorageAccounts",
            (
                "Open the storage account, Access keys, and use Show to see which of the two keys leaked.",
                "Move its users to the other key; find the signatures (SAS) that it made, for they die with it.",
                "Rotate the leaked key.",
            ),
            notify="the subscription's owners",
        ),
        host_from="host",
        offline=(example_value, known_examples(AZURITE), *offline),
        actions=STORAGE_ACTIONS,
        irreversible_loss="every shared access signature that was made with the key",
        ambiguous=ambiguous,
    )


PROVIDER = Provider(
    id="azure",
    title="Microsoft Azure",
    hosts=(entra.GRAPH, storage.ARM),
    docs="https://learn.microsoft.com/azure/",
    reads=(Read(storage.LIST_KEYS),),
    obtain="Register an application with the right, then `az account get-access-token` for "
    "graph.microsoft.com and for management.azure.com.",
    authority={
        "graph_token": f"access token for Microsoft Graph with {GRAPH_NEEDS}",
        "arm_token": f"access token for Azure Resource Manager with {ARM_NEEDS}",
        "subscription": "the subscription whose storage accounts are searched",
    },
    kinds=(
        Kind(
            id="azure_entra_client_secret",
            title="Entra application client secret",
            pattern=r"[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}",
            verify=entra.verify,
            owner=OwnerCheck(entra.owned, "graph_token", "Application.Read.All"),
            docs=ENTRA_DOCS,
            check_needs="graph_token: Application.Read.All",
            identity="tenant and client id, which are the finding's own; a sign-in would tell more, and mints a token",
            propagation=Propagation(timedelta(minutes=10)),
            manual=OF_AN_APPLICATION,
            needs=("tenant", "client_id"),
            offline=(example_value,),
            actions=ENTRA_ACTIONS,
            residual=(
                Residual("access tokens that it minted", timedelta(minutes=90), ended_by="suspend_principal"),
                Residual("long-lived tokens for Microsoft Graph (continuous access)", timedelta(hours=24), "suspend_principal"),
            ),
            requests=2,
            account=lambda cred: cred.parts.get("tenant"),
            effects_of_check="none on the credential: Graph is read by the operator's own authority",
            irreversible_loss="a removed secret cannot be brought back",
        ),
        guided(
            "azure_entra_legacy_secret",
            "Entra application client secret of the old form",
            r"(?!.{3}\dQ~|[0-9a-fA-F]+\Z)[A-Za-z0-9_~.:/?=@+*\[\]-]{31,34}",
            docs=ENTRA_DOCS,
            why="a sign-in mints a token, and nothing in its form shows that the value is whole, as the list's first characters need",
            manual=OF_AN_APPLICATION,
            ambiguous=True,
            labels={"trufflehog": ("Azure",)},
            residual=(Residual("access tokens that it minted", timedelta(minutes=90)),),
        ),
        _key(
            "azure_storage_account_key",
            "Azure storage account key",
            r"[A-Za-z0-9+/]{76}\+ASt[A-Za-z0-9+/]{5}[AQgw]==",
            checksum(storage.right_sum(b"Default0")),
        ),
        _key("azure_storage_legacy_key", "Azure storage account key of the old form", r"[A-Za-z0-9+/]{86}==", ambiguous=True),
        Kind(
            id="azure_sas_token",
            title="Azure shared access signature",
            pattern=r"(?:https://[\w.-]{1,100}/[\w./%~-]{0,500})?\??(?:[a-z]{2,6}=[^&=\s]{1,200}&){2,20}"
            r"sig=[A-Za-z0-9%+/]{30,100}(?:=|%3[Dd])?(?:&[a-z]{2,6}=[^&=\s]{1,200}){0,20}",
            verify=no_safe_check,
            docs=SAS_DOCS,
            identity="what it opens stands in it: rights (sp), resource (sr, ss, srt), end (se), stored policy (si)",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                "https://portal.azure.com/#browse/Microsoft.Storage%2FStorageAccounts",
                (
                    "Azure keeps no list of signatures. With `si`: delete or shorten that stored access policy.",
                    "With `skoid`: revoke the account's user delegation keys, or take the principal's role away.",
                    "Else rotate the account key that made it: every other signature of that key dies too.",
                ),
                notify="the subscription's owners",
                proves="the policy, the delegation keys or the account key was changed, or the signature's end is over",
            ),
            offline=(example_value, storage.over),
        ),
        guided(
            "azure_entra_refresh_token",
            "Entra refresh token of a user",
            r"[01]\.A[A-Za-z0-9_-]{4,200}\.[A-Za-z0-9._-]{200,3000}",
            docs="https://learn.microsoft.com/graph/api/user-revokesigninsessions",
            why="an exchange makes an access token and another refresh token",
            manual=Manual(
                "https://entra.microsoft.com/#view/Microsoft_AAD_UsersAndTenants/UserManagementMenuBlade",
                (
                    "Find the user in the sign-in log of the leaked place, and open them.",
                    "Revoke sessions (POST /v1.0/users/{id}/revokeSignInSessions): all refresh tokens of the user end.",
                    "Access tokens that it made go on for an hour or more; disable the user when it is abused.",
                ),
                notify="the user, and the tenant's administrators",
                proves="the sign-in log shows that an exchange from before is refused (50173)",
            ),
            residual=(Residual("access tokens that it made", timedelta(minutes=90)),),
        ),
        Kind(
            id="azure_container_registry_key",
            title="Azure container registry password",
            pattern=r"[A-Za-z0-9+/]{42}\+ACR[A-Za-z0-9]{6}",
            verify=storage.verify_registry,
            docs=REGISTRY_DOCS,
            identity="registry and user name, which are the finding's own",
            propagation=Propagation(timedelta(minutes=10)),
            manual=Manual(
                "https://portal.azure.com/#browse/Microsoft.ContainerRegistry%2Fregistries",
                (
                    "Open the registry: Access keys for the admin user, Repository permissions, Tokens for a token.",
                    "Move its users to the other password.",
                    "Regenerate the leaked password; better, turn the admin user off.",
                ),
                notify="the subscription's owners",
            ),
            needs=("username",),
            host_from="host",
            offline=(example_value,),
        ),
    ),
)
