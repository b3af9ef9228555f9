"""One file per meter family: a payload becomes total active power in W."""
