"""Sign-up, sign-in, devices, profile and settings of a person. See docs/accounts.md."""
