"""Readers and writers of logic-analyser files, and UART decoding of their lines."""
