"""Campaigns: many sessions from one file, on many processes or machines, with results in one database."""
