"""SQL that is too long for the top of a module, and the migrations."""

from importlib import resources


def load(name: str) -> str:
    """The text of `name`.sql in this folder."""
    return resources.files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
