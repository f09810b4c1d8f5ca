"""The hygiene gate: every file of the hostile corpus gets its exact outcome, and nothing else ever escapes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import textwrap
import zlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, features

from lomi_ops.config.sections.judging import ImagesSection
from lomi_ops.domain.verdict import FailureCode
from lomi_ops.errors import PhotoError
from lomi_ops.imaging import decode as gate
from lomi_ops.imaging.decode import Upright, decode
from tests import hostile
from tests.hostile import HEIGHT, WIDTH, Decoded, Hostile
from worker.engines.blur import SIDE, measure

LIMITS = ImagesSection()
GUARDS = Image.MAX_IMAGE_PIXELS


def code_of(data: bytes, limits: ImagesSection = LIMITS) -> FailureCode:
    with pytest.raises(PhotoError) as caught:
        decode(data, limits)
    return FailureCode(caught.value.code)


@pytest.mark.parametrize("file", hostile.corpus(), ids=lambda file: file.name)
def test_every_hostile_file_gets_its_exact_outcome(file: Hostile) -> None:
    if isinstance(file.outcome, FailureCode):
        assert code_of(file.data) is file.outcome
        return
    upright, wanted = decode(file.data, LIMITS), file.outcome
    assert (upright.width, upright.height, upright.format) == (wanted.width, wanted.height, wanted.format)
    assert any(wanted.note in note for note in upright.notes) or not wanted.note
    assert (len(upright.frames), upright.hidden is not None) == (wanted.frames, wanted.hidden)
    for pixels in (upright.pixels, *upright.frames, *([] if upright.hidden is None else [upright.hidden])):
        assert pixels.shape == (wanted.height, wanted.width, 3)
        assert pixels.dtype == np.dtype(np.uint8)
        assert pixels.flags.c_contiguous
        assert not pixels.flags.writeable
    assert upright.sha256 == hashlib.sha256(file.data).hexdigest()


def test_the_corpus_covers_every_outcome() -> None:
    outcomes = Counter("decoded" if isinstance(f.outcome, Decoded) else f.outcome.value for f in hostile.corpus())
    assert sum(outcomes.values()) >= 60
    assert (
        min(outcomes[code] for code in ("decoded", "unreadable", "truncated", "too_large", "unsupported_format")) >= 10
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientations_of_a_lossless_photo_give_the_same_pixels_and_sharpness(orientation: int) -> None:
    upright = decode(hostile.oriented(orientation, "PNG"), LIMITS)
    np.testing.assert_array_equal(upright.pixels, hostile.scene())
    assert measure(upright.pixels, SIDE) == pytest.approx(measure(hostile.scene(), SIDE), rel=1e-3)
    assert upright.original == ((HEIGHT, WIDTH) if orientation >= 5 else (WIDTH, HEIGHT))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientations_of_a_jpeg_give_nearly_the_same_pixels(orientation: int) -> None:
    turned = decode(hostile.oriented(orientation, "JPEG"), LIMITS).pixels.astype(int)
    assert np.abs(turned - hostile.scene()).mean() < 12


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_of_every_mode_are_turned_upright(mode: str, orientation: int) -> None:
    deep = Image.fromarray(np.arange(80 * 96, dtype=np.uint16).reshape(80, 96) * 8)
    picture = deep if mode == "I;16" else hostile.image().resize((96, 80)).convert(mode)
    if mode.endswith("A"):
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    upright = decode(hostile.oriented(orientation, "PNG", picture), LIMITS)
    alike = decode(hostile.saved(picture, "PNG"), LIMITS)
    np.testing.assert_array_equal(upright.pixels, alike.pixels)
    assert (upright.hidden is None) is (alike.hidden is None)
    if upright.hidden is not None and alike.hidden is not None:
        np.testing.assert_array_equal(upright.hidden, alike.hidden)


# Pillow's own image beside the array.


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_pillow_decoded_is_handed_on_without_a_copy_and_without_metadata(kind: str, orientation: int) -> None:
    upright = decode(hostile.oriented(orientation, kind), LIMITS)
    assert upright.view.samples.shape == (upright.height, upright.width, 4)
    assert (type(upright.view.picture), upright.view.picture.info) == (Image.Image, {})
    assert upright.view.picture.readonly
    np.testing.assert_array_equal(upright.view.samples[:, :, :3], upright.pixels)


def test_a_picture_that_pillow_would_go_on_drawing_on_is_not_handed_on() -> None:
    shades = [Image.new("RGB", (80, 80), (shade, 0, 0)) for shade in (10, 60, 110)]
    moving = hostile.saved(shades[0], "PNG", save_all=True, append_images=shades[1:], duration=50)
    assert decode(moving, LIMITS).view.samples.shape == (80, 80, 3)


def test_a_photo_that_lies_in_several_pieces_of_memory_is_handed_on_as_an_array_alone() -> None:
    upright = decode(hostile.saved(Image.new("RGB", (3000, 2000), (9, 8, 7)), "PNG"), ImagesSection())
    assert upright.view.samples.shape == (2000, 3000, 3)
    assert (upright.pixels == (9, 8, 7)).all()


def test_a_decode_leaves_the_settings_of_pillow_as_they_were() -> None:
    before = ImageFile.MAXBLOCK
    decode(hostile.saved(Image.new("RGB", (800, 600)), "PNG"), LIMITS)
    assert before == ImageFile.MAXBLOCK


# Bombs.

BOMBS = [file for file in hostile.corpus() if file.bomb]


@pytest.mark.parametrize("file", BOMBS, ids=lambda file: file.name)
def test_no_pixel_of_a_bomb_is_decoded(file: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: ImageFile.ImageFile) -> None:
        raise AssertionError("a pixel was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(PhotoError) as caught:
        decode(file.data, LIMITS)
    assert caught.value.code == FailureCode.TOO_LARGE
    assert not isinstance(caught.value.__cause__, AssertionError)


def test_bombs_need_hardly_any_memory() -> None:
    program = """
        import resource
        from lomi_ops.config.sections.judging import ImagesSection
        from lomi_ops.errors import PhotoError
        from lomi_ops.imaging.decode import decode
        from tests import hostile

        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        bombs = [file.data for file in hostile.corpus() if file.bomb]
        decode(hostile.jpeg(), ImagesSection())
        before = peak()
        for data in bombs:
            try:
                decode(data, ImagesSection())
            except PhotoError:
                continue
            raise SystemExit("decoded a bomb")
        print(peak() - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True, timeout=100
    )
    assert int(done.stdout) < 24, "MiB; the smallest of them promises 180"


