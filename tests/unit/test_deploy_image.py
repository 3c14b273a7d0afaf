"""The Dockerfile makes an image of all that is needed and no more. It is not built here."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from support.deploy import DEPLOY, ROOT, code_of


def test_the_dockerfile_has_no_finding() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    run = subprocess.run([linter, DEPLOY / "Dockerfile"], capture_output=True, text=True)
    assert (run.stdout, run.returncode) == ("", 0)


def instructions() -> Iterator[tuple[str, list[str]]]:
    text = re.sub(r"\\\n", " ", code_of(DEPLOY / "Dockerfile"))
    for line in filter(str.strip, text.splitlines()):
        word, *arguments = line.split()
        yield word, arguments


def copied() -> set[str]:
    """Sources of COPY that come from the repository."""
    return {
        source
        for word, arguments in instructions()
        if word == "COPY" and not any(a.startswith("--from=") for a in arguments)
        for source in [a for a in arguments if not a.startswith("--")][:-1]
    }


def test_the_image_is_made_of_all_that_the_package_is_made_of() -> None:
    assert all((ROOT / source).exists() for source in copied())
    linked = {path.name for path in (ROOT / "streamhub").iterdir() if path.is_symlink()}
    assert linked <= copied()


def test_the_builder_is_sent_what_is_copied_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == copied()


def test_the_image_runs_as_nobody_special_with_every_package_checked() -> None:
    words = list(instructions())
    assert ("USER", ["10001:10001"]) in words
    (install,) = [
        " ".join(a) for w, a in words if w == "RUN" and "requirements.lock" in " ".join(a)
    ]
    assert "--require-hashes" in install
    assert sum(word == "FROM" for word, _ in words) == 2
    assert any(word == "HEALTHCHECK" for word, _ in words)
