"""Exports of a dialect's declarations for other programs: C, Wireshark, sigrok, Saleae, Kaitai, JSON and Markdown."""
