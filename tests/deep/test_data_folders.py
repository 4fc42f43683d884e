"""CIFAR and STL-10 in their binary formats, and folders of images, from tiny files written here."""

import pickle

import numpy as np
import pytest
from support import require

torch = pytest.importorskip("torch", reason="comes with the extra deep")

from eigenpairs.deep.data import samples  # noqa: E402
from eigenpairs.deep.data.like import samples_like  # noqa: E402

RNG = np.random.default_rng(0)


def pixels(*shape):
    return RNG.integers(0, 256, size=shape, dtype=np.uint8)


# ---------------------------------------------------------------- CIFAR


def write_cifar(path, images, *labels):
    columns = [np.asarray(codes, dtype=np.uint8)[:, None] for codes in labels]
    np.concatenate([*columns, images.reshape(len(images), -1)], axis=1).tofile(path)


@pytest.fixture
def cifar10(tmp_path):
    images = pixels(7, 3, 32, 32)
    write_cifar(tmp_path / "data_batch_1.bin", images[:3], [0, 9, 4])
    write_cifar(tmp_path / "data_batch_2.bin", images[3:5], [1, 1])
    write_cifar(tmp_path / "test_batch.bin", images[5:], [2, 3])
    return tmp_path, images


@pytest.mark.parametrize(
    ("split", "rows", "labels"),
    [
        (None, slice(0, 5), [0, 9, 4, 1, 1]),
        ("train", slice(0, 5), [0, 9, 4, 1, 1]),
        ("test", slice(5, 7), [2, 3]),
        ("all", slice(0, 7), [0, 9, 4, 1, 1, 2, 3]),
    ],
)
def test_cifar10(cifar10, split, rows, labels):
    folder, images = cifar10
    found = samples(folder, split=split)
    assert found.kind == "images" and np.array_equal(found.inputs, images[rows])
    assert found.labels["label"].tolist() == labels
    assert found.label_names["label"] == tuple("0123456789"), "classes without names are called by their numbers"


def test_cifar10_has_the_names_in_its_meta_file(cifar10):
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    (cifar10[0] / "batches.meta.txt").write_text("\n".join(names) + "\n\n")
    assert samples(cifar10[0]).label_names["label"] == tuple(names)


def test_cifar100_has_two_label_sets(tmp_path):
    images = pixels(3, 3, 32, 32)
    write_cifar(tmp_path / "train.bin", images, [0, 19, 4], [99, 0, 50])
    (tmp_path / "coarse_label_names.txt").write_text("\n".join(f"coarse{k}" for k in range(20)))
    found = samples(tmp_path)
    assert np.array_equal(found.inputs, images)
    assert found.labels["coarse"].tolist() == [0, 19, 4] and found.labels["fine"].tolist() == [99, 0, 50]
    assert found.label_names["coarse"][19] == "coarse19" and found.label_names["fine"][99] == "99"
    with pytest.raises(ValueError, match=r"split = 'test' is not in .* choose from 'train', 'all'"):
        samples(tmp_path, split="test")


@pytest.mark.parametrize(("number", "files"), [("10", ["data_batch_1", "test_batch"]), ("100", ["train", "test"])])
def test_pickled_cifar_is_refused_and_the_binary_version_named(tmp_path, number, files):
    for name in files:
        (tmp_path / name).write_bytes(pickle.dumps({"data": [1]}))
    with pytest.raises(ValueError, match=rf"Python version of CIFAR-{number}.*cifar-{number}-binary\.tar\.gz"):
        samples(tmp_path)


def test_damaged_cifar_is_named(cifar10):
    folder, images = cifar10
    batch = folder / "data_batch_2.bin"
    batch.write_bytes(batch.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"data_batch_2\.bin has 6145 bytes, no multiple of 3073"):
        samples(folder)
    write_cifar(batch, images[:1], [10])
    with pytest.raises(ValueError, match=r"data_batch_2\.bin holds the label 10, not 0 to 9"):
        samples(folder)


# ---------------------------------------------------------------- STL-10


@pytest.fixture
def stl10(tmp_path):
    images = pixels(6, 3, 96, 96)
    for part, rows in ("train", slice(0, 3)), ("test", slice(3, 4)), ("unlabeled", slice(4, 6)):
        images[rows].transpose(0, 1, 3, 2).tofile(tmp_path / f"{part}_X.bin")  # column after column
    np.array([1, 10, 3], dtype=np.uint8).tofile(tmp_path / "train_y.bin")
    np.array([2], dtype=np.uint8).tofile(tmp_path / "test_y.bin")
    return tmp_path, images


