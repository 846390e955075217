"""The benchmarks: ours and the peers, interleaved in one run; `python -m benchmarks` with `tests` on the path."""
