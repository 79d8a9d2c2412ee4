"""The zip for Gradescope: the same bytes each time, nothing in it that should not leave, faults told in a sentence."""

import json
import re
import stat
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from grader.course import manifest as manifests
from grader.errors import CourseError
from grader.grading import submission
from grader.release import bundle
from tests.harness.results import valid

ROOT = Path(__file__).parents[2]
REAL = manifests.load_manifest(ROOT / manifests.FILENAME)


def names(file: Path) -> list[str]:
    with zipfile.ZipFile(file) as archive:
        return archive.namelist()


def test_same_files_make_the_same_bytes(toy, tmp_path):
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    bundle.write_autograder(toy.manifest, first)
    for file in toy.root.rglob("*.py"):
        file.touch()
    (toy.root / "solution/__pycache__").mkdir()
    (toy.root / "solution/__pycache__/shapes.pyc").write_bytes(b"x")
    bundle.write_autograder(toy.manifest, second)
    assert first.read_bytes() == second.read_bytes()


def test_zip_holds_what_grading_needs_and_nothing_else(tmp_path):
    bundle.write_autograder(REAL, tmp_path / "a.zip")
    found = names(tmp_path / "a.zip")
    assert found == sorted(found)
    alone = {name for name in found if "/" not in name}
    assert alone == {
        "Dockerfile",
        "assignment.toml",
        "constraints.txt",
        "requirements.txt",
        "run_autograder",
        "setup.sh",
    }
    folders = {name.partition("/")[0] for name in found} - alone
    assert folders == {"grader", "reference", "tests"}
    assert {name.split("/")[1] for name in found if name.startswith("tests/")} == {"public", "hidden", "harness"}
    assert {name.rsplit("/", 1)[0] for name in found if name.startswith("tests/harness/")} == {"tests/harness/mistakes"}
    for question in REAL.questions:
        assert {f"tests/public/{question.file}", f"tests/hidden/{question.file}"} <= set(found)


def test_a_secret_is_made_before_it_is_packed_and_stays_the_same(toy, tmp_path):
    name = "checks/hidden/draws.secret"
    toy.replace("assignment.toml", "[seeds]", f'[container]\nsecrets = ["{name}"]\n[seeds]')
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    bundle.write_autograder(toy.manifest, first)
    bundle.write_autograder(toy.manifest, second)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.read(name) == (toy.root / name).read_bytes()
    (toy.root / name).unlink()
    bundle.write_autograder(toy.manifest, second)
    assert first.read_bytes() != second.read_bytes()
    (toy.root / name).write_text("123456\n")
    with pytest.raises(CourseError, match=r"draws.secret holds no secret of 128 bits; delete it, and another is"):
        bundle.write_autograder(toy.manifest, second)


@pytest.mark.parametrize("name", ["draws.secret", "checks/public/draws.secret", "checks/hidden/../draws.secret"])
def test_a_secret_that_is_not_kept_with_the_hidden_checks_is_told(toy, name):
    toy.replace("assignment.toml", "[seeds]", f'[container]\nsecrets = ["{name}"]\n[seeds]')
    with pytest.raises(CourseError, match=r"container.secrets: .* does not lie below checks/hidden; put it there"):
        assert toy.manifest


