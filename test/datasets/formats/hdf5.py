"""HDF5 files by the h5py of others.

python3 hdf5.py read FILE.h5 FOLDER: writes each array of numbers to FOLDER as .npy and prints what else there is, as JSON
python3 hdf5.py hostile FILE.h5 OTHER: writes a file whose arrays lie in the file OTHER, by every way HDF5 has for that
"""

import json
import os
import sys

import h5py
import numpy

what, path, other = sys.argv[1:]


def read():
    arrays, texts, attributes = {}, {}, {}

    def plain(value):
        value = value.item() if isinstance(value, numpy.ndarray) and value.size == 1 else value
        value = value.item() if isinstance(value, numpy.generic) and not isinstance(value, numpy.bytes_) else value
        return value.decode("latin1") if isinstance(value, bytes) else value

    def visit(name, found):
        for key, value in found.attrs.items():
            value = plain(value)
            if isinstance(value, (int, float, str)):
                attributes[f"{name} {key}"] = value
        if not isinstance(found, h5py.Dataset) or not found.shape:
            return
        values = found[()]
        if values.dtype.kind in "SO":
            texts[name] = [plain(value) for value in values]
        elif values.dtype.kind in "iuf":
            arrays[name] = f"{len(arrays)}.npy"
            numpy.save(os.path.join(other, arrays[name]), values)

    with h5py.File(path) as file:
        file.visititems(visit)
    print(json.dumps({"arrays": arrays, "texts": texts, "attributes": attributes}))


def hostile():
    with h5py.File(path, "w") as file:
        file["link"] = h5py.ExternalLink(other, "/data")
        file.create_dataset("stored", (4,), "u1", external=[(other, 0, 4)])
        layout = h5py.VirtualLayout((4,), "u1")
        layout[:] = h5py.VirtualSource(other, "data", (4,))
        file.create_virtual_dataset("virtual", layout)


{"read": read, "hostile": hostile}[what]()
