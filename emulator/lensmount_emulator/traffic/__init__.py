"""Decoded traffic as data: columns, tables, field values, inferred states, and the filter of events."""
