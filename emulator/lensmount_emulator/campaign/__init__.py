"""Campaigns: many sessions from one file, their results in one database, on many processes or machines."""
