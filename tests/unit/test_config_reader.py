"""Where a setting comes from, and what is refused with which words."""

import pickle
from pathlib import Path

import pytest

from streamhub.config import Secret, Settings, SettingsError, load_settings

KEY = "0123456789abcdef0123456789abcdef"


def refusal(
    environ: dict[str, str], tmp_path: Path, overrides: dict[str, object] | None = None
) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ, overrides=overrides, cwd=tmp_path)
    return str(caught.value)


def test_an_empty_environment_gives_the_defaults(tmp_path: Path) -> None:
    settings = load_settings({}, cwd=tmp_path)

    assert settings.server.port == 8080
    assert settings.database.url is None
    assert settings.server.data == tmp_path / ".streamhub"
    assert settings.edge == Settings().edge
    assert settings.sources == {}


def test_flags_come_before_environment_before_file_before_defaults(tmp_path: Path) -> None:
    (tmp_path / "streamhub.toml").write_text(
        '[server]\nport = 1001\nadmin_port = 1002\nhosts = 3\n[logging]\nlevel = "error"\n'
    )
    environ = {"STREAMHUB_PORT": "2001", "STREAMHUB_ADMIN_PORT": "2002"}

    settings = load_settings(environ, overrides={"port": 3001, "host": None}, cwd=tmp_path)

    assert settings.server.port == 3001
    assert settings.server.admin_port == 2002
    assert settings.server.hosts == 3
    assert settings.server.host == "127.0.0.1"
    assert settings.sources == {
        "server.port": "--port",
        "server.admin_port": "STREAMHUB_ADMIN_PORT",
        "server.hosts": str(tmp_path / "streamhub.toml"),
        "logging.level": str(tmp_path / "streamhub.toml"),
    }


def test_the_file_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("[server]\nport = 1001\n")

    assert load_settings({"STREAMHUB_CONFIG": "other.toml"}, cwd=tmp_path).server.port == 1001


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    text = refusal({"STREAMHUB_CONFIG": "gone.toml"}, tmp_path)

    assert text == (
        f"STREAMHUB_CONFIG: cannot read {tmp_path / 'gone.toml'}: No such file or directory"
    )


def test_an_empty_variable_is_absent(tmp_path: Path) -> None:
    assert load_settings({"STREAMHUB_PORT": ""}, cwd=tmp_path).server.port == 8080


def test_other_variables_are_none_of_our_business(tmp_path: Path) -> None:
    load_settings({"PATH": "/bin", "STREAM": "x", "streamhub_port": "x"}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("PORT", "http", "must be a port between 0 and 65535, not 'http'"),
        ("PORT", "65536", "must be a port between 0 and 65535, not '65536'"),
        ("PORT", "-1", "must be a port between 0 and 65535, not '-1'"),
        ("PORT", "٣", "must be a port between 0 and 65535, not '٣'"),
        ("HOST", "a b", "must be an IP address or a host name, not 'a b'"),
        ("HOSTS", "1.5", "must be a whole number, 0 to 256, not '1.5'"),
        ("JSON_LOGS", "maybe", "must be true or false, not 'maybe'"),
        ("LEASE_S", "nan", "must be a number of seconds, 0.2 to 600, not 'nan'"),
        ("LOG_LEVEL", "loud", "must be one of debug, info, warning, error, critical, not 'loud'"),
        ("ISSUER", "a b", "must be 1 to 64 printable ASCII characters without blanks, not 'a b'"),
        (
            "PUBLIC_URL",
            "https://a/b",
            "must be an origin like https://chat.example.com, without a path, not 'https://a/b'",
        ),
        ("AUTH_SECRET", "canary", "must be at least 32 bytes, not 6 bytes"),
        ("CLUSTER_SECRET", KEY[1:], "must be at least 32 bytes, not 31 bytes"),
        (
            "DATABASE_URL",
            "mysql://u:canary@h/d",
            "must be a URL like postgresql://user:password@host:5432/database,"
            " not mysql://u:***@h/d",
        ),
        (
            "S3_URL",
            "https://key:canary@h",
            "must be a URL like https://ACCESS:SECRET@host:9000/bucket?region=us-east-1,"
            " not https://key:***@h",
        ),
    ],
)
def test_an_error_names_variable_rule_and_value(
    variable: str, value: str, words: str, tmp_path: Path
) -> None:
    assert refusal({f"STREAMHUB_{variable}": value}, tmp_path) == f"STREAMHUB_{variable} {words}"


@pytest.mark.parametrize(
    "url",
    [
        "http://key:secret@127.0.0.1:9000/bucket",
        "https://key:secret@s3.example.com/my.bucket-1?region=eu-west-1",
    ],
)
def test_object_urls_have_keys_and_a_bucket(url: str, tmp_path: Path) -> None:
    assert load_settings({"STREAMHUB_S3_URL": url}, cwd=tmp_path).objects.url == Secret(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://key:secret@h:9000/",
        "http://key:secret@h:9000/Bucket",
        "http://key:secret@h:9000/bucket/deeper",
        "http://key:secret@h:99999/bucket",
        "http://h:9000/bucket",
        "http://key:secret@h/bucket?zone=1",
        "s3://key:secret@h/bucket",
    ],
)
def test_other_object_urls_are_refused(url: str, tmp_path: Path) -> None:
    assert "STREAMHUB_S3_URL must be" in refusal({"STREAMHUB_S3_URL": url}, tmp_path)


