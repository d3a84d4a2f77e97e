"""Policies, claims, reports, notices and the audit log."""
