import shutil
import subprocess
from pathlib import Path

import pytest

from camera_backup.config.credentials import SecretReader
from camera_backup.errors import CredentialError

SECRET = "open-sesame"


def secret_file(folder: Path, content: bytes = SECRET.encode(), mode: int = 0o600) -> Path:
    path = folder / "secret"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_file_gives_its_content_without_the_line_end(tmp_path: Path) -> None:
    for content in (b"open-sesame", b"open-sesame\n", b"open-sesame\r\n"):
        assert SecretReader().read("file", str(secret_file(tmp_path, content))) == SECRET


@pytest.mark.parametrize(
    ("content", "mode", "complaint"),
    [
        (b"x", 0o604, "others on this machine may read or write the file"),
        (b"x", 0o602, "others on this machine may read or write the file"),
        (b"", 0o600, "the secret is empty"),
        (b"\n", 0o600, "the secret is empty"),
        (b"\xff", 0o600, "not UTF-8 text"),
        (b"x" * 65537, 0o600, "no plain file of at most 64 KiB"),
    ],
)
def test_a_file_that_is_open_empty_or_strange_is_refused(
    tmp_path: Path, content: bytes, mode: int, complaint: str
) -> None:
    with pytest.raises(CredentialError, match=complaint):
        SecretReader().read("file", str(secret_file(tmp_path, content, mode)))


@pytest.mark.parametrize("name", ["relative", "", "/dev/zero", "/", "/a\x00b", "/does/not/exist"])
def test_a_name_that_leads_to_no_file_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(CredentialError) as caught:
        SecretReader().read("file", name)
    assert name in ("", "/") or name not in str(caught.value)


def test_a_variable_of_the_environment_is_found() -> None:
    assert SecretReader(environ={"KEY": SECRET}).read("env", "KEY") == SECRET


@pytest.mark.parametrize(("name", "complaint"), [("OTHER", "is not set"), ("a b", "no name"), ("", "no name")])
def test_a_variable_that_is_not_set_is_told(name: str, complaint: str) -> None:
    with pytest.raises(CredentialError, match=complaint):
        SecretReader(environ={"KEY": SECRET}).read("env", name)


def test_a_credential_handed_over_by_systemd_wins_over_the_store(tmp_path: Path) -> None:
    handed, store = tmp_path / "handed", tmp_path / "store"
    for folder, content in ((handed, "first"), (store, "second")):
        folder.mkdir()
        (folder / "key").write_text(content)
    assert SecretReader({"CREDENTIALS_DIRECTORY": str(handed)}, (store,)).read("credential", "key") == "first"
    assert SecretReader({}, (store,)).read("credential", "key") == "second"


def test_an_encrypted_credential_is_opened_by_systemd_creds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools, encrypted = tmp_path / "bin", tmp_path / "store.encrypted"
    tools.mkdir()
    encrypted.mkdir()
    (encrypted / "key").write_text("sealed")
    # The real tool needs the machine's own key, which only root has; ours shows how it is called.
    tool = tools / "systemd-creds"
    tool.write_text('#!/bin/sh\n[ "$1 $2 $4" = "decrypt --name=key -" ] && sed s/sealed/open-sesame/ "$3"\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    assert SecretReader({}, (tmp_path / "store",)).read("credential", "key") == SECRET


def test_a_credential_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    assert shutil.which("systemd-creds")
    encrypted = tmp_path / "store.encrypted"
    encrypted.mkdir()
    (encrypted / "key").write_text("no credential at all")
    done = subprocess.run(["systemd-creds", "decrypt", encrypted / "key", "-"], capture_output=True, check=False)
    assert done.returncode != 0
    with pytest.raises(CredentialError, match="systemd-creds cannot open this credential"):
        SecretReader({}, (tmp_path / "store",)).read("credential", "key")


@pytest.mark.parametrize("name", ["../key", "", "a/b", "a b", "x" * 200])
def test_the_name_of_a_credential_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "key").write_text(SECRET)
    with pytest.raises(CredentialError, match="no name of a credential"):
        SecretReader({}, (tmp_path / "store",)).read("credential", name)


def test_a_credential_that_is_nowhere_is_told_with_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match=r"no such credential .systemd-creds encrypt"):
        SecretReader({}, (tmp_path,)).read("credential", "key")
