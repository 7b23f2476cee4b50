"""Scenarios and the curriculum stand among everybody's files, and nobody can write them."""


def test_everybody_sees_the_curriculum_among_their_files(fresh):
    lesson = fresh.data / "curriculum" / "lesson-1.md"
    lesson.write_text("# Lesson 1\n")
    fresh.start("ada", "desk")
    listed = fresh.request("GET", "/user/ada/api/contents/curriculum")
    assert listed.status_code == 200, listed.text
    assert [entry["name"] for entry in listed.json()["content"]] == ["lesson-1.md"]
    body = {"type": "file", "format": "text", "content": "changed"}
    answer = fresh.request("PUT", "/user/ada/api/contents/curriculum/lesson-1.md", json=body)
    assert answer.status_code >= 400
    assert lesson.read_text() == "# Lesson 1\n"


def test_what_a_person_put_there_is_left_alone(fresh):
    own = fresh.data / "people" / "ada" / "scenarios"
    fresh.start("ada", "desk")
    fresh.sh("ada", "rm scenarios && mkdir scenarios && echo mine > scenarios/notes.txt")
    fresh.stop("ada")
    fresh.start("ada", "desk")
    assert (own / "notes.txt").read_text() == "mine\n"
    fresh.sh("ada", "rm -r scenarios")
