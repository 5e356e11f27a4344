"""Stand-ins for a sound card and a screen, for benchmarks and tests: a private sound server, a virtual display."""
