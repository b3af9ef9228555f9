"""One outside thing, one file, the only importer of its library."""
