import pytest

from livecore.accounts.contact import check_email, check_phone, email_key


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ann@Example.ORG", "Ann@example.org"),
        ("  a.b+c@example.org ", "a.b+c@example.org"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("o'hara@mail.example", "o'hara@mail.example"),
    ],
)
def test_an_address_is_kept_in_one_form(given: str, kept: str) -> None:
    assert check_email(given) == kept


def test_case_makes_no_other_address() -> None:
    assert email_key("Ann@example.org") == email_key("ann@EXAMPLE.org")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "ann",
        "@example.org",
        "ann@",
        "a b@example.org",
        ".a@example.org",
        "a..b@example.org",
        "a@-x.org",
        "a@b\n.org",
        "a\x00@b.org",
        "x" * 65 + "@b.org",
        "a@" + "b" * 260 + ".org",
        'a"@b.org',
        "a@b@c.org",
        "a@.org",
        "a@b",
        "a@192.0.2.1",
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="mail address"):
        check_email(given)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("+1 202 555-0100", "+12025550100"),
        ("+49 (0)151 23456789", "+4915123456789"),
        ("+4915112000001", "+4915112000001"),
        ("+683 4002", "+6834002"),
    ],
)
def test_a_number_is_kept_as_e164(given: str, kept: str) -> None:
    assert check_phone(given) == kept


@pytest.mark.parametrize("given", ["", "0151 23456789", "+1", "+4912", "+999123456789", "phone", "+1202555010000000", "+"])
def test_what_is_no_international_number_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="phone number"):
        check_phone(given)
