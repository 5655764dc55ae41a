"""NVIDIA NGC and NIM: API keys. The list of models is public and proves nothing; the caller-info endpoint knows the key."""

from datetime import timedelta

from revoker.sdk import (
    Credential,
    Kind,
    Manual,
    Propagation,
    Provider,
    Read,
    Reader,
    Verdict,
    Verifier,
    dead,
    declares,
    example_value,
    identity_from,
    judge,
    live,
    no_safe_check,
)

DOCS = "https://docs.nvidia.com/ngc/latest/ngc-user-guide.html"
CALLER = "/v3/keys/get-caller-info"  # a POST that only reads
ANSWERS = (live(200, has=["user"]), dead(401))
whoami = identity_from(principal="user.email")


@declares(*ANSWERS)
async def verify(cred: Credential, api: Reader) -> Verdict:
    """Ask whose key it is. A service key may be answered in another way, which decides nothing."""
    return judge(await api.query(CALLER, form={"credentials": cred.secret}), ANSWERS, api.now, whoami)


def _kind(
    id: str, title: str, pattern: str, labels: dict[str, tuple[str, ...]], check: Verifier, who: str, *, ambiguous: bool = False
) -> Kind:
    return Kind(
        id=id,
        title=title,
        pattern=pattern,
        ambiguous=ambiguous,
        labels=labels,
        verify=check,
        docs=DOCS,
        identity=who,
        propagation=Propagation(timedelta(minutes=15)),
        manual=Manual(
            url="https://org.ngc.nvidia.com/setup/api-keys",
            steps=(
                "Find the key here, or at build.nvidia.com under Settings, API keys.",
                "Rotate it and hand the new value to its users, or make another key and delete the leaked one.",
                "An organisation's owner or user admin can revoke the keys of others.",
            ),
            notify="the key's owner",
            proves="revoker verifies the key again and sees it refused; for a key without a check, the owner's word",
        ),
        offline=(example_value,),
    )


PROVIDER = Provider(
    id="nvidia",
    title="NVIDIA NGC",
    hosts=("api.ngc.nvidia.com",),
    docs=DOCS,
    reads=(Read(CALLER, form=("credentials",)),),
    kinds=(
        _kind(
            "nvidia_api_key",
            "NVIDIA API key",
            r"nvapi-[A-Za-z0-9_-]{60,70}",
            {"kingfisher": ("betterleaks.nvidia-api-key",)},
            verify,
            "the owner's e-mail, for a personal key",
        ),
        _kind(
            "nvidia_legacy_key",
            "NVIDIA NGC API key (legacy)",
            r"[A-Za-z0-9]{84}",
            {"other": ("nvidia_legacy_key",)},
            no_safe_check,
            "none: the only check of this form mints a token, and is not used",
            ambiguous=True,
        ),
    ),
)
