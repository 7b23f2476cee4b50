"""The settings and the roster that a lab under test begins with."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Filled in by `tests.labs.Lab.write_settings`: everything with a short time, so that tests
# need not wait, and a profile for each thing that tests do.
SETTINGS = """
[lab]
name = "Test Lab"
data = "{data}"
project = "{project}"

[address]
url = "http://127.0.0.1:{port}"
internal_port = {internal}

[login]
provider = "bundled"
recheck_seconds = 2

[gpus]
devices = {gpus}

[network]
subnet = "{subnet}"

[idle]
warn_minutes = 0.25
check_seconds = 2

[[profiles]]
name = "desk"
title = "Desk"
kind = "desk"
cpus = 2
memory = "1G"

[[profiles]]
name = "desk-brief"
title = "Brief desk"
kind = "desk"
memory = "1G"
idle_minutes = 0.5

[[profiles]]
name = "desk-staff"
title = "Staff desk"
kind = "desk"
memory = "2G"
roles = ["instructor", "operator"]

[[profiles]]
name = "team-gpu"
title = "1 GPU"
kind = "team"
cpus = 2
memory = "2G"
gpus = 1

[[profiles]]
name = "team-gpus"
title = "2 GPUs"
kind = "team"
memory = "2G"
gpus = 2

[[profiles]]
name = "team-cpu"
title = "CPU only"
kind = "team"
memory = "2G"

[[profiles]]
name = "team-lost"
title = "An image that is not there"
kind = "team"
image = "cohort/never-built:1"

[[profiles]]
name = "course"
title = "Course"
kind = "course"
memory = "2G"

[[courses]]
id = "ai-foundations"
title = "AI foundations"

[[courses.plan]]
lesson = "02-data"
title = "Data & splits"
week = 2

[[courses.plan]]
lesson = "capstone"
title = "Capstone"
week = 3
until = 4

[programme]
start = 2027-02-01
weeks = 4
holidays = ["2027-02-08/2027-02-09", "2027-02-15/2027-02-19"]
"""

PEOPLE = (ROOT / "people.csv").read_text(encoding="utf-8")
