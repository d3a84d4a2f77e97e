"""What the protocols' own suites are run against."""
