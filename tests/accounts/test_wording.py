import pytest

from livecore.accounts.wording import check_line, name_words


def test_spaces_collapse_and_marks_combine() -> None:
    assert check_line("  Zoe\u0308   de \t la Cruz ", 80) == "Zoë de la Cruz"


def test_emoji_of_several_parts_and_joiners_stay() -> None:
    assert check_line("👩‍🚀 नमस्ते", 80) == "👩‍🚀 नमस्ते"


@pytest.mark.parametrize("text", ["", "   ", "a" * 81, "a\u202eb", "a\u200bb", "a\x07b", "\ue000", "a\ud800"])
def test_what_cannot_be_shown_or_is_too_long_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|characters"):
        check_line(text, 80)


def test_words_are_found_without_accents_or_case() -> None:
    assert name_words("José O'Hara-Ångström, Jr.") == ["jose", "ohara", "angstrom", "jr"]
