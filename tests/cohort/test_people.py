"""The roster: what it may hold, and the sentence that each mistake gets."""

from pathlib import Path

import pytest

from cohort.errors import PeopleError
from cohort.people import Person, groups_of, load_people, parse_group
from cohort.settings import ROLES

HEADER = "login,name,email,team,role\n"
ADA = "ada,Ada Wong,ada@lab.example,apollo,participant\n"


@pytest.fixture
def roster(tmp_path):
    """Writes a roster and returns its path."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "people.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def complaint(path: Path) -> str:
    with pytest.raises(PeopleError) as caught:
        load_people(path)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".")
    return sentence


def test_the_demonstration_cohort_loads():
    people = load_people(Path(__file__).resolve().parents[2] / "people.csv")
    assert {p.role for p in people} == set(ROLES)
    assert next(p for p in people if p.login == "marco").teams == ("apollo", "borealis")
    assert next(p for p in people if p.login == "olga").teams == ()


def test_a_person_cannot_be_changed(roster):
    (ada,) = load_people(roster(HEADER + ADA))
    assert ada == Person(
        login="ada", name="Ada Wong", email="ada@lab.example", teams=("apollo",), role="participant"
    )
    with pytest.raises(ValueError, match="frozen"):
        ada.role = "operator"


def test_what_spreadsheets_write_is_read(roster):
    expected = load_people(roster(HEADER + ADA + "bo,Bo Ng,bo@lab.example,a;b,mentor\n"))
    windows = (HEADER + ADA + 'bo,"Bo Ng",bo@lab.example, a ; b;,mentor\n,,,,\n\n').replace(
        "\n", "\r\n"
    )
    assert load_people(roster(b"\xef\xbb\xbf" + windows.encode())) == expected
    semicolons = (HEADER + ADA).replace(",", ";") + 'bo;Bo Ng;bo@lab.example;"a;b";mentor\n'
    assert load_people(roster(semicolons)) == expected
    reordered = "Role,Team,Email,Name,Login\nparticipant,apollo,ada@lab.example,Ada Wong,ada\n"
    assert load_people(roster(reordered)) == expected[:1]


@pytest.mark.parametrize(
    ("row", "column", "expected"),
    [
        ("Ada,A,a@b.example,t,participant", "login", "lower-case name"),
        ("a b,A,a@b.example,t,participant", "login", "lower-case name"),
        ("team-x,A,a@b.example,t,participant", "login", "belong to the lab"),
        ("course-x,A,a@b.example,t,participant", "login", "belong to the lab"),
        (",A,a@b.example,t,participant", "login", "lower-case name"),
        ("bo,,a@b.example,t,participant", "name", "1 to 100 characters"),
        ("bo,B,nonsense,t,participant", "email", "e-mail address"),
        ("bo,B,%@b.example,t,participant", "email", "e-mail address"),
        ("bo,B,,t,participant", "email", "e-mail address"),
        ("bo,B,a@b.example,Team One,participant", "team", "lower-case name"),
        ("bo,B,a@b.example,t;../x,participant", "team", "lower-case name"),
        ("bo,B,a@b.example,,participant", "team", "at least one"),
        ("bo,B,a@b.example,t,student", "role", "participant, instructor, mentor, operator"),
        ("bo,B,a@b.example,t,", "role", "participant, instructor, mentor, operator"),
        ("ada,B,a@b.example,t,participant", "login", "also in line 2"),
        ("bo,B,ADA@lab.example,t,participant", "email", "also in line 2"),
    ],
)
def test_a_bad_value_is_named_by_line_and_column(roster, row, column, expected):
    sentence = complaint(roster(HEADER + ADA + row + "\n"))
    assert sentence.startswith(f"people.csv, line 3, column {column}:")
    assert expected in sentence


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        (HEADER, "lists nobody"),
        (ADA, "line 1, column ada: expected exactly login,name,email,team,role"),
        ("login,name,email,role\n", "column team is missing"),
        (HEADER.replace("role", "role,login"), "column login is there twice"),
        (HEADER.replace("role", "role,"), "column without a name"),
        (HEADER + "ada,Ada\n", "line 2: expected 5 values"),
        (HEADER + ADA.strip() + ",x\n", "line 2: expected 5 values"),
        (HEADER + 'ada,"Ada,a@b.example,t,mentor\n', "every quote closed"),
        (
            HEADER.encode() + "ada,Adé,a@b.example,t,mentor\n".encode("latin-1"),
            "line 2: expected UTF-8",
        ),
    ],
)
def test_a_bad_file_is_refused_whole(roster, content, expected):
    assert expected in complaint(roster(content))


def test_a_file_that_is_not_there(tmp_path):
    assert "No such file" in complaint(tmp_path / "people.csv")


def test_groups_say_teams_and_role_and_can_be_read_back(roster):
    (bo,) = load_people(roster(HEADER + "bo,Bo,bo@lab.example,apollo;borealis;apollo,mentor\n"))
    groups = groups_of(bo)
    assert groups == ("team:apollo", "team:borealis", "role:mentor")
    assert [parse_group(g) for g in groups] == [
        ("team", "apollo"), ("team", "borealis"), ("role", "mentor"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "group", ["", "team:", "team:A B", "team:../x", "role:king", "x:y", "team"]
)
def test_other_groups_stand_for_nothing(group):
    assert parse_group(group) is None
