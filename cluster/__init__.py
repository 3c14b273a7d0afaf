"""Composition root: Ray, settings, wiring, the command line. The only importer of ray."""
