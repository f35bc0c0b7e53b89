"""Racewash in pytest: the plugin is `plugin`, the decorators and what they need lie beside it.

Nothing is imported here: the decorators are there for commands too, which don't load pytest.
"""
