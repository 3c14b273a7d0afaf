"""The one reader of environment, file and flags."""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from streamhub.config.catalogue import CONFIG_VARIABLE, GROUPS, KNOWN, PREFIX, Known
from streamhub.config.settings import Settings

DEFAULT_FILE: Final = "streamhub.toml"


class SettingsError(Exception):
    """A setting is unknown or breaks its rule; the text names it, its value and the rule."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A value somebody gave. `where` names it in errors, `source` in the listing."""

    known: Known
    value: object
    where: str
    source: str


def load_settings(
    environ: Mapping[str, str],
    *,
    overrides: Mapping[str, object] | None = None,
    cwd: Path,
) -> Settings:
    """The effective settings: flags over environment over file over defaults.

    `overrides` holds command-line flags under the lower-case name of the variable without its
    prefix (`port`, `json_logs`); None means the flag was not given. An empty variable counts as
    absent. The file is STREAMHUB_CONFIG, else `streamhub.toml` in `cwd` if there is one; relative
    paths start at `cwd`. Raises SettingsError.
    """
    values: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    sources: dict[str, str] = {}
    given = (
        *_from_file(environ, cwd),
        *_from_environment(environ, cwd),
        *_from_flags(overrides or {}),
    )
    for item in given:  # in rising order of precedence
        value = _checked(item)
        values[item.known.group][item.known.name] = (
            cwd / value if isinstance(value, Path) else value
        )
        sources[item.known.key] = item.source
    groups: dict[str, Any] = {group: cls(**values[group]) for group, cls in GROUPS.items()}
    groups["server"] = replace(groups["server"], data=cwd / groups["server"].data)
    settings = Settings(**groups, sources=sources)
    _check_together(settings)
    return settings


def _from_flags(overrides: Mapping[str, object]) -> Iterator[_Given]:
    by_flag = {known.flag: known for known in KNOWN}
    for name, value in overrides.items():
        if name not in by_flag:
            raise SettingsError(_unknown(name, by_flag))
        flag = f"--{name.replace('_', '-')}"
        if value is not None:
            yield _Given(by_flag[name], value, flag, flag)


def _from_environment(environ: Mapping[str, str], cwd: Path) -> Iterator[_Given]:
    direct = {known.variable: known for known in KNOWN}
    by_file = {known.file_variable: known for known in KNOWN if known.file_variable}
    names = {CONFIG_VARIABLE, *direct, *by_file}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX):
            continue
        if variable not in names:
            raise SettingsError(_unknown(variable, names))
        if not text or variable == CONFIG_VARIABLE:
            continue
        if known := direct.get(variable):
            yield _Given(known, text, variable, variable)
            continue
        known = by_file[variable]
        if environ.get(known.variable):
            raise SettingsError(f"{known.variable} and {variable} are both set: remove one")
        path = cwd / text
        where = f"{variable} ({path})"
        yield _Given(known, _read(path, variable).strip(), where, variable)


def _from_file(environ: Mapping[str, str], cwd: Path) -> Iterator[_Given]:
    named = environ.get(CONFIG_VARIABLE, "")
    path = cwd / (named or DEFAULT_FILE)
    if not named and not path.exists():
        return
    try:
        tables = tomllib.loads(_read(path, CONFIG_VARIABLE if named else DEFAULT_FILE))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    by_key = {known.key: known for known in KNOWN}
    for group, table in tables.items():
        if group not in GROUPS:
            raise SettingsError(_unknown(group, GROUPS, f" in {path}"))
        if not isinstance(table, dict):
            raise SettingsError(f"{group} in {path} must be a table [{group}], not {table!r}")
        for name, value in table.items():
            key = f"{group}.{name}"
            if key not in by_key:
                raise SettingsError(_unknown(key, by_key, f" in {path}"))
            yield _Given(by_key[key], value, f"{key} in {path}", str(path))


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise SettingsError(f"{name}: cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name}: {path} is not UTF-8 text") from error


def _checked(given: _Given) -> object:
    rule = given.known.rule
    text = _as_text(given.value, allow_list=rule.is_list)
    try:
        if text is None:
            raise ValueError
        return rule.parse(text)
    except ValueError:
        shown = rule.shown(text) if text is not None else f"a {type(given.value).__name__}"
        raise SettingsError(f"{given.where} must be {rule.wants}, not {shown}") from None


def _as_text(value: object, *, allow_list: bool) -> str | None:
    """A TOML or flag value as the text a variable would hold; None when there is none."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() | int() | float() | Path():
            return str(value)
        case list() | tuple() if allow_list and all(isinstance(item, str) for item in value):
            return ",".join(value)
        case _:
            return None


def _check_together(settings: Settings) -> None:
    """Rules between two settings."""
    server, cluster = settings.server, settings.cluster
    if cluster.lease_s >= cluster.host_dead_after_s:
        raise SettingsError(
            "STREAMHUB_LEASE_S must be less than STREAMHUB_HOST_DEAD_AFTER_S"
            f" ({cluster.host_dead_after_s}), not {cluster.lease_s}: a host must stop owning"
            " before another may take over"
        )
    if cluster.drain_s >= cluster.drain_timeout_s:
        raise SettingsError(
            "STREAMHUB_DRAIN_S must be less than STREAMHUB_DRAIN_TIMEOUT_S"
            f" ({cluster.drain_timeout_s}), not {cluster.drain_s}: clients must have left before"
            " their host is ended"
        )
    tls = {
        "STREAMHUB_LINK_TLS_CERT": cluster.link_tls_cert,
        "STREAMHUB_LINK_TLS_KEY": cluster.link_tls_key,
        "STREAMHUB_LINK_TLS_CA": cluster.link_tls_ca,
    }
    missing = [name for name, path in tls.items() if path is None]
    if missing and len(missing) < len(tls):
        raise SettingsError(
            f"{' and '.join(missing)} must be set too: links between hosts are encrypted with all"
            f" of {', '.join(tls)}, or with none"
        )
    if (server.tls_cert is None) != (server.tls_key is None):
        missing_one = "STREAMHUB_TLS_KEY" if server.tls_key is None else "STREAMHUB_TLS_CERT"
        raise SettingsError(
            f"{missing_one} must be set too: the public port speaks TLS with both of"
            " STREAMHUB_TLS_CERT, STREAMHUB_TLS_KEY, or with none"
        )
    if server.port and server.port == server.admin_port:
        raise SettingsError(
            "STREAMHUB_ADMIN_PORT must be another port than STREAMHUB_PORT,"
            f" not {server.admin_port} too"
        )


def _unknown(name: str, names: Iterable[str], where: str = "") -> str:
    (nearest,) = difflib.get_close_matches(name, list(names), n=1, cutoff=0.0)
    return f"{name}{where} is no setting; the nearest is {nearest}"
