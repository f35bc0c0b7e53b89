"""One self-contained HTML page of a stored run; reads stored results and nothing else."""