@pytest.mark.parametrize(
    ("split", "rows", "labels"),
    [
        (None, slice(0, 3), [0, 9, 2]),
        ("test", slice(3, 4), [1]),
        ("unlabeled", slice(4, 6), None),
        ("all", slice(0, 6), [0, 9, 2, 1, -1, -1]),
    ],
)
def test_stl10(stl10, split, rows, labels):
    folder, images = stl10
    found = samples(folder, split=split)
    assert np.array_equal(found.take(np.arange(len(found))).numpy(), images[rows]), "rows and columns are exchanged"
    assert (found.labels["label"].tolist() if labels else found.labels) == (labels or {})
    assert isinstance(found.inputs, np.memmap) or split == "all", "one part is read where it lies"


def test_damaged_stl10_is_named(stl10):
    folder, _ = stl10
    np.array([1, 2], dtype=np.uint8).tofile(folder / "train_y.bin")
    with pytest.raises(ValueError, match=r"train_y\.bin has 2 labels, train_X\.bin has 3 images"):
        samples(folder)
    np.array([0, 1, 2], dtype=np.uint8).tofile(folder / "train_y.bin")
    with pytest.raises(ValueError, match=r"train_y\.bin holds the labels 0 to 2, not 1 to 10"):
        samples(folder)
    (folder / "train_X.bin").write_bytes(b"123")
    with pytest.raises(ValueError, match=r"train_X\.bin has 3 bytes, no multiple of 27648"):
        samples(folder)


# ------------------------------------------------------- folders of images


@pytest.fixture
def save():
    image = require("PIL.Image", "vision")

    def write(path, array, **options):
        path.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(array).save(path, **options)
        return array

    return write


@pytest.fixture
def pets(tmp_path, save):
    """Two classes, one of them with a folder below, an image beside them, and what is no image."""
    folder = tmp_path / "pets"
    images = {
        name: save(folder / name, pixels(6, 8, 3)) for name in ("cat/b.png", "cat/a.png", "dog/x/1.bmp", "loose.png")
    }
    (folder / "cat" / "notes.txt").write_text("no image")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "c.png").write_bytes(b"never read")
    return folder, images


def test_a_folder_of_images_has_one_class_for_each_sub_folder(pets, tmp_path):
    folder, images = pets
    found = samples(folder, cache=tmp_path / "cache")
    order = ["cat/a.png", "cat/b.png", "dog/x/1.bmp", "loose.png"]
    assert np.array_equal(found.inputs, np.stack([images[name].transpose(2, 0, 1) for name in order]))
    assert found.labels["label"].tolist() == [0, 0, 1, -1] and found.label_names["label"] == ("cat", "dog")
    assert isinstance(found.inputs, np.memmap)


def test_a_flat_folder_has_no_labels_and_grey_images_stay_grey(tmp_path, save):
    images = [save(tmp_path / "flat" / f"{k}.png", pixels(5, 4)) for k in range(2)]
    found = samples(tmp_path / "flat", cache=tmp_path / "cache", labels=["u", "v"])
    assert np.array_equal(found.inputs[:, 0], np.stack(images)) and found.shape == (1, 5, 4)
    assert found.labels["label"].tolist() == [0, 1]
    assert samples(tmp_path / "flat", cache=tmp_path / "cache").labels == {}


