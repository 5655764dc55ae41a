"""Segment: tokens of the Public API, in two regions, and write keys of sources. A dead token is refused with 403."""

from datetime import timedelta

from revoker.sdk import Kind, Manual, Propagation, Provider, dead, everywhere, example_value, identity_from, live, no_safe_check

DOCS = "https://www.twilio.com/docs/segment/api/public-api"
HOSTS = ("api.segmentapis.com", "eu1.api.segmentapis.com")

PROVIDER = Provider(
    id="segment",
    title="Segment",
    hosts=HOSTS,
    docs=DOCS,
    kinds=(
        Kind(
            id="segment_token",
            title="Segment Public API token",
            pattern=r"sgp_[A-Za-z0-9]{64}|[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{43}",
            verify=everywhere(
                HOSTS,
                "/",
                [live(200, has=["data.workspace"]), dead(403, has=["errors"])],
                identity=identity_from(account="data.workspace.slug", principal="data.workspace.name"),
            ),
            docs=DOCS,
            identity="the workspace",
            propagation=Propagation(timedelta(minutes=5)),
            requests=2,
            manual=Manual(
                url="https://app.segment.com/",
                steps=(
                    "Open Settings, Workspace settings, Access Management, Tokens.",
                    "Create a token with the same permissions, and hand it to its users.",
                    "Open the leaked one, Edit token, Remove token.",
                ),
                notify="the workspace's owners",
            ),
            offline=(example_value,),
            labels={"trufflehog": ("SegmentApiKey",)},
        ),
        Kind(
            id="segment_write_key",
            title="Segment write key",
            pattern=r"[A-Za-z0-9]{32}",
            ambiguous=True,
            verify=no_safe_check,
            effects_of_check="none: nothing is sent, for no call that takes it is harmless",
            docs="https://www.twilio.com/docs/segment/connections/find-writekey",
            identity="none: every call that takes it sends an event",
            propagation=Propagation(timedelta(minutes=30)),
            manual=Manual(
                url="https://app.segment.com/",
                steps=(
                    "Open Connections, Sources, the source, Settings, API keys.",
                    "Generate a new write key, and hand it to its users.",
                    "Remove the leaked one. (A key in a web page is public by design.)",
                ),
                notify="the source's owner; events may have been invented",
                proves="the page shows the leaked key no more",
            ),
            offline=(example_value,),
        ),
    ),
)
