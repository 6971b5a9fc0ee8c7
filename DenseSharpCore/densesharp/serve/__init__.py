"""Sharing a GPU between readers, and running many CTs: server, torch-free client, cohorts."""
