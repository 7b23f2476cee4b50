"""Attacks graded by stock ``nbgrader autograde``, in a container of the workspace image.

As `curriculum.build` does it: a course folder with gradebook and sources, a submission for each
attack and an honest neighbour's. The container has no network and is thrown away.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.attacks import forgeries
from tests.grading.judging import answered
from tests.machine import docker
from tests.workspace.servers import image

SCRIPT = r"""
import json, os, shutil, subprocess
from pathlib import Path
course = Path('/dev/shm/course'); course.mkdir(); os.chdir(course)
given = json.loads(Path('/given/given.json').read_text())
def put(path, body):
    path = Path(path); path.parent.mkdir(parents=True); path.write_text(json.dumps(body))
put('source/ps/ps.ipynb', given['source'])
def nbgrader(*line, seconds=60):
    try:
        done = subprocess.run(['nbgrader', *line], capture_output=True, text=True, timeout=seconds)
        return done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        return ''
print(nbgrader('generate_assignment', 'ps')[-2000:])
release = json.loads(Path('release/ps/ps.ipynb').read_text())
checks = [c['metadata']['nbgrader'] for c in release['cells']]
checks = {one['grade_id']: one for one in checks}
won = []
from nbgrader.api import Gradebook, MissingEntry
def marks(student):
    with Gradebook('sqlite:///gradebook.db') as book:
        try: return book.find_submission('ps', student).score
        except MissingEntry: return 0
put('submitted/ben/ps/ps.ipynb', given['ben'])
nbgrader('autograde', 'ps', '--student', 'ben')
before = marks('ben')
shutil.copy('gradebook.db', 'kept.db')
for name, student in given['attacks'].items():
    # Each attack on a course as it was, since some of them change it for good.
    shutil.copy('kept.db', 'gradebook.db')
    shutil.rmtree('submitted'); shutil.rmtree('autograded/eve', ignore_errors=True)
    Path('source/ps/ps.ipynb').write_text(json.dumps(given['source']))
    for cell in student['cells']:
        of = checks.get(cell['metadata'].get('nbgrader', {}).get('grade_id'))
        if of: cell['metadata']['nbgrader'].setdefault('checksum', of.get('checksum'))
    put('submitted/ben/ps/ps.ipynb', given['ben'])
    put('submitted/eve/ps/ps.ipynb', student)
    source = Path('source/ps/ps.ipynb').read_text()
    nbgrader('autograde', 'ps', '--student', 'eve')
    ran = Path('autograded/eve/ps/ps.ipynb')
    outputs = ''
    if ran.exists():
        cells = json.loads(ran.read_text())['cells']
        outputs = json.dumps([o.get('text', '') for c in cells for o in c.get('outputs', ())])
    stolen = any(word in outputs for word in given['words'])
    changed = marks('ben') != before or Path('source/ps/ps.ipynb').read_text() != source
    changed = changed or json.loads(Path('submitted/ben/ps/ps.ipynb').read_text()) != given['ben']
    if marks('eve') > 0 or stolen or changed: won.append(name)
    print(name, marks('eve'), stolen, changed, flush=True)
print('WON', json.dumps(won))
"""


def grade_with_stock(attacks: dict[str, dict], folder: Path) -> set[str]:
    """Names of the attacks that win points, read what is hidden, or change others' work."""
    ben = answered(forgeries.SOURCE, square=f"# {forgeries.NEIGHBOUR}\n{forgeries.RIGHT}")
    given = {"source": forgeries.SOURCE, "attacks": attacks, "ben": ben,
             "words": [forgeries.TOKEN, forgeries.NEIGHBOUR]}  # fmt: skip
    (folder / "given.json").write_text(json.dumps(given))
    (folder / "script.py").write_text(SCRIPT)
    folder.chmod(0o755)
    said = docker(
        "run", "--rm", "--init", "--network", "none", "--cap-drop", "ALL", "--user", "1000:1000",
        "--memory", "2g", "--pids-limit", "512", "--shm-size", "512m",
        "--label", "cohort.kind=test", "--env", "HOME=/dev/shm", "--env", "JUPYTER_PLATFORM_DIRS=1",
        "--volume", f"{folder}:/given:ro", image(), "python", "/given/script.py",
    )  # fmt: skip
    line = next((line for line in said.splitlines() if line.startswith("WON ")), None)
    assert line, said
    return set(json.loads(line.removeprefix("WON ")))
