"""The wire: frames, their two encodings, and the sans-I/O connection machine; no I/O, no clock."""
