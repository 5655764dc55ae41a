"""Where in Vault leaked values stand, and who read them there."""
