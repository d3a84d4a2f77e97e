"""Hashtags and mentions."""

import pytest

from livecore.wording import MENTIONS_LIMIT, TAGS_LIMIT, mentions_of, normal_tag, tags_of


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#Bread and #bread", ("bread",)),
        ("Ein #Café, zwei #CAFE\u0301", ("café",)),
        ("#ﬁne", ("fine",)),
        ("(#one) #two, #three!", ("one", "two", "three")),
        ("#snake_case #日本語", ("snake_case", "日本語")),
        ("#1 #2024 # ## word#no a@b.c/#no &#39;", ()),
        ("https://x.org/#frag", ()),
        ("#" + "x" * 51, ()),
        (" ".join(f"#t{n}x" for n in range(50)), tuple(f"t{n}x" for n in range(TAGS_LIMIT))),
    ],
)
def test_tags(text: str, tags: tuple[str, ...]) -> None:
    assert tags_of(text) == tags


def test_a_tag_has_one_form() -> None:
    assert normal_tag("#Straße") == normal_tag("STRASSE") == "strasse"
    assert normal_tag("#") is None
    assert normal_tag("two words") is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@anna and @ben.", ("anna", "ben")),
        ("@anna @anna", ("anna",)),
        ("mail anna@example.org", ()),
        ("@ab", ()),
        (" ".join(f"@user{n}" for n in range(30)), tuple(f"user{n}" for n in range(MENTIONS_LIMIT))),
    ],
)
def test_mentions(text: str, names: tuple[str, ...]) -> None:
    assert mentions_of(text) == names
