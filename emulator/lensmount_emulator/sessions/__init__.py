"""Sessions: engines, links and a clock combined in virtual time, in real time, or against a recording."""
