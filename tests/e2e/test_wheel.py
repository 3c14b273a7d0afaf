"""The wheel is all of StreamHub: installed elsewhere, started where a stray `config.py` lies."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from support.up import START_WITHIN_S, Up

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the sources: building writes into them."""
    copy = tmp_path_factory.mktemp("sources") / "streamhub"
    ignored = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "tests")
    shutil.copytree(ROOT, copy, symlinks=True, ignore=ignored)
    target = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(target), str(copy))
    (built,) = target.glob("streamhub_server-*.whl")
    return built


def test_it_holds_every_source_file_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    packages = [link for link in (ROOT / "streamhub").iterdir() if link.is_symlink()]
    sources = {
        f"streamhub/{package.name}/{path.relative_to(package.resolve())}"
        for package in packages
        for path in package.resolve().rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    own = {f"streamhub/{name}" for name in ("__init__.py", "__main__.py", "py.typed")}
    assert names == sources | own


@pytest.mark.timeout(2 * START_WITHIN_S)
def test_it_runs_where_a_stray_config_lies(wheel: Path, short_tmp: Path) -> None:
    python = environment_with(wheel, short_tmp / "venv")
    for stray in ("config.py", "domain.py"):
        (short_tmp / stray).write_text("raise RuntimeError('the wrong file was imported')\n")
    where = [python, "-c", "import streamhub.config; print(streamhub.config.__file__)"]
    found = subprocess.run(where, capture_output=True, text=True, check=True, cwd=short_tmp)
    assert str(short_tmp / "venv") in found.stdout

    up = Up(short_tmp / "data", cwd=short_tmp, python=python)
    try:
        up.wait_ready()
        assert up.get("/v1/server")[0] == 200
    finally:
        assert up.stop() == 0


def environment_with(wheel: Path, folder: Path) -> str:
    """The Python of a new environment that has the wheel, and borrows its requirements from ours.

    A line of a .pth file lends a folder's packages, but not what that folder's own .pth files
    say: the editable StreamHub of this environment stays out.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    pip("--python", python, "install", "--no-deps", "--no-index", str(wheel))
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
