"""The appliance's services: one module a process, one loop a module."""

__version__ = "0.1.0"
