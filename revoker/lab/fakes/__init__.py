"""Fake providers that keep state: keys can be listed, made, disabled and deleted, and a change takes a while to be felt."""

from revoker.lab.fakes.book import Book, FakeKey
from revoker.lab.fakes.start import VENDORS, Fake, fakes

__all__ = ["VENDORS", "Book", "Fake", "FakeKey", "fakes"]
