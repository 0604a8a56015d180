"""Two-phase commit: atomic, and blocked while the transaction manager is away."""
