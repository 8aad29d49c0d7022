"""Wrappers: providers around a provider, one concern each."""
