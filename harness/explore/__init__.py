"""Scheduled runs in batches: every choice is a seeded strategy's, so that whatever is found can be seen again.

Nothing is imported here: each worker starts below this package, and would wait for the supervisor's modules.
"""
