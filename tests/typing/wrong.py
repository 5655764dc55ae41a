"""The five ways to cheat, each refused by the type checker. Never imported; test_typing.py checks this file.

Each line that must be refused says so with the error it gets. The checker also complains about an ignore that is not
needed, so a misuse that became possible fails the ordinary check of the tests as well.
"""

from revoker.sdk import Action, Binder, Bound, Credential, Effect, Kind, Manual, Propagation, Reader, Receipt, Verdict, Writer


async def verify(cred: Credential, api: Reader) -> Verdict:
    """What a check looks like."""
    raise NotImplementedError


async def revoke(bound: Bound, api: Writer) -> Receipt:
    """What a change looks like."""
    raise NotImplementedError


async def sends(cred: Credential, api: Reader) -> Verdict:
    """A check that changes something."""
    await api.send("DELETE", "/key")  # type: ignore[attr-defined]
    return await verify(cred, api)


async def wants_a_writer(cred: Credential, api: Writer) -> Verdict:
    """A check that asks for more than it may have."""
    return await verify(cred, api)


async def calls_a_change(cred: Credential, api: Reader, bound: Bound) -> Verdict:
    """A check that calls a change."""
    await revoke(bound, api)  # type: ignore[arg-type]
    return await verify(cred, api)


def kinds(manual: Manual, window: Propagation) -> list[Kind]:
    """A check that asks for a Writer, and a change registered as a check."""
    return [
        Kind("a", "A", "a", wants_a_writer, "", "", window, manual),  # type: ignore[arg-type]
        Kind("b", "B", "b", revoke, "", "", window, manual),  # type: ignore[arg-type]
    ]


def actions(bind: Binder) -> list[Action]:
    """A check registered as a change."""
    return [Action("revoke", Effect.REVOKE, verify, bind, "", "")]  # type: ignore[arg-type]
