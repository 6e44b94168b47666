import re
from pathlib import Path, PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from camera_backup.units.system_users import camera_owners, recorder_user
from tests.support.configs import good, load

NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)


def test_a_short_name_is_the_users_name() -> None:
    assert recorder_user("front-door") == "camrec-front-door"
    assert recorder_user("a" * 24) == "camrec-" + "a" * 24


def test_a_long_name_is_cut_the_same_way_for_ever() -> None:
    assert recorder_user("a" * 25) == "camrec-aaaaaaaaaaaaaaa-2f521e2a"


@given(NAMES)
def test_every_camera_gives_a_user_name_that_linux_takes(name: str) -> None:
    assert re.fullmatch(r"[a-z_][a-z0-9_-]{0,30}", recorder_user(name))


@given(st.lists(NAMES, unique=True, max_size=50), st.text("abc-", max_size=20))
def test_two_cameras_never_share_a_user(names: list[str], end: str) -> None:
    longer = {*names, *(f"a-name-that-begins-like-others-{name}{end}" for name in names)}
    assert len({recorder_user(name) for name in longer}) == len(longer)


def test_a_camera_that_rests_keeps_its_folder_and_user(tmp_path: Path) -> None:
    config = load(tmp_path, good(cameras__0__enabled=False, storage__local_path="/srv/cams"))
    owners = [(owner.user, owner.folder) for owner in camera_owners(config)]
    assert owners == [
        ("camrec-front-door", PurePosixPath("/srv/cams/front-door")),
        ("camrec-garage", PurePosixPath("/srv/cams/garage")),
    ]
