"""Rules between body and lens: the engine, the byte table, and the relay between two joints."""
