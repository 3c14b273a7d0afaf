"""Values, rules, errors and store ports; no I/O."""
