"""The performance: capture, control, render thread, stage, recordings, command line. Importing this costs nothing."""
