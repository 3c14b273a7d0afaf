"""SQL that is too long for a module's top, and the migrations."""
