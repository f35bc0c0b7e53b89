"""Real threads in supervised worker processes: whatever a worker does, it ends as figures or as a finding.

Nothing is imported here: each worker starts below this package, and would wait for the supervisor's modules.
"""
