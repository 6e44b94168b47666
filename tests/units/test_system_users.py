import re
from pathlib import Path, PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from camera_backup.units.system_users import camera_owners, recorder_user
from tests.support.configs import good, load

LANES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}(\.sub)?", fullmatch=True)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)


def test_a_short_name_is_the_users_name() -> None:
    assert recorder_user("front-door") == "camrec-front-door"
    assert recorder_user("a" * 24) == "camrec-" + "a" * 24


def test_a_long_name_is_cut_the_same_way_for_ever() -> None:
    assert recorder_user("a" * 25) == "camrec-aaaaaaaaaaaaaaa-2f521e2a"


def test_a_second_streams_user_is_called_as_no_cameras_can_be() -> None:
    assert recorder_user("front-door.sub") == "camrec-front-door_sub"
    assert recorder_user("a" * 25 + ".sub") == "camrec-aaaaaaaaaaaaaaa_" + recorder_user("a" * 25 + ".sub")[-8:]


@given(LANES)
def test_every_camera_gives_a_user_name_that_linux_takes(name: str) -> None:
    assert re.fullmatch(r"[a-z_][a-z0-9_-]{0,30}", recorder_user(name))


@given(st.lists(LANES, unique=True, max_size=50), st.text("abc-", max_size=20))
def test_two_cameras_never_share_a_user(names: list[str], end: str) -> None:
    longer = {*names, *(f"a-name-that-begins-like-others-{name}{end}" for name in names)}
    longer |= {f"{name}.sub" for name in longer}
    assert len({recorder_user(name) for name in longer}) == len(longer)


def test_a_second_stream_has_a_folder_and_a_user_of_its_own(tmp_path: Path) -> None:
    config = load(tmp_path, good(cameras__0__sub_url="rtsp://192.0.2.7/sub"))
    assert [(owner.user, owner.folder.name) for owner in camera_owners(config)] == [
        ("camrec-front-door", "front-door"),
        ("camrec-front-door_sub", "front-door.sub"),
        ("camrec-garage", "garage"),
    ]


def test_a_camera_that_rests_keeps_its_folder_and_user(tmp_path: Path) -> None:
    config = load(tmp_path, good(cameras__0__enabled=False, storage__local_path="/srv/cams"))
    owners = [(owner.user, owner.folder) for owner in camera_owners(config)]
    assert owners == [
        ("camrec-front-door", PurePosixPath("/srv/cams/front-door")),
        ("camrec-garage", PurePosixPath("/srv/cams/garage")),
    ]
