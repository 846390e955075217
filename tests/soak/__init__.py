"""Long live sessions over a pseudo-terminal and over TCP: no byte lost, memory flat, jitter printed."""
