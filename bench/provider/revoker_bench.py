"""The provider of the benchmarks: one GET a credential, against bench/server.c."""

from datetime import timedelta

from revoker.sdk import Budget, Kind, Manual, Propagation, Provider, dead, live, probe

DOCS = "https://revoker.invalid/bench"


def kind(id: str, prefix: str, budget: Budget) -> Kind:
    """A kind that differs from the others in its budget alone."""
    return Kind(
        id=id,
        title=id,
        pattern=prefix + r"_[A-Z][0-9a-f]{31}",
        verify=probe("/check", [live(200, has=["id"]), dead(401, at="error", codes=["invalid_token"])]),
        docs=DOCS,
        identity="none",
        propagation=Propagation(timedelta(minutes=1)),
        budget=budget,
        manual=Manual(DOCS, ("Nothing to do.",)),
    )


PROVIDER = Provider(
    id="bench",
    title="Benchmark",
    hosts=("bench.invalid",),
    docs=DOCS,
    kinds=(
        kind("bench_token", "rvb", Budget(per_second=1_000_000, in_flight=1_000)),
        kind("bench_polite_token", "rvs", Budget(per_second=2, in_flight=16)),
        kind("bench_limited_token", "rvl", Budget(per_second=1_000_000, in_flight=64)),
    ),
)
