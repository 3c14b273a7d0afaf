"""One file per step of the schema; applied in the order of their names, never edited."""