def test_the_limits_are_exact() -> None:
    data = hostile.png()
    tight = ImagesSection(
        max_bytes=len(data), max_pixels=WIDTH * HEIGHT, max_side=WIDTH, min_side=HEIGHT, max_ratio=4 / 3
    )
    assert decode(data, tight).width == WIDTH
    assert code_of(data, tight.model_copy(update={"max_bytes": len(data) - 1})) is FailureCode.TOO_LARGE
    assert code_of(data, tight.model_copy(update={"max_pixels": WIDTH * HEIGHT - 1})) is FailureCode.TOO_LARGE
    assert code_of(data, tight.model_copy(update={"max_side": WIDTH - 1})) is FailureCode.TOO_LARGE
    assert code_of(data, tight.model_copy(update={"min_side": HEIGHT + 1})) is FailureCode.UNREADABLE
    assert code_of(data, tight.model_copy(update={"max_ratio": 1.3})) is FailureCode.UNREADABLE


def test_pillows_guards_are_back_after_success_and_failure() -> None:
    decode(hostile.jpeg(), LIMITS)
    code_of(hostile.file("png bomb").data)
    code_of(hostile.file("jpeg cut at 5 tenths").data)
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == (GUARDS, False)


def test_truncated_files_fail_even_where_somebody_told_pillow_to_accept_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert code_of(hostile.file("jpeg cut at 5 tenths").data) is FailureCode.TRUNCATED


# Colours.


