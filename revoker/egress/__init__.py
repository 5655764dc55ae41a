"""The only code that opens a socket: policy, budgets, reading, changing, Vault, databases."""
