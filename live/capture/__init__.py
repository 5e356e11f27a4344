"""The ears: a process of their own that owns the sound, and the shared memory it speaks through."""