def test_origins_are_a_list(tmp_path: Path) -> None:
    given = {"STREAMHUB_ALLOWED_ORIGINS": "https://a.example, http://localhost:3000"}

    origins = load_settings(given, cwd=tmp_path).edge.allowed_origins

    assert origins == ("https://a.example", "http://localhost:3000")


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "a.example", "https://A.example", "https://a.example/", "https://a.example:443"],
)
def test_an_origin_that_no_browser_sends_is_refused(origin: str, tmp_path: Path) -> None:
    text = refusal({"STREAMHUB_ALLOWED_ORIGINS": f"https://b.example,{origin}"}, tmp_path)

    assert "exactly as browsers send them" in text


def test_unknown_names_fail_with_the_nearest_known_one(tmp_path: Path) -> None:
    assert refusal({"STREAMHUB_PROT": "1"}, tmp_path) == (
        "STREAMHUB_PROT is no setting; the nearest is STREAMHUB_PORT"
    )
    assert refusal({}, tmp_path, {"prot": 1}) == "prot is no setting; the nearest is port"

    file = tmp_path / "streamhub.toml"
    file.write_text("[sever]\nport = 1\n")
    assert refusal({}, tmp_path) == f"sever in {file} is no setting; the nearest is server"
    file.write_text("[server]\nprot = 1\n")
    assert refusal({}, tmp_path) == (
        f"server.prot in {file} is no setting; the nearest is server.port"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[server]\nport = true\n", "server.port in {} must be a port between 0 and 65535"),
        ("[server]\nport = [1]\n", "must be a port between 0 and 65535, not a list"),
        ("[server]\nport = 1979-05-27\n", "must be a port between 0 and 65535, not a date"),
        ("[edge]\nallowed_origins = [1]\n", "exactly as browsers send them"),
        ("server = 1\n", "server in {} must be a table [server], not 1"),
        ("[server\n", "{} is not valid TOML"),
    ],
)
def test_the_file_is_checked_like_the_environment(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "streamhub.toml"
    file.write_text(text)

    assert words.format(file) in refusal({}, tmp_path)


def test_a_list_in_the_file_is_a_list(tmp_path: Path) -> None:
    (tmp_path / "streamhub.toml").write_text(
        '[edge]\nallowed_origins = ["https://a.example", "https://b.example"]\n'
    )

    assert len(load_settings({}, cwd=tmp_path).edge.allowed_origins) == 2


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")

    settings = load_settings({"STREAMHUB_AUTH_SECRET_FILE": "key"}, cwd=tmp_path)

    assert settings.auth.secret is not None
    assert settings.auth.secret.reveal() == KEY
    assert settings.sources["auth.secret"] == "STREAMHUB_AUTH_SECRET_FILE"


def test_a_secret_file_is_checked_and_named(tmp_path: Path) -> None:
    path = tmp_path / "key"
    given = {"STREAMHUB_AUTH_SECRET_FILE": str(path)}
    assert refusal(given, tmp_path) == (
        f"STREAMHUB_AUTH_SECRET_FILE: cannot read {path}: No such file or directory"
    )

    path.write_text("short")
    assert refusal(given, tmp_path) == (
        f"STREAMHUB_AUTH_SECRET_FILE ({path}) must be at least 32 bytes, not 5 bytes"
    )


def test_a_secret_and_its_file_exclude_each_other(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    given = {"STREAMHUB_AUTH_SECRET_FILE": "key", "STREAMHUB_AUTH_SECRET": KEY}

    assert refusal(given, tmp_path) == (
        "STREAMHUB_AUTH_SECRET and STREAMHUB_AUTH_SECRET_FILE are both set: remove one"
    )


def test_what_is_no_secret_has_no_file(tmp_path: Path) -> None:
    assert "STREAMHUB_PORT_FILE is no setting" in refusal({"STREAMHUB_PORT_FILE": "x"}, tmp_path)


def test_a_lease_must_end_before_a_host_counts_as_dead(tmp_path: Path) -> None:
    assert refusal({"STREAMHUB_LEASE_S": "5"}, tmp_path).startswith(
        "STREAMHUB_LEASE_S must be less than STREAMHUB_HOST_DEAD_AFTER_S (5.0), not 5.0"
    )


def test_both_ports_may_be_picked_but_not_be_the_same(tmp_path: Path) -> None:
    load_settings({"STREAMHUB_PORT": "0", "STREAMHUB_ADMIN_PORT": "0"}, cwd=tmp_path)

    assert "must be another port" in refusal({"STREAMHUB_PORT": "8081"}, tmp_path)


def test_settings_travel_by_pickle(tmp_path: Path) -> None:
    settings = load_settings({"STREAMHUB_AUTH_SECRET": KEY}, cwd=tmp_path)

    assert pickle.loads(pickle.dumps(settings)) == settings
