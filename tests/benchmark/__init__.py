"""What a person waits for: each phase from the shell, in a process of its own, beside a floor of the same hour."""
