"""DeepSeek: API keys. No API manages them."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, dead, example_value, live, probe

DOCS = "https://api-docs.deepseek.com/quick_start/error_codes"

PROVIDER = Provider(
    id="deepseek",
    title="DeepSeek",
    hosts=("api.deepseek.com",),
    docs="https://api-docs.deepseek.com/api/get-user-balance",
    kinds=(
        Kind(
            id="deepseek_api_key",
            title="DeepSeek API key",
            pattern=r"sk-[a-f0-9]{32}",
            ambiguous=True,  # other vendors' keys have the same form
            labels={
                "trufflehog": ("DeepSeek",),
                "kingfisher": ("kingfisher.deepseek.1", "betterleaks.deepseek-api-key"),
                "github": ("deepseek_api_key",),
            },
            verify=probe(
                "/user/balance",
                [
                    live(200, "no_quota", at="is_available", codes=["False"], has=["balance_infos"]),
                    live(200, has=["is_available", "balance_infos"]),
                    dead(401),
                    live(402, "no_quota"),
                ],
            ),
            docs=DOCS,
            identity="none: the answer holds the balance only",
            propagation=Propagation(timedelta(minutes=15)),
            manual=Manual(
                url="https://platform.deepseek.com/api_keys",
                steps=(
                    "Make a new key and hand it to its users.",
                    "Find the leaked key by its name and the characters that the list shows.",
                    "Delete it.",
                ),
                notify="the account's owner",
            ),
            offline=(example_value,),
        ),
    ),
)
