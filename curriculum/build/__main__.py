"""The curriculum's command.

python -m curriculum.build check [LESSON…]     the rules, at once, nothing is run
python -m curriculum.build prove [LESSON…]     rules and proofs, and their rows in the table
python -m curriculum.build landing             the lessons' lines in the landing notebook, anew
python -m curriculum.build assemble FOLDER     what learners get
python -m curriculum.build publish             the same, into the lab of cohort.toml, as a version
python -m curriculum.build text NOTEBOOK       a notebook as text, for an editor
python -m curriculum.build notebook TEXT NOTEBOOK   and back
python -m curriculum.build tidy NOTEBOOK…      outputs and leftovers out
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from cohort.errors import CohortError
from cohort.lab.images import ensure_images
from cohort.settings_file import load_settings
from curriculum.build import container, glossary, landing, percent, rules, table
from curriculum.build.course import COURSE, HOME, Lesson, find, lessons
from curriculum.build.delivery import deliver
from curriculum.build.notebooks import load, save


def main(argv: list[str]) -> int:
    """Run the command; the exit status is 0 if nothing is wrong."""
    args = parser().parse_args(argv)
    try:
        return args.action(args)
    except CohortError as error:
        print(error, file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    top = argparse.ArgumentParser(prog="python -m curriculum.build")
    actions = top.add_subparsers(required=True)
    one = actions.add_parser("check", help="the rules, at once, nothing is run")
    one.add_argument("lessons", nargs="*")
    one.set_defaults(action=check)
    one = actions.add_parser("prove", help="rules and proofs, in the workspace image")
    one.add_argument("lessons", nargs="*")
    one.add_argument("--keep", type=Path, help="folder for the notebooks that were run")
    one.add_argument("--image", help="a workspace image, instead of this checkout's")
    one.set_defaults(action=prove)
    one = actions.add_parser("landing", help="the lessons' lines in the landing notebook, anew")
    one.set_defaults(action=path)
    one = actions.add_parser("assemble", help="what learners get")
    one.add_argument("folder", type=Path)
    one.add_argument("--image", help="a workspace image, instead of this checkout's")
    one.set_defaults(action=assemble)
    one = actions.add_parser("publish", help="a new version, into the lab that runs here")
    one.add_argument("--settings", type=Path, default=Path("cohort.toml"))
    one.add_argument("--image", help="a workspace image, instead of this checkout's")
    one.set_defaults(action=publish)
    one = actions.add_parser("text", help="a notebook as text, for an editor")
    one.add_argument("notebook", type=Path)
    one.set_defaults(action=text)
    one = actions.add_parser("notebook", help="a text as a notebook")
    one.add_argument("text", type=Path)
    one.add_argument("notebook", type=Path)
    one.set_defaults(action=notebook)
    one = actions.add_parser("tidy", help="outputs and leftovers out")
    one.add_argument("notebooks", type=Path, nargs="+")
    one.set_defaults(action=tidy)
    return top


def chosen(args: argparse.Namespace) -> list[Lesson]:
    """The lessons named, or all."""
    return [find(name) for name in args.lessons] or lessons()


def report(problems: list[str]) -> int:
    """Print problems; the exit status."""
    print(*problems or ["nothing is wrong"], sep="\n")
    return 1 if problems else 0


def check(args: argparse.Namespace) -> int:
    """The rules that need no run; for no lesson in particular, also what they share."""
    found = [what for lesson in chosen(args) for what in rules.check(lesson)]
    if not args.lessons:
        found += glossary.problems(glossary.GLOSSARY.read_text(encoding="utf-8"))
        found += landing.problems()
    return report(found)


def prove(args: argparse.Namespace) -> int:
    """Rules and proofs; the rows of lessons in which nothing is wrong are kept."""
    wanted = chosen(args)
    problems = {lesson.name: rules.check(lesson) for lesson in wanted}
    with container.box(image(args)) as box:
        proofs = container.prove(box, [lesson.name for lesson in wanted])
        if args.keep:
            shutil.copytree(box.out, args.keep, dirs_exist_ok=True)
    for lesson in wanted:
        name, proof = lesson.name, proofs[lesson.name]
        problems[name] += [what for found in proof["problems"].values() for what in found]
        print(f"{name}: proved in {proof['facts']['proved_in_s']} s")
        if not problems[name]:
            row = table.row(lesson, proof["facts"])
            table.keep({str(lesson.notebook.relative_to(HOME)): row})
            print(row, end="")
    landing.keep()
    return report([what for found in problems.values() for what in found])


def path(_: argparse.Namespace) -> int:
    """The landing notebook's list of lessons."""
    landing.keep()
    return 0


def assemble(args: argparse.Namespace) -> int:
    """Student versions and what goes with them, into a folder."""
    with container.box(image(args)) as box:
        box.module("assemble", str(container.INSIDE / COURSE.name), "/out/course")
        shutil.copytree(box.out / "course", args.folder, dirs_exist_ok=True)
    return 0


def publish(args: argparse.Namespace) -> int:
    """A version of each course and the scenarios, into the lab's data folder."""
    built = image(args)
    with container.box(built) as box:
        print(*deliver(load_settings(args.settings), box, built), sep="\n")
    return 0


def image(args: argparse.Namespace) -> str:
    """The workspace image to run in."""
    return args.image or ensure_images(print, only=("workspace",)).workspace


def text(args: argparse.Namespace) -> int:
    """Print a notebook as text."""
    print(percent.write(load(args.notebook)), end="")
    return 0


def notebook(args: argparse.Namespace) -> int:
    """Write a notebook from a text."""
    save(percent.read(args.text.read_text(encoding="utf-8")), args.notebook)
    return 0


def tidy(args: argparse.Namespace) -> int:
    """Bring notebooks into the normal form."""
    for path in args.notebooks:
        save(load(path), path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