def decoded(name: str) -> Upright:
    return decode(hostile.file(name).data, LIMITS)


def test_transparency_lies_on_neutral_grey_and_the_colours_below_are_kept() -> None:
    upright = decoded("png rgba with hidden colours")
    seen, below = upright.pixels[:, : WIDTH // 2], upright.pixels[:, WIDTH // 2 :]
    np.testing.assert_array_equal(seen, hostile.scene()[:, : WIDTH // 2])
    assert (below == 128).all()
    assert upright.hidden is not None
    np.testing.assert_array_equal(upright.hidden, hostile.scene())


def test_half_transparent_pixels_are_mixed_to_the_level() -> None:
    alpha = np.full((HEIGHT, WIDTH), 200, np.uint8)
    upright = decode(hostile.saved(hostile.with_alpha(alpha), "PNG"), LIMITS)
    np.testing.assert_array_equal(upright.pixels, np.rint((hostile.scene() * 200.0 + 128 * 55) / 255))
    assert upright.hidden is None


def test_hidden_pixels_are_turned_upright_too() -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 3
    data = hostile.saved(hostile.with_alpha(alpha).transpose(Image.Transpose.ROTATE_180), "PNG", exif=exif.tobytes())
    upright = decode(data, LIMITS)
    assert upright.hidden is not None
    np.testing.assert_array_equal(upright.hidden, hostile.scene())


def test_sixteen_bits_keep_the_high_byte() -> None:
    np.testing.assert_array_equal(decoded("png 16 bits grey").pixels, np.repeat(hostile.scene()[:, :, :1], 3, axis=2))
    np.testing.assert_array_equal(decoded("png 16 bits colour").pixels, hostile.scene())


@pytest.mark.parametrize(
    "name", ["jpeg cmyk", "webp lossless", "bmp", "png palette", "avif", "jpeg with a broken profile"]
)
def test_other_modes_and_formats_show_the_same_scene(name: str) -> None:
    assert np.abs(decoded(name).pixels.astype(int) - hostile.scene()).mean() < 16


def test_ycck_is_not_read_as_cmyk() -> None:
    difference = decoded("jpeg adobe ycck").pixels.astype(int) - decoded("jpeg cmyk").pixels
    assert np.abs(difference).mean() > 20


def edited_profile(edit: dict[bytes, bytes]) -> bytes:
    """An sRGB profile with tags renamed in its table: lcms then reads one tag's data as another's."""
    from PIL import ImageCms

    body = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(body[128:132], "big")
    for at in range(132, 132 + 12 * count, 12):
        name = bytes(body[at : at + 4])
        body[at : at + 4] = edit.get(name, name)
    return bytes(body)


def test_a_profile_is_applied() -> None:
    swapped = edited_profile({b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"})
    red = Image.new("RGB", (100, 100), (255, 0, 0))
    upright = decode(hostile.saved(red, "PNG", icc_profile=swapped), LIMITS)
    assert upright.pixels[0, 0, 2] > 200 > 50 > upright.pixels[0, 0, 0]
    assert "colours converted to sRGB" in upright.notes


def test_a_profile_that_makes_all_colours_one_is_ignored() -> None:
    """It would blind the engines, while a viewer without colour management shows the photo."""
    from PIL import ImageCms

    body = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = 0
    while (at := body.find(b"XYZ \0\0\0\0", at + 1)) > 0:
        body[at + 8 : at + 20] = bytes(12)
    upright = decode(hostile.saved(hostile.image(), "PNG", icc_profile=bytes(body)), LIMITS)
    np.testing.assert_array_equal(upright.pixels, hostile.scene())
    assert any("colour profile ignored" in note for note in upright.notes)


def test_an_oversized_profile_is_ignored() -> None:
    upright = decode(hostile.saved(hostile.image(), "JPEG", icc_profile=bytes(5 << 20)), LIMITS)
    assert np.abs(upright.pixels.astype(int) - hostile.scene()).mean() < 12
    assert "colour profile ignored: too large" in upright.notes


# Animations.


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_the_middle_and_the_last_frame_of_an_animation_are_looked_at(kind: str) -> None:
    shades = [Image.new("RGB", (80, 80), (shade, 0, 0)) for shade in (10, 60, 110, 160, 210)]
    data = hostile.saved(shades[0], kind, save_all=True, append_images=shades[1:], lossless=True, duration=50)
    upright = decode(data, LIMITS)
    assert [int(frame[0, 0, 0]) for frame in (upright.pixels, *upright.frames)] == [10, 110, 210]


def test_an_animation_with_a_broken_later_frame_fails() -> None:
    frames = [Image.effect_noise((100, 100), 50 + index) for index in range(4)]
    data = hostile.saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert code_of(data[: len(data) - 3000]) is FailureCode.TRUNCATED


# What decoders throw.


@pytest.mark.parametrize(
    ("thrown", "code"),
    [
        (MemoryError(), FailureCode.TOO_LARGE),
        (Image.DecompressionBombError("bomb"), FailureCode.TOO_LARGE),
        (RecursionError(), FailureCode.UNREADABLE),
        (SyntaxError("not a PNG"), FailureCode.UNREADABLE),
        (zlib.error("-3"), FailureCode.UNREADABLE),
        (AssertionError(), FailureCode.UNREADABLE),
        (OSError("image file is truncated (3 bytes not processed)"), FailureCode.TRUNCATED),
        (OSError("broken data stream when reading image file"), FailureCode.UNREADABLE),
    ],
    ids=repr,
)
def test_whatever_a_decoder_throws_becomes_a_photo_error(
    thrown: Exception, code: FailureCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(self: ImageFile.ImageFile) -> None:
        raise thrown

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(PhotoError) as caught:
        decode(hostile.jpeg(), LIMITS)
    assert caught.value.code == code
    assert caught.value.__cause__ is thrown


def test_avif_is_unsupported_where_pillow_has_no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    assert code_of(hostile.file("avif").data) is FailureCode.UNSUPPORTED_FORMAT


def test_heic_without_its_decoder_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lomi_ops.imaging.sniff.find_spec", lambda name: None)
    with pytest.raises(PhotoError) as caught:
        decode(hostile.iso_header(b"mif1", b"mif1", b"heic") + bytes(64), LIMITS)
    assert caught.value.code == FailureCode.UNSUPPORTED_FORMAT
    assert "lomi-ops[heif]" in caught.value.hint


def outcome(data: bytes) -> Upright | FailureCode:
    """Fails the test on anything but pixels or a PhotoError with a code of the contract."""
    try:
        return decode(data, ImagesSection(max_pixels=4_000_000))
    except PhotoError as failure:
        return FailureCode(failure.code)


MAGICS = (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x20\0\0\0WEBPVP8 ", hostile.iso_header(b"avif"))
SMALL = [file.data for file in hostile.corpus() if isinstance(file.outcome, Decoded) and len(file.data) < 60_000]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MAGICS), st.binary(max_size=400))
def test_arbitrary_bytes_end_as_pixels_or_as_a_photo_error(magic: bytes, rest: bytes) -> None:
    outcome(magic + rest)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_photos_end_as_pixels_or_as_a_photo_error(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(SMALL)))
    # Most mutations go to the front, where the structure is.
    ends = st.sampled_from((len(body) - 1, min(len(body) - 1, 700)))
    for _ in range(data.draw(st.integers(1, 12))):
        body[data.draw(st.integers(0, data.draw(ends)))] = data.draw(st.integers(0, 255))
    found = outcome(bytes(body[: data.draw(st.sampled_from((len(body), len(body) * 2 // 3)))]))
    if isinstance(found, Upright):
        assert found.pixels.shape == (found.height, found.width, 3)


def test_the_gate_knows_every_animated_format_it_lets_in() -> None:
    """A new format must say whether people see its further frames."""
    animated = {f.outcome.format for f in hostile.corpus() if isinstance(f.outcome, Decoded) and f.outcome.frames}
    assert animated == gate._ANIMATED
