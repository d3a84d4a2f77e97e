"""Imported by each Python process that has this directory on its path: switches handlers off there too (`tests.switching`)."""

from tests import switching

switching.pytest_configure()
