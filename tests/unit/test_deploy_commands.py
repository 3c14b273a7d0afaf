"""deploy/, ray_cluster.yaml and the page on operations name only commands that exist."""

import re
from pathlib import Path

import pytest
from support.deploy import FILES, PAGE, code_of


@pytest.mark.parametrize("file", [*FILES, PAGE], ids=lambda file: file.name)
def test_commands_named_exist_with_their_options(file: Path) -> None:
    from streamhub.cluster.cli import cli

    for command, words in re.findall(r"(?:/|\s|'|`)streamhub ([a-z]+)([^\n;|&'`]*)", code_of(file)):
        found = cli.commands.get(command)
        assert found is not None, f"streamhub {command}"
        there = {option for parameter in found.params for option in parameter.opts}
        assert set(re.findall(r"(?<=\s)(--[a-z-]+)", words)) <= there, f"streamhub {command}"