def test_scripts_are_executable_and_end_lines_as_unix_does(toy, tmp_path):
    bundle.write_autograder(toy.manifest, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            assert stat.S_ISREG(mode)
            assert mode & 0o777 == (0o755 if info.filename in ("setup.sh", "run_autograder") else 0o644)
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
        for name in ("setup.sh", "run_autograder", "Dockerfile"):
            text = archive.read(name)
            assert b"\r" not in text
            assert not re.search(rb"@[A-Z_]+@", text)
            if name != "Dockerfile":
                assert text.startswith(b"#!/bin/sh\n")
                subprocess.run(["sh", "-n"], input=text, check=True)


def test_flags_for_pip_reach_the_scripts_as_they_are(toy):
    flags = "--no-index --find-links '/a b/$HOME' --x=`id`"
    script = bundle.collect_autograder(toy.manifest, flags)["setup.sh"].decode()
    lines = script.partition("source=")[0]
    for given, expected in (({}, flags), ({"PIP_FLAGS": "--mine"}, "--mine"), ({"PIP_FLAGS": ""}, "")):
        done = subprocess.run(
            ["/bin/sh", "-c", f'{lines}\nprintf %s "$PIP_FLAGS"'], env=given, capture_output=True, text=True, check=True
        )
        assert done.stdout == expected


def test_flags_for_pip_come_from_the_manifest(toy, command, tmp_path):
    toy.replace("assignment.toml", "[seeds]", '[container]\npip_flags = "--from-manifest"\n[seeds]')
    for words, expected in (([], "--from-manifest"), (["--pip-flags=--from-command"], "--from-command")):
        status, out, _ = command("autograder", "--out", str(tmp_path / "a.zip"), *words)
        assert status == 0
        assert out.startswith(f"written: {tmp_path / 'a.zip'} (")
        with zipfile.ZipFile(tmp_path / "a.zip") as archive:
            assert f"pip_flags={expected}\n" in archive.read("setup.sh").decode()


def test_time_limit_of_the_script_lies_between_the_runs_end_and_the_containers(toy):
    toy.replace("assignment.toml", "[seeds]", "[container]\nseconds = 300\nreserve = 42\n[seeds]")
    assert "timeout --kill-after=7 279 " in bundle.collect_autograder(toy.manifest)["run_autograder"].decode()
    for seconds, least, most in ((900, 250, 258), (50, 50, 50)):
        long = shortened(toy, f"wall_seconds = {seconds}")
        assert least <= submission.shorten_run(long, time.monotonic()).limits.wall_seconds <= most


def shortened(toy, seconds):
    text = (toy.root / "assignment.toml").read_text()
    toy.write("assignment.toml", re.sub(r"(run|wall)_seconds = \d+", seconds, text))
    return toy.manifest


def test_what_is_missing_is_told_and_no_file_is_left(toy, command, tmp_path):
    out = tmp_path / "a.zip"
    hidden = toy.root / "checks/hidden/test_q2_moments.py"
    text = hidden.read_text()
    hidden.unlink()
    status, _, err = command("autograder", "--out", str(out))
    assert status == 2
    assert f"cannot run: {hidden} is not there, and Q2 has hidden points; restore it, or fix the points" in err
    hidden.write_text(text)
    (toy.root / "solution").rename(toy.root / "elsewhere")
    _, _, err = command("autograder", "--out", str(out))
    assert "solution is not there, and this needs the reference" in err
    (toy.root / "solution").symlink_to(ROOT / "reference")
    with pytest.raises(CourseError, match=r"paths.reference: .* is no folder below .*; move it there"):
        bundle.write_autograder(toy.manifest, out)
    assert not out.exists()


def test_link_and_library_without_a_version_are_told(toy, tmp_path):
    (toy.root / "solution/data.txt").symlink_to("/etc/passwd")
    with pytest.raises(CourseError, match=r"data.txt is a link; put the file itself there"):
        bundle.write_autograder(toy.manifest, tmp_path / "a.zip")
    (toy.root / "solution/data.txt").unlink()
    toy.replace("assignment.toml", "[seeds]", '[container]\npackages = ["gmpy3"]\n[seeds]')
    with pytest.raises(CourseError, match=r"constraints.txt pins no version of gmpy3; add a line gmpy3==…"):
        bundle.write_autograder(toy.manifest, tmp_path / "a.zip")


def test_failed_write_leaves_the_old_zip(toy, tmp_path, monkeypatch):
    out = tmp_path / "a.zip"
    bundle.write_autograder(toy.manifest, out)
    old = out.read_bytes()

    def full_disk(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError, match="no space left"):
        bundle.write_autograder(toy.manifest, out)
    assert [file.name for file in tmp_path.glob("*.zip")] == ["a.zip"]
    assert out.read_bytes() == old


def at(time: str, score="5.0", **more) -> dict:
    return {"submission_time": f"2026-03-01T{time}", "score": score, "autograder_error": False, **more}


def limited(toy, rule: str, created: str, *previous: dict) -> dict | None:
    text = (toy.root / "assignment.toml").read_text().partition("[container]")[0]
    table = text + f'[container]\nrate_limit = "{rule}"\n'
    manifest = manifests.load_manifest(toy.write("assignment.toml", table))
    metadata = {"created_at": created, "previous_submissions": list(previous)}
    content = submission.refuse_early(manifest, metadata)
    return content and valid(content)


NOW = "2026-03-01T12:00:00.250000-08:00"


def test_submission_that_comes_too_soon_keeps_the_last_score_and_says_when_the_next_counts(toy):
    result = limited(toy, "1 per 30 minutes", NOW, at("11:00:00-08:00", "3.0"), at("11:40:00-08:00", "6.5"))
    assert result["score"] == 6.5
    assert result["output"].splitlines() == [
        "Not graded: this course grades 1 per 30 minutes.",
        "The next submission counts from 2026-03-01 12:10:00 (UTC-0800) on.",
        "The score of the last graded submission stays.",
    ]
    (test,) = result["tests"]
    assert (test["score"], test["max_score"], test["visibility"]) == (6.5, 8, "after_published")
    assert result["extra_data"] == {"rate_limited": True}


@pytest.mark.parametrize(
    "rule, previous, refused",
    [
        ("1 per 30 minutes", [at("11:30:00-08:00")], False),
        ("1 per 30 minutes", [at("11:31:00-08:00")], True),
        ("1 per 30 minutes", [at("19:50:00Z")], True),
        ("1 per 30 minutes", [at("19:50:00")], True),
        ("1 per 30 minutes", [at("13:00:00-08:00")], False),
        ("3 per day", [at("09:00:00-08:00"), at("10:00:00-08:00")], False),
        ("3 per day", [at("09:00:00-08:00"), at("10:00:00-08:00"), at("11:00:00-08:00")], True),
        ("1 per hour", [at("11:50:00-08:00", autograder_error=True)], False),
        ("1 per hour", [at("11:50:00-08:00", results={"extra_data": {"rate_limited": True}})], False),
        ("1 per hour", [at("11:50:00-08:00", results={"extra_data": 3}, score=None)], True),
        ("1 per hour", [{"score": "1.0"}, {"submission_time": 7}, {"submission_time": "yesterday"}], False),
        ("1 per hour", [], False),
    ],
)
def test_which_submissions_count(toy, rule, previous, refused):
    assert (limited(toy, rule, NOW, *previous) is not None) == refused


def test_limit_needs_the_time_of_this_submission(toy):
    for created in (None, "", "soon", 5, "0001-01-01T00:00:00"):
        assert limited(toy, "1 per hour", created, at("11:50:00-08:00")) is None


def test_limit_without_an_earlier_score_is_no_score(toy):
    for score in (None, "nan", "inf", "much", 10**400, [1]):
        result = limited(toy, "1 per hour", NOW, at("11:50:00-08:00", score))
        assert (result["score"], result["tests"]) == (0, [])
        assert result["output"].endswith("No earlier score is known.")


def test_kept_score_is_shown_where_the_total_is(toy):
    toy.replace("assignment.toml", "[seeds]", '[report]\nhidden_visibility = "visible"\n[seeds]')
    assert limited(toy, "1 per hour", NOW, at("11:50:00-08:00"))["tests"][0]["visibility"] == "visible"


@pytest.mark.parametrize("rule", ["3", "0 per day", "3 per 0 days", "3 per week", "often", "-1 per day", "3per day"])
def test_wrong_rate_limit_is_told(toy, rule):
    toy.replace("assignment.toml", "[seeds]", f'[container]\nrate_limit = "{rule}"\n[seeds]')
    with pytest.raises(CourseError, match=r"container.rate_limit: '.*'; write it as '3 per day'"):
        assert toy.manifest


@pytest.mark.parametrize("keys", ["reserve = 0", "reserve = 40", "reserve = 600", "seconds = 50"])
def test_wrong_reserve_is_told(toy, keys):
    """Half of the reserve must outlast a control run, or the grader is stopped in the middle of it."""
    toy.replace("assignment.toml", "[seeds]", f"[container]\n{keys}\n[seeds]")
    with pytest.raises(CourseError, match=r"container.reserve: \d+; give more than 40 and less than container.seconds"):
        assert toy.manifest


def test_flags_for_pip_on_several_lines_are_told(toy):
    toy.replace("assignment.toml", "[seeds]", '[container]\npip_flags = "a\\nb"\n[seeds]')
    with pytest.raises(CourseError, match=r"container.pip_flags: holds a line break or the like; write it on one"):
        assert toy.manifest


def test_limited_submission_is_not_graded(toy, command, tmp_path):
    toy.write("assignment.toml", (toy.root / "assignment.toml").read_text() + '[container]\nrate_limit = "1 per day"\n')
    metadata = {"created_at": NOW, "previous_submissions": [at("11:50:00-08:00")]}
    (tmp_path / "submission_metadata.json").write_text(json.dumps(metadata))
    (tmp_path / "submission").mkdir()
    status, out, _ = command("gradescope", "--root", str(tmp_path))
    assert status == 0
    assert out.startswith("not graded: it came too soon")
    assert valid((tmp_path / "results/results.json").read_bytes())["score"] == 5
