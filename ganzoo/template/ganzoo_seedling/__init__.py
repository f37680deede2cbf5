"""A plugin for ganzoo: say here what the idea is."""
