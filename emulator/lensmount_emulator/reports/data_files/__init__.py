"""Data files of traffic: tables, and traces for Perfetto."""
