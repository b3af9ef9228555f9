"""Pure code: no sockets, files, clock, environment or logging."""
