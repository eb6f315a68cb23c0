"""How masks are called."""

import pytest

from restore.folders.patterns import guess_pattern


@pytest.mark.parametrize(
    ("photos", "names", "pattern"),
    [
        ({"a", "a-1"}, {"a_mask", "a-1_mask"}, "{stem}_mask"),
        ({"deep/a"}, {"deep/a-hole"}, "{stem}-hole"),
        ({"a"}, {"a-fixed", "a-fixed-2", "b_mask"}, None),
        ({"x"}, {"x-photos/a"}, None),
        (set(), {"a_mask"}, None),
        ({"1", "2"}, {"mask_1", "mask_2"}, "mask_{stem}"),
        ({"deep/a", "deep/b"}, {"deep/hole-a", "deep/hole-b", "deep/b_x"}, "hole-{stem}"),
    ],
)
def test_the_pattern_that_fits_most_names_is_guessed(
    photos: set[str], names: set[str], pattern: str | None
) -> None:
    assert guess_pattern(photos, names) == pattern
