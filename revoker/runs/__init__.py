"""Plans, approvals and durable runs: all that may lead to a change at a provider."""
