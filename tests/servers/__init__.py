"""Servers that only tests need, each as its own process on free ports of this machine."""
