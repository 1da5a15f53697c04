"""What is kept of every act on personal data: the audit log, its anchors, and requests under way."""
