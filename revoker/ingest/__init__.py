"""Reports of secret scanners, and plain lists, into the store. Nothing here opens a socket or changes a provider."""

from revoker.ingest.formats import FORMATS, read_report, sniff
from revoker.ingest.load import IngestResult, ingest
from revoker.ingest.problems import Problems

__all__ = ["FORMATS", "IngestResult", "Problems", "ingest", "read_report", "sniff"]
