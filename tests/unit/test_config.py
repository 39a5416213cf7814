"""Settings: what each layer may say, which one wins, and what a mistake is answered with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cgicompat import config
from cgicompat.config import ConfigError, Settings
from cgicompat.config.settings import _matches


def load(directory: Path, toml: str = "", environ: dict[str, str] | None = None, **flags: Any) -> Settings:
    if toml:
        (directory / "cgicompat.toml").write_text(toml)
    return config.load(str(directory), flags, environ or {})


def test_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.directory == os.path.realpath(tmp_path)
    assert settings.config is None
    assert (settings.bind, settings.port, settings.runner) == ("127.0.0.1", 8000, "auto")
    assert settings.workers == (config.cores() + 1, 8 * config.cores())
    assert (settings.timeout, settings.max_body, settings.max_requests) == (60.0, 1 << 30, 0)
    assert (settings.cwd, settings.env, settings.cgi_bin) == ("script", {}, ("cgi-bin", "htbin"))
    assert (settings.queue, settings.queue_timeout, settings.grace) == (256, 30.0, 10.0)
    assert (settings.preload, settings.debug, settings.pass_authorization) == ((), False, False)
    assert settings.socket is settings.interpreter is settings.certfile is settings.keyfile is None
    assert settings.log_format == "combined"


def test_flags_over_environment_over_file(tmp_path: Path) -> None:
    toml = 'port = 1\ntimeout = 1\nrunner = "cgi"\ncgi-bin = ["a"]\nenv = {A = "file", B = "file"}'
    environ = {"CGICOMPAT_PORT": "2", "CGICOMPAT_TIMEOUT": "2", "CGICOMPAT_CGI_BIN": "b 'c d'"}
    settings = load(tmp_path, toml, environ, port="3", cgi_bin=("e",), env=("B=flag",))
    assert (settings.port, settings.timeout, settings.runner) == (3, 2.0, "cgi")
    assert settings.cgi_bin == ("cgi-bin", "htbin", "a", "b", "c d", "e")
    assert settings.env == {"A": "file", "B": "flag"}
    assert settings.config == os.path.join(settings.directory, "cgicompat.toml")


def test_flags_not_given_leave_the_file_alone(tmp_path: Path) -> None:
    settings = load(tmp_path, "debug = true\npreload = ['json']", debug=None, preload=())
    assert settings.debug is True
    assert settings.preload == ("json",)


@pytest.mark.parametrize(
    ("flag", "written", "value"),
    [
        ("workers", "3", (3, 3)),
        ("workers", "2:9", (2, 9)),
        ("workers", 4, (4, 4)),
        ("max_body", "512", 512),
        ("max_body", "1.5k", 1536),
        ("max_body", "10MB", 10 << 20),
        ("bind", "[::1]", "::1"),
        ("socket", "localhost:4000", "localhost:4000"),
        ("socket", "[::1]:4000", "[::1]:4000"),
        ("socket", "unix:/run/x", "unix:/run/x"),
        ("cgi_bin", ("/apps/cgi/",), ("cgi-bin", "htbin", "apps/cgi")),
        ("cgi_bin", (".",), ("cgi-bin", "htbin", ".")),
        ("script_endings", (".pl", "SH"), (".pl", ".sh")),
        ("preload", "json xml.etree", ("json", "xml.etree")),
        ("env", ("A=b=c", "D="), {"A": "b=c", "D": ""}),
        ("debug", "on", True),
        ("debug", "0", False),
        ("interpreter", "no-such-program", "no-such-program"),
    ],
)
def test_written_forms(tmp_path: Path, flag: str, written: object, value: object) -> None:
    assert getattr(load(tmp_path, **{flag: written}), flag) == value


@pytest.mark.parametrize(
    ("flag", "written"),
    [
        ("port", "65536"),
        ("port", True),
        ("port", "http"),
        ("user", "4294967295"),
        ("user", "9" * 30),
        ("group", "9" * 30),
        ("workers", "0"),
        ("workers", "9:2"),
        ("workers", "1:2:3"),
        ("workers", "many"),
        ("timeout", "0"),
        ("timeout", "nan"),
        ("timeout", "inf"),
        ("grace", "-1"),
        ("max_body", "lots"),
        ("max_body", "-1"),
        ("max_body", "infG"),
        ("max_body", ""),
        ("max_requests", "-1"),
        ("runner", "thread"),
        ("runner", ["fork"]),
        ("cwd", "/tmp"),
        ("bind", "http://x/"),
        ("bind", "localhost:80"),
        ("socket", "/run/x"),
        ("socket", "unix:"),
        ("socket", "localhost:"),
        ("cgi_bin", ("..",)),
        ("script_endings", (".tar.gz",)),
        ("script_endings", ("",)),
        ("cgi_bin", ("a/../../b",)),
        ("preload", ("os; x",)),
        ("env", ("=x",)),
        ("env", {"A": 1}),
        ("env", {"A=B": "x"}),
        ("debug", "maybe"),
        ("log_format", ""),
    ],
)
def test_wrong_values(tmp_path: Path, flag: str, written: object) -> None:
    option = next(option for option in config.OPTIONS if option.attribute == flag)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, **{flag: written})
    assert str(caught.value) == f"--{option.flag} = {written!r}: allowed is {option.allowed}"


def test_a_mistake_is_named_with_its_place(tmp_path: Path) -> None:
    file = tmp_path.resolve() / "cgicompat.toml"
    for toml, message in [
        ("port = 'x'", f"{file}: port = 'x': allowed is 0 (any free port) to 65535"),
        (
            "tiemout = 3",
            f"{file}: tiemout: unknown setting, did you mean timeout? Allowed are apache-conf, audit, ",
        ),
        ("max_body = 3", f"{file}: max_body: unknown setting, did you mean max-body? "),
        ("port = ", f"{file}: not a TOML file: "),
        ("script = 3", f"{file}: script = 3: allowed are sections as "),
        ('[script."x.py"]', f'{file}: [script."x.py"]: allowed is a path below the directory'),
        ('[script]\n"/x.py" = 3', f'{file}: [script."/x.py"]: allowed is a path below the directory'),
        (
            '[script."/x.py"]\nrunner = 3',
            f'{file}: [script."/x.py"] runner = 3: allowed is auto, fork, cgihandler or cgi',
        ),
        (
            '[script."/x.py"]\nport = 3',
            f'{file}: [script."/x.py"] port: not a setting of one script. Allowed are ',
        ),
        ('[script."/x.py"]\nzzz = 3', f'{file}: [script."/x.py"] zzz: unknown setting. Allowed are '),
    ]:
        with pytest.raises(ConfigError) as caught:
            load(tmp_path, toml)
        assert str(caught.value).startswith(message)
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not a TOML file"):
        load(tmp_path)


def test_a_mistake_in_the_environment(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^CGICOMPAT_QUEUE_TIMEOUT = 'x': allowed is a number of seconds"):
        load(tmp_path, environ={"CGICOMPAT_QUEUE_TIMEOUT": "x"})
    with pytest.raises(ConfigError, match=r"^CGICOMPAT_PRT: unknown setting, did you mean CGICOMPAT_PORT\?"):
        load(tmp_path, environ={"CGICOMPAT_PRT": "1"})


def test_internal_variables_are_no_settings(tmp_path: Path) -> None:
    assert load(tmp_path, environ={"CGICOMPAT_STATE": "5", "CGICOMPAT_GATEWAY": "1"}).port == 8000


def test_a_missing_directory_and_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such directory"):
        load(tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is not a directory"):
        load(tmp_path / "file")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(tmp_path, config=str(tmp_path / "other.toml"))


def test_the_directory_and_the_file_can_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("port = 99")
    environ = {"CGICOMPAT_DIRECTORY": str(tmp_path), "CGICOMPAT_CONFIG": str(tmp_path / "other.toml")}
    settings = config.load(environ=environ)
    assert settings.directory == os.path.realpath(tmp_path)
    assert settings.port == 99


def test_os_environ_is_the_default_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CGICOMPAT_PORT", "77")
    assert config.load(str(tmp_path)).port == 77


def test_paths_start_where_they_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path.resolve() / "here", tmp_path.resolve() / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    toml = 'certfile = "cert.pem"\nsocket = "unix:pool.sock"\ninterpreter = "bin/python2"'
    settings = load(there, toml, keyfile="key.pem")
    assert settings.certfile == str(there / "cert.pem")
    assert settings.socket == f"unix:{there}/pool.sock"
    assert settings.interpreter == str(there / "bin/python2")
    assert settings.keyfile == str(here / "key.pem")


def test_an_interpreter_is_looked_up(tmp_path: Path) -> None:
    program = tmp_path / "python2"
    program.touch(0o755)
    assert load(tmp_path, environ={"PATH": f"/nothing:{tmp_path}"}, interpreter="python2").interpreter == str(
        program
    )


def test_a_key_needs_its_certificate(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="certfile"):
        load(tmp_path, keyfile="key.pem")


def test_env_by_name_alone_is_copied_from_the_host(tmp_path: Path) -> None:
    settings = load(tmp_path, "env = ['HOME', 'A=b', 'ABSENT']", {"HOME": "/home/me", "USER": "me"})
    assert settings.env == {"HOME": "/home/me", "A": "b"}


SECTIONS = """
timeout = 60
env = {A = "all", B = "all"}
[script."/cgi-bin/old/*"]
runner = "cgi"
interpreter = "python2"
[script."/cgi-bin/old/slow.py"]
timeout = 600
env = {B = "slow"}
"""


def test_scripts_have_settings_of_their_own(tmp_path: Path) -> None:
    settings = load(tmp_path, SECTIONS)
    root = settings.directory
    old = settings.for_script(f"{root}/cgi-bin/old/deep/er.py")
    assert (old.runner, old.interpreter, old.timeout, old.env) == ("cgi", "python2", 60, settings.env)
    slow = settings.for_script(f"{root}/cgi-bin/old/slow.py")
    assert (slow.runner, slow.timeout, slow.env) == ("cgi", 600, {"A": "all", "B": "slow"})
    assert settings.for_script(f"{root}/cgi-bin/old/slow.py") is slow
    assert settings.for_script(f"{root}/cgi-bin/new.py") is settings
    assert settings.for_script("/cgi-bin/old/slow.py") is settings
    assert settings.env == {"A": "all", "B": "all"}


def test_the_same_but_for_some_values(tmp_path: Path) -> None:
    settings = load(tmp_path, SECTIONS, socket="localhost:1")
    other = settings.but(socket=None)
    assert (settings.socket, other.socket, other.timeout) == ("localhost:1", None, 60)
    assert other.for_script(f"{settings.directory}/cgi-bin/old/slow.py").timeout == 600


@pytest.mark.parametrize(
    ("path", "pattern", "matches"),
    [
        ("/a.py", "/a.py", True),
        ("/a.py", "/a", False),
        ("/a/b/c.py", "/a/*", True),
        ("/a/b/c.py", "/*/c.py", True),
        ("/a/b/c.py", "/a/*.pl", False),
        ("/a/bc/c.py", "/*b*c*.py", True),
        ("/ab", "/ab*b", False),
        ("/xa", "/a*", False),
        ("/a[b].py", "/a[b]*", True),
    ],
)
def test_patterns(path: str, pattern: str, matches: bool) -> None:
    assert _matches(path, pattern) is matches


def test_settings_travel_to_another_process(tmp_path: Path) -> None:
    settings = load(tmp_path, SECTIONS, env=("C=\udcff",))
    other = Settings.restore(settings.dump())
    assert other._values == settings._values
    script = settings.directory + "/cgi-bin/old/slow.py"
    assert other.for_script(script)._values == settings.for_script(script)._values


@pytest.mark.parametrize(
    ("address", "parts"),
    [("unix:/a:b", "/a:b"), ("localhost:80", ("localhost", 80)), ("[::1]:80", ("::1", 80))],
)
def test_split_address(address: str, parts: object) -> None:
    assert config.split_address(address) == parts


def test_the_import_is_lean() -> None:
    code = (
        "import __future__, sys; sys.path.insert(0, '.'); before = set(sys.modules); "
        "import cgicompat.config; "
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    parts = {f"cgicompat.config.{name}" for name in ("options", "settings", "values")}
    assert set(run.stdout.split()) - {"linecache"} == {"cgicompat", "cgicompat.config", *parts}
