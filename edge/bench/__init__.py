"""Benchmarks: they print and store what this machine does, and judge nothing."""
