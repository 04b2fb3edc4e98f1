"""What the service is about: values and rules. No I/O, no clock, no randomness."""
