"""Readers and writers of pcap and pcapng files."""
