"""How a run of another machine is named, and that no name becomes an option of ssh, a word of a shell, or a path outside the mirror."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.remote.frames import GREETING, VERSION, Gone, Grown, Hello, Reader, State, Whole, pack
from cockpit.remote.mirror import Mirror, project_of
from cockpit.remote.place import Place, parse
from engine.contract.errors import BadInput

HELLO = Hello(VERSION, "1.0", "20260604T101347-nano-care-k3f9", "2026-06-04T10:13:47Z")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("box:last", Place("box", "", "last")),
        ("box:", Place("box", "", "last")),
        ("me@box.lan:k3f9", Place("me@box.lan", "", "k3f9")),
        ("box:-k3f9", Place("box", "", "-k3f9")),
        ("box:care/last", Place("box", "care", "last")),
        ("box:~/my work/last", Place("box", "~/my work", "last")),
        ("box:/data/care/20260604T101347-a-k3f9", Place("box", "/data/care", "20260604T101347-a-k3f9")),
        ("[fe80::1%eth0]:care/last", Place("[fe80::1%eth0]", "care", "last")),
    ],
)
def test_a_run_of_another_machine_is_named_as_scp_names_a_file(text: str, place: Place) -> None:
    assert parse(text) == place


@pytest.mark.parametrize("name", ["last", "k3f9", "-k3f9", "20260604T101347-nano-care-k3f9"])
def test_a_name_without_a_colon_is_of_this_machine(name: str) -> None:
    assert parse(name) is None


@pytest.mark.parametrize(
    "text",
    ["-oProxyCommand=x:last", "-l:last", "me@-box:last", ":last", "a b:last", "$(id):last", "box;id:last", "box:..",
     "box:care/..", "box:a b", "box:$(id)", "box:care\n/last", "box:\x1b[2J/last", "[:last"],
)  # fmt: skip
def test_fault28_what_is_no_host_or_no_run_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse(text)


@given(st.text(min_size=1).filter(lambda text: text.isprintable() and "\0" not in text))
def test_a_folder_reaches_the_other_shell_as_one_word_and_ssh_as_no_option(folder: str) -> None:
    place = parse(f"box:{folder}/last")
    assert place is not None
    words = place.command("relay", "--", place.run)
    assert words[-3:-1] == ["--", "box"]
    program, where, *arguments = shlex.split(words[-1])[4:]
    assert arguments == ["relay", "--", "last"]
    assert program == ""
    assert where == (folder if folder.startswith("/") else f"./{'' if folder == '~' else folder.removeprefix('~/')}")


def test_nothing_of_a_place_is_carried_out_by_the_other_shell(tmp_path: Path) -> None:
    place = parse("box:$(touch made);touch made;'/last", "`touch made`/x")
    assert place is not None
    done = subprocess.run(["sh", "-c", place.command("relay")[-1]], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "there is no folder ./$(touch made);touch made;'\n"
    assert not list(tmp_path.iterdir())


FRAMES = st.one_of(
    st.builds(Gone, st.sampled_from(["result.json", "config.json"])),
    st.builds(State, st.booleans(), st.text()),
    st.binary(max_size=300).map(lambda data: (Grown("events.jsonl", 7, len(data)), data)),
    st.binary(max_size=300).map(lambda data: (Whole("config.json", len(data)), data)),
).map(lambda frame: frame if isinstance(frame, tuple) else (frame, b""))


@given(st.lists(FRAMES), st.integers(1, 40), st.sampled_from([b"", b"Welcome.\n", b"last login \xff\nmotd\n\n"]))
def test_frames_come_whole_however_their_bytes_are_cut_and_whatever_a_login_says_first(
    sent: list[tuple[object, bytes]], step: int, motd: bytes
) -> None:
    data = motd + pack(HELLO) + b"".join(pack(frame) + payload for frame, payload in sent)  # type: ignore[arg-type]
    reader = Reader()
    heard = [found for at in range(0, len(data), step) for found in reader.feed(data[at : at + step])]
    assert heard == [(HELLO, b""), *sent]


@pytest.mark.parametrize(
    "hostile",
    [
        b'{"type":"gone","file":"../../x"}\n',
        b'{"type":"whole","file":"/etc/passwd","size":1}\n',
        b'{"type":"whole","file":"config.json","size":99999999999}\n',
        b'{"type":"grown","file":"events.jsonl","at":0,"size":-1}\n',
        b'{"type":"grown","file":"config.json","at":0,"size":1}\n',
        b"not json\n",
        b"x" * (1 << 17),
    ],
)
def test_what_no_relay_sends_ends_the_line_and_touches_no_file(hostile: bytes) -> None:
    reader = Reader()
    assert list(reader.feed(pack(HELLO)))
    with pytest.raises(BadInput, match="no relay of a cockpit"):
        list(reader.feed(hostile))


def test_a_login_that_never_greets_is_given_up() -> None:
    with pytest.raises(BadInput, match="no relay of a cockpit"):
        list(Reader().feed(b"y\n" * (1 << 16)))


@pytest.mark.parametrize("run", ["../../../etc", "a/b", "", "..", "a\nb"])
def test_fault28_a_run_that_the_other_machine_names_stays_in_the_mirror(run: str) -> None:
    with pytest.raises(BadInput, match="not a plain name"):
        Mirror(Place("box", "care", run))


def test_mirrors_of_different_projects_and_hosts_never_meet() -> None:
    places = [Place("box", "care", "x"), Place("box", "love", "x"), Place("me@box", "care", "x"), Place("box", "", "x")]
    assert len({project_of(place) for place in places}) == len(places)


PARTS = st.tuples(st.integers(0, 60), st.binary(max_size=30))


@given(st.lists(PARTS, max_size=12))
def test_a_growing_file_is_what_its_frames_say_and_a_hole_is_refused(parts: list[tuple[int, bytes]]) -> None:
    mirror = Mirror(Place("box", "holes", "20260604T101347-a-k3f9"))
    path = mirror.folder.path / "events.jsonl"
    path.write_bytes(b"")
    kept = b""
    for at, data in parts:
        if at > len(kept):
            with pytest.raises(BadInput, match="are here"):
                mirror.take(Grown("events.jsonl", at, len(data)), data)
        else:
            mirror.take(Grown("events.jsonl", at, len(data)), data)
            kept = kept[:at] + data
        assert path.read_bytes() == kept


def test_the_greeting_is_one_line_of_json_behind_its_word() -> None:
    line = pack(HELLO)
    assert line.startswith(GREETING)
    assert json.loads(line.removeprefix(GREETING))["run"] == HELLO.run
