"""`make autobahn`: Autobahn's fuzzing client against `echo.py`, and a verdict.

Autobahn's test suite needs Python 2.7, which is looked for under the name given. Without one this
says so and ends well, since there is nothing to test with; whatever else goes wrong ends badly.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".venv" / "autobahn"
SUITE = "autobahntestsuite==25.10.1"  # pins all it needs
VIRTUALENV = "virtualenv==20.21.1"  # the last that makes environments for Python 2.7
AGENT = "streamhub"
FEWEST_CASES = 500
WITHIN_S = 1200


def main(python27: str) -> int:
    if fault := why_not(python27):
        print(f"{'!' * 79}\nSKIPPED: Autobahn's test suite did not run. {fault}\n{'!' * 79}")
        return 0
    wstest = installed(python27)
    with echo() as url:
        spec = FOLDER / "spec.json"
        spec.write_text(
            json.dumps(
                {
                    "outdir": str(FOLDER / "reports"),
                    "servers": [{"agent": AGENT, "url": url}],
                    "cases": ["*"],
                    "exclude-cases": [],
                    "exclude-agent-cases": {},
                }
            )
        )
        with (FOLDER / "wstest.log").open("w") as log:
            subprocess.run(
                [wstest, "--mode", "fuzzingclient", "--spec", spec],
                check=True,
                stdout=log,
                stderr=log,
                cwd=FOLDER,
                timeout=WITHIN_S,
            )
    cases = json.loads((FOLDER / "reports" / "index.json").read_text())[AGENT]
    return verdict(cases)


def why_not(python27: str) -> str | None:
    """Why this is no Python 2.7 to work with."""
    try:
        asked = subprocess.run([python27, "--version"], capture_output=True, text=True)
    except OSError as error:
        return f"It needs Python 2.7, and {python27} cannot be run: {error.strerror}."
    if "Python 2.7" not in asked.stderr + asked.stdout:
        return f"It needs Python 2.7, and {python27} is none. Try: make autobahn PYTHON27=PATH"
    return None


def installed(python27: str) -> Path:
    """The suite's program, in an environment of its own."""
    environment, tool = FOLDER / "py27", FOLDER / "virtualenv"
    wstest = environment / "bin" / "wstest"
    if not wstest.exists():
        print("Installing Autobahn's test suite; this is done once")
        pip = ("-m", "pip", "install", "-qq", "--disable-pip-version-check")
        subprocess.run([sys.executable, *pip, "--target", tool, VIRTUALENV], check=True)
        subprocess.run(
            [sys.executable, "-m", "virtualenv", "--quiet", "--python", python27, environment],
            check=True,
            env={"PYTHONPATH": str(tool)},
        )
        subprocess.run([environment / "bin" / "python", *pip, SUITE], check=True)
    return wstest


@contextmanager
def echo() -> Iterator[str]:
    """The address of an echo that runs."""
    process = subprocess.Popen(
        [sys.executable, HERE / "echo.py"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"ws://127.0.0.1:{int(process.stdout.readline())}/"
    finally:
        process.kill()
        process.communicate()


def verdict(cases: Mapping[str, Mapping[str, Any]]) -> int:
    """0 if every case passed. Prints how many did what, and each that failed."""
    failed = {number: case for number, case in cases.items() if not passed(number, case)}
    for number, case in failed.items():
        print(f"case {number}: {case['behavior']}, close {case['behaviorClose']}")
    counted = Counter(case["behavior"].lower() for case in cases.values())
    print(f"{len(cases)} cases: {', '.join(f'{n} {name}' for name, n in counted.items())}")
    print(f"{len(failed)} failed; see {FOLDER / 'reports' / 'index.html'}")
    if len(cases) < FEWEST_CASES:
        print(f"The suite ended early: it has more than {FEWEST_CASES} cases")
    return int(bool(failed) or len(cases) < FEWEST_CASES)


def passed(number: str, case: Mapping[str, Any]) -> bool:
    """Text that is not UTF-8 may be found at a message's end only (6.4, not strict), and there is
    no compression (12, 13), which is an extension."""
    allowed = {"OK", "INFORMATIONAL"}
    if number.startswith("6.4."):
        allowed |= {"NON-STRICT"}
    if number.startswith(("12.", "13.")):
        allowed |= {"UNIMPLEMENTED"}
    return case["behavior"] in allowed and case["behaviorClose"] in {"OK", "INFORMATIONAL"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
