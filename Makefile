# Every target does one thing; twice has the same result as once.
SETTINGS ?= cohort.toml
PEOPLE ?= people.csv
PYTHON := .venv/bin/python
LAB = $(PYTHON) -m cohort.lab --settings $(SETTINGS) --people $(PEOPLE)
.DEFAULT_GOAL := help
.PHONY: help up down status logs people curriculum password test campaign bench lint lock clean host dev

help:  ## what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

host:
	@sh cohort/lab/bootstrap.sh requirements.txt

dev:
	@sh cohort/lab/bootstrap.sh requirements-dev.txt

up: host  ## bring the lab up: engine, images, services, people
	@$(LAB) up

down: host  ## stop the lab; data is never touched
	@$(LAB) down

status: host  ## what runs, and how it is
	@$(LAB) status

logs: host  ## follow the services' logs
	@$(LAB) logs

people: host  ## bring a changed people.csv into the running lab
	@$(LAB) people

password: host  ## a new password for one person: make password LOGIN=ada
	@$(LAB) password --login="$$LOGIN"

test: dev  ## set up what the tests need and run them all
	@$(PYTHON) -m tests.prepare
	@$(PYTHON) -m pytest $(ARGS)

campaign: dev  ## the long versions of the kill, load and attack tests
	@$(PYTHON) -m tests.prepare
	@COHORT_CAMPAIGN=1 $(PYTHON) -m pytest $(ARGS)

bench: dev  ## measure every figure that the README quotes
	@$(PYTHON) -m tests.prepare
	@$(PYTHON) -m bench $(ARGS)

curriculum: dev  ## prove the course by running it, and publish it to the lab
	@$(PYTHON) -m tests.prepare
	@$(PYTHON) -m curriculum.build prove $(ARGS)
	@$(PYTHON) -m curriculum.build publish --settings $(SETTINGS)

lint: dev  ## style and formatting
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .

lock: dev  ## renew every lock from its .in file
	@sh images/lock.sh

clean: host  ## remove the lab's data and images (asks first)
	@$(LAB) clean
