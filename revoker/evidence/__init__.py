"""The evidence pack: an incident's plan, approvals, receipts, verdicts and audit extract in one signed archive, with its own verifier."""
