"""One file a vendor. Each holds one PROVIDER and imports revoker.sdk alone."""
