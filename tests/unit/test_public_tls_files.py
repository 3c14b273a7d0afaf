"""The certificate of the public port: what is wrong with it is said before anything starts."""

from pathlib import Path

import pytest
from support.certificates import Authority

from streamhub.config import ServerSettings, SettingsError, load_settings
from streamhub.transport.public_tls import CERT, KEY, PublicTls


def refusal(settings: ServerSettings) -> str:
    with pytest.raises(SettingsError) as refused:
        PublicTls.of(settings)
    return str(refused.value)


def test_without_settings_there_is_no_tls() -> None:
    assert PublicTls.of(ServerSettings()) is None


def test_paths_start_at_the_folder_of_the_settings(tmp_path: Path) -> None:
    files = Authority(tmp_path / "ca").issue("ann")
    given = {CERT: "ca/ann.pem", KEY: "ca/ann.key"}
    server = load_settings(given, cwd=tmp_path).server
    assert (server.tls_cert, server.tls_key) == (files.cert, files.key)
    assert PublicTls.of(server) is not None


@pytest.mark.parametrize(("given", "missing"), [(CERT, KEY), (KEY, CERT)])
def test_both_are_set_or_none(given: str, missing: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"^{missing} must be set too"):
        load_settings({given: "x.pem"}, cwd=tmp_path)


def test_unfit_files_are_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ann, bob = authority.issue("ann"), authority.issue("bob")
    wrong = tmp_path / "notes.txt"
    assert refusal(ServerSettings(tls_cert=ann.cert, tls_key=wrong)) == (
        f"{KEY}: cannot read {wrong}: No such file or directory"
    )
    wrong.write_text("no certificate")
    assert refusal(ServerSettings(tls_cert=wrong, tls_key=ann.key)).startswith(
        f"{CERT} ({wrong}) must hold a certificate in PEM, and {KEY}"
    )
    mismatched = ServerSettings(tls_cert=ann.cert, tls_key=bob.key)
    assert f"and {KEY} ({bob.key}) its key" in refusal(mismatched)
