"""Certificates for links: what is wrong with them is said before anything starts."""

from pathlib import Path

import pytest
from support.certificates import Authority

from streamhub.config import ClusterSettings, SettingsError, load_settings
from streamhub.transport.link_tls import LinkTls

CERT, KEY, CA = (f"STREAMHUB_LINK_TLS_{part}" for part in ("CERT", "KEY", "CA"))


def refusal(settings: ClusterSettings) -> str:
    with pytest.raises(SettingsError) as refused:
        LinkTls.of(settings)
    return str(refused.value)


def test_without_settings_there_is_no_tls() -> None:
    assert LinkTls.of(ClusterSettings()) is None


def test_paths_start_at_the_folder_of_the_settings(tmp_path: Path) -> None:
    files = Authority(tmp_path / "ca").issue("ann")
    given = dict(zip((CERT, KEY, CA), (str(f.relative_to(tmp_path)) for f in files), strict=True))
    cluster = load_settings(given, cwd=tmp_path).cluster
    assert (cluster.link_tls_cert, cluster.link_tls_key, cluster.link_tls_ca) == files
    assert LinkTls.of(cluster) is not None


@pytest.mark.parametrize("given", [(CERT,), (CERT, KEY), (CA,)])
def test_all_three_are_set_or_none(given: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(dict.fromkeys(given, "x.pem"), cwd=tmp_path)
    missing = [name for name in (CERT, KEY, CA) if name not in given]
    assert str(refused.value).startswith(f"{' and '.join(missing)} must be set too")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("ann")
    files.key.unlink()
    assert refusal(
        ClusterSettings(link_tls_cert=files.cert, link_tls_key=files.key, link_tls_ca=files.ca)
    ) == (f"{KEY}: cannot read {files.key}: No such file or directory")


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("ann")
    wrong = tmp_path / "notes.txt"
    wrong.write_text("no certificate")
    settings = ClusterSettings(link_tls_cert=files.cert, link_tls_key=files.key, link_tls_ca=wrong)
    assert refusal(settings).startswith(f"{CA} ({wrong}) must hold certificates in PEM: ")
    settings = ClusterSettings(link_tls_cert=wrong, link_tls_key=files.key, link_tls_ca=files.ca)
    assert refusal(settings).startswith(f"{CERT} ({wrong}) must hold a certificate in PEM, and")


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ann, bob = authority.issue("ann"), authority.issue("bob")
    settings = ClusterSettings(link_tls_cert=ann.cert, link_tls_key=bob.key, link_tls_ca=ann.ca)
    assert f"and {KEY} ({bob.key}) its key" in refusal(settings)
