"""RabbitMQ: users by their AMQP URI. A login goes over AMQP, changes go through the management API."""

from datetime import timedelta

from revoker.providers.rabbitmq.login import verify
from revoker.providers.rabbitmq.users import AUTHORITY, NEEDS, by_hash, choose, end_sessions, named, put, rights, stored_is
from revoker.sdk import Action, Budget, Effect, Kind, Manual, Propagation, Provider, Residual, example_value

DOCS = "https://www.rabbitmq.com/docs/access-control"
API_DOCS = "https://www.rabbitmq.com/docs/http-api-reference"
HASH_DOCS = "https://www.rabbitmq.com/docs/passwords"

PROVIDER = Provider(
    id="rabbitmq",
    title="RabbitMQ",
    hosts=(),
    docs="https://www.rabbitmq.com/docs",
    authority={AUTHORITY: f"the password of {NEEDS}", "user": "the name of that user"},
    obtain="rabbitmqctl add_user rotator, and rabbitmqctl set_user_tags rotator administrator; it needs no right in any virtual host",
    check_authority=rights,
    kinds=(
        Kind(
            id="amqp_uri",
            title="RabbitMQ login (AMQP URI)",
            pattern=r"amqps?://(?P<user>[^:@/\s]{1,256}):[^@/\s]{1,1024}@\[?(?P<host>[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45})\]?"
            r"(?::(?P<port>\d{1,5}))?(?:/(?P<vhost>[^/?#\s]{0,256}))?(?:\?\S{0,512})?",
            verify=verify,
            docs=DOCS,
            identity="the user; its tags, where [endpoints] rabbitmq names the management API",
            propagation=Propagation(timedelta(minutes=1), source="a new password holds at once for new logins"),
            manual=Manual(
                url="https://www.rabbitmq.com/docs/man/rabbitmqctl.8",
                steps=(
                    "On a node: rabbitmqctl change_password USER, and give the new one on standard input.",
                    "Close what is open: rabbitmqctl close_all_user_connections USER 'leaked password'.",
                    "Look for queues, bindings, shovels and users that were made with it: rabbitmqctl list_users, list_bindings.",
                ),
                notify="the owner of the broker",
            ),
            needs=("user", "host"),
            proves_pair=True,
            requests=2,
            offline=(example_value,),
            actions=(
                Action(
                    "change_password",
                    Effect.ISSUE,
                    put("change_password", Effect.ISSUE, "chosen"),
                    by_hash(),
                    NEEDS,
                    API_DOCS,
                    authority=AUTHORITY,
                    replaces=True,
                    choose=choose,
                    observe=stored_is(gone=True),
                ),
                Action(
                    "clear_password",
                    Effect.REVOKE,
                    put("clear_password", Effect.REVOKE, "none"),
                    by_hash(),
                    NEEDS,
                    HASH_DOCS,
                    authority=AUTHORITY,
                    observe=stored_is(gone=True),
                ),
                Action(
                    "suspend",
                    Effect.SUSPEND,
                    put("suspend", Effect.SUSPEND, "none"),
                    by_hash(),
                    NEEDS,
                    HASH_DOCS,
                    authority=AUTHORITY,
                    undo="restore",
                    observe=stored_is(shut=True),
                ),
                Action(
                    "restore",
                    Effect.RESTORE,
                    put("restore", Effect.RESTORE, "leaked"),
                    by_hash(suspended=True),
                    NEEDS,
                    HASH_DOCS,
                    authority=AUTHORITY,
                    undo="suspend",
                    observe=stored_is(),
                ),
                Action(
                    "end_sessions",
                    Effect.END_SESSIONS,
                    end_sessions,
                    named,
                    NEEDS,
                    API_DOCS,
                    authority=AUTHORITY,
                ),
            ),
            residual=(Residual("connections that are open now", None, "end_sessions"),),
            budget=Budget(per_second=2, in_flight=2),
            host_from="host",
            effects_of_check="one login, written to the broker's log; a refused one as an error",
            irreversible_loss="the user keeps its rights and has no password until somebody sets one",
        ),
    ),
)
