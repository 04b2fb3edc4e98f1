"""The load of the call's benchmarks: a recorded stream, lean ends that replay it, servers that forward it."""
