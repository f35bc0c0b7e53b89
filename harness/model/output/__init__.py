"""What every command prints with --json: one dataclass a command, made by it, and checked by `decode` in tests.

A value absent from the output is null, never left out; `build` is the identity of the library that was used. Nothing is
imported here: a command waits for its own output alone.
"""