def test_images_are_decoded_once(pets, tmp_path):
    folder, _ = pets
    seen = []
    for _ in range(2):
        samples(folder, size=4, cache=tmp_path / "cache", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 4)], "the second reading did not come from the cache"
    assert len(list((tmp_path / "cache").iterdir())) == 1, "something else was left in the cache"
    samples(folder, size=5, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2, "another size needs another file"


def test_a_changed_image_is_decoded_again(pets, tmp_path, save):
    folder, _ = pets
    before = np.array(samples(folder, cache=tmp_path / "cache").inputs)
    save(folder / "cat" / "a.png", np.zeros((6, 8, 3), dtype=np.uint8), compress_level=0)
    after = samples(folder, cache=tmp_path / "cache").inputs
    assert not after[0].any() and np.array_equal(after[1:], before[1:])


def test_resizing_keeps_the_middle_square_of_the_shorter_side(tmp_path, save):
    image = np.zeros((20, 60, 3), dtype=np.uint8)
    image[:, 20:40] = (10, 200, 30)
    save(tmp_path / "wide" / "a.png", image)
    save(tmp_path / "wide" / "b.png", image.transpose(1, 0, 2).copy())
    found = samples(tmp_path / "wide", size=10, cache=tmp_path / "cache").inputs
    assert found.shape == (2, 3, 10, 10)
    assert (found[:, :, 2:8, 2:8] == np.array([10, 200, 30])[:, None, None]).all(), "not the middle, or not upright"


def test_photographs_are_turned_upright(tmp_path, save):
    image = require("PIL.Image", "vision")
    exif = image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter: shown, columns of the file are rows
    stored = pixels(4, 6, 3)
    save(tmp_path / "turned" / "a.png", stored, exif=exif)
    found = samples(tmp_path / "turned", cache=tmp_path / "cache").inputs[0]
    assert np.array_equal(found.transpose(1, 2, 0), np.rot90(stored, -1))


def test_images_of_several_sizes_need_a_size(pets, tmp_path, save):
    folder, _ = pets
    save(folder / "dog" / "2.png", pixels(9, 9, 3))
    with pytest.raises(ValueError, match=r"images differ in size \(.*2\.png: 9x9, most: 8x6\); give size"):
        samples(folder, cache=tmp_path / "cache")
    assert samples(folder, size=8, cache=tmp_path / "cache").shape == (3, 8, 8)


@pytest.mark.parametrize("damage", ["truncated", "no image", "empty"])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_damaged_image_is_named_in_one_line(tmp_path, save, damage, suffix):
    file = tmp_path / "images" / f"bad.{suffix}"
    save(tmp_path / "images" / "good.png", pixels(40, 40, 3))
    save(file, pixels(40, 40, 3))
    content = {"truncated": file.read_bytes()[:-900], "no image": b"hello", "empty": b""}[damage]
    file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"image .*bad\.{suffix} cannot be read \(") as caught:
        samples(tmp_path / "images", cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert not list((tmp_path / "cache").iterdir()), "half of a cache was left behind"


def test_images_of_more_than_8_bits_are_refused(tmp_path, save):
    save(tmp_path / "deep" / "a.png", np.arange(16, dtype=np.uint16).reshape(4, 4) * 1000)
    with pytest.raises(ValueError, match=r"a\.png cannot be read \(more than 8 bits a channel"):
        samples(tmp_path / "deep", cache=tmp_path / "cache")


def test_parts_of_a_folder_are_picked_by_split(tmp_path, save):
    folder = tmp_path / "parts"
    for name in ("train/cat/1.png", "train/dog/2.png", "val/dog/3.png", "unlabeled/4.png"):
        save(folder / name, pixels(4, 4, 3))
    options = {"cache": tmp_path / "cache"}
    assert samples(folder, **options).labels["label"].tolist() == [0, 1]
    assert samples(folder, split="test", **options).label_names["label"] == ("dog",)
    assert samples(folder, split="unlabeled", **options).labels == {}
    whole = samples(folder, split="all", **options)
    assert len(whole) == 4 and sorted(whole.labels["label"].tolist()) == [-1, 0, 1, 1]
    with pytest.raises(ValueError, match=r"split = 'test' is not in .* choose from 'train', 'all'"):
        samples_without_test(folder, options)


def test_a_folder_is_read_alike_in_size_and_part(tmp_path, save, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, side in (("train/cat/1.png", 9), ("train/dog/2.png", 8), ("val/dog/3.png", 7)):
        save(tmp_path / "parts" / name, pixels(side, side + 3, 3))
    first = samples(tmp_path / "parts", size=4, split="test")
    assert first.reading == {"size": 4, "split": "test"}

    def read(folder, **options):
        return samples_like(folder, "images", first.shape, first.reading, **options)

    assert np.array_equal(read(tmp_path / "parts").inputs, first.inputs), "another part, or another size"
    assert len(read(tmp_path / "parts", split="train")) == 2 and len(read(tmp_path / "parts", split="all")) == 3
    assert read(tmp_path / "parts" / "train").shape == (3, 4, 4), "a folder without parts was not taken as a whole"


def test_layout_is_not_of_folders(pets, tmp_path):
    with pytest.raises(ValueError, match="in a folder and in Samples they are in place: leave it out"):
        samples(pets[0], layout="channels-last", cache=tmp_path / "cache")
    with pytest.raises(ValueError, match="layout = 'hwc' is unknown"):
        samples(pets[0], layout="hwc", cache=tmp_path / "cache")


def samples_without_test(folder, options):
    for part in ("val", "unlabeled"):
        (folder / part).rename(folder.parent / part)
    return samples(folder, split="test", **options)


def test_folders_without_parts_or_images_say_so(pets, tmp_path):
    with pytest.raises(ValueError, match="has no parts; they are sub-folders called train, test"):
        samples(pets[0], split="test", cache=tmp_path / "cache")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no images \(\.png .* and no CIFAR or STL-10 in binary format"):
        samples(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"kind = 'rows', but .* holds images"):
        samples(pets[0], kind="rows", cache=tmp_path / "cache")


def test_cache_folder_is_the_users_unless_given(pets, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    samples(pets[0])
    assert len(list((tmp_path / "home" / "eigenpairs").glob("images-*.npy"))) == 1
