"""The command line: one small module per command; nothing imports it."""
