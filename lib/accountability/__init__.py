"""Records of every action on personal data: the audit log, its anchors, and open requests."""
