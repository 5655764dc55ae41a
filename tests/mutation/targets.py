"""What is mutated, and the tests that are to notice."""

from __future__ import annotations

TARGETS: dict[str, tuple[str, ...]] = {
    "revoker/sdk/answers.py": ("tests/providers/test_answers.py", "tests/providers/test_sdk.py"),
    "revoker/sdk/lists.py": (
        "tests/providers/test_receipts_and_lists.py",
        "tests/providers/test_sdk.py",
        "tests/providers/test_binding.py",
    ),
    "revoker/sdk/ready.py": (
        "tests/providers/test_receipts_and_lists.py",
        "tests/providers/test_sdk.py",
        "tests/providers/test_binding.py",
    ),
    "revoker/lifecycle.py": ("tests/test_lifecycle.py",),
    "revoker/doubt.py": ("tests/test_doubt.py",),
    "revoker/gate.py": ("tests/test_gate.py",),
    "revoker/runs/planned.py": ("tests/runs/test_planned.py", "tests/runs/test_pairs.py"),
    "revoker/runs/approve.py": ("tests/runs/test_approval_rules.py", "tests/runs/test_emergency.py"),
    "revoker/sshsig.py": ("tests/runs/test_sshsig_forms.py", "tests/runs/test_sshsig.py"),
    "revoker/statements.py": ("tests/store/test_statements.py",),
    "revoker/audit/chain.py": ("tests/store/test_chain.py", "tests/store/test_audit.py", "tests/store/test_anchors.py"),
    "revoker/audit/anchors.py": ("tests/store/test_anchor_file.py", "tests/store/test_anchors.py"),
    "revoker/audit/__init__.py": ("tests/store/test_audit.py", "tests/store/test_anchors.py"),
    "revoker/owned.py": ("tests/test_owned.py", "tests/runs/test_owned.py"),
    "revoker/runs/apply.py": ("tests/runs/test_apply.py", "tests/runs/test_approvals.py"),
    "revoker/runs/digests.py": ("tests/runs/test_digests.py",),
    "revoker/store/plans.py": ("tests/store/test_plans.py",),
    "revoker/runs/facts.py": ("tests/runs/test_facts.py",),
    "revoker/runs/remembered.py": ("tests/runs/test_remembered.py",),
    "revoker/suspended.py": ("tests/runs/test_suspended.py", "tests/runs/test_remembered.py"),
}
