"""What can go wrong with an embedded server; the text says what, where, and what to do."""


class EmbeddedServerError(RuntimeError):
    """An embedded server cannot be started or does not answer."""


class FolderInUse(EmbeddedServerError):
    """Another process runs its server in this folder."""
