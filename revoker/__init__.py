"""revoker: from a scan report to proof that every leaked credential is dead."""

__version__ = "0.1.0"
