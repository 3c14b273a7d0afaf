"""Templates of the pages on the admin port."""
