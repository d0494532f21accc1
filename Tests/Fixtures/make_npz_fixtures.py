"""Lets numpy write the .npz files of the tests, and what is in them as .safetensors."""

import io
import os
import zipfile

import numpy as np
from safetensors.numpy import save_file

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "npz")


def write_version_2(path, arrays):
    """Headers of version 2.0, which numpy writes only where they are long; the second array deflated."""
    with zipfile.ZipFile(path, "w") as archive:
        for index, (name, array) in enumerate(arrays.items()):
            data = io.BytesIO()
            np.lib.format.write_array(data, array, version=(2, 0))
            kind = zipfile.ZIP_DEFLATED if index else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name + ".npy"), data.getvalue(), compress_type=kind)


def main():
    os.makedirs(HERE, exist_ok=True)
    random = np.random.default_rng(8)
    arrays = {
        name: (random.normal(size=(3, 5)) * 100).astype(kind)
        for name, kind in {
            "f8": "<f8", "f4": "<f4", "f2": "<f2", "i8": "<i8", "i4": "<i4", "i2": "<i2", "i1": "|i1", "u1": "|u1",
            "b1": "|b1",
        }.items()
    }
    arrays["scalar"] = np.float64(0.1)
    arrays["one"] = np.array([7.5], dtype="<f4")
    arrays["vector"] = np.arange(5, dtype="<i4")
    arrays["fortran"] = np.asfortranarray(random.normal(size=(4, 3, 2)).astype("<f4"))
    arrays["fortran_u1"] = np.asfortranarray(random.integers(0, 256, size=(7, 3, 2)).astype("|u1"))
    arrays["pictures"] = random.integers(0, 256, size=(10, 4, 4, 3)).astype("|u1")
    np.savez(os.path.join(HERE, "stored.npz"), empty=np.zeros((0, 4), "<f4"), **arrays)
    np.savez_compressed(os.path.join(HERE, "deflated.npz"), empty=np.zeros((0, 4), "<f4"), **arrays)
    write_version_2(os.path.join(HERE, "version-2.npz"), {"f4": arrays["f4"], "fortran": arrays["fortran"]})
    np.savez(
        os.path.join(HERE, "unread-types.npz"), good=arrays["f4"], big=arrays["f4"].astype(">f4"),
        text=np.array(["a", "bc"]), complex=np.array([1j]), things=np.array([{}], dtype=object),
        unsigned=np.array([1], dtype="<u2"))
    np.savez(os.path.join(HERE, "nothing.npz"), text=np.array(["a"]))
    np.save(os.path.join(HERE, "pictures.npy"), arrays["pictures"])
    np.save(os.path.join(HERE, "vector.npy"), arrays["vector"])
    expected = {name: np.array(array, order="C") for name, array in arrays.items() if name != "scalar"}
    expected["scalar"] = np.array([arrays["scalar"]])
    save_file(expected, os.path.join(HERE, "expected.safetensors"))


if __name__ == "__main__":
    main()
