#!/usr/bin/env python3
"""A baseline for totum in Python and NumPy: where organs lie, and how bright they are.

    python3 location_and_intensity.py FOLDER

FOLDER is what totum hands to an external method (docs/external-methods.md): task.json, imagesTr, labelsTr, imagesTs.
The method: for each organ a map of how often it lies where in the torso, and the mean and spread of its intensity in
each modality that labels it. A voxel gets the class with the largest product of the two. No training, seconds to run;
its place is to show how a program of your own reads the folder and writes label maps.
"""

import gzip
import json
import struct
import sys
from pathlib import Path

import numpy as np

GRID = (24, 32, 32)  # of the location maps: z, y, x of the torso in RAS+ order
NUMPY_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}


def read_nifti(path):
    """Voxels [z, y, x] with the file's scaling applied, and the header's 352 bytes."""
    data = gzip.open(path).read()
    order = "<" if struct.unpack("<i", data[:4])[0] == 348 else ">"
    x, y, z = struct.unpack(order + "3h", data[42:48])
    kind = struct.unpack(order + "h", data[70:72])[0]
    offset = int(struct.unpack(order + "f", data[108:112])[0])
    slope, intercept = struct.unpack(order + "2f", data[112:120])
    voxels = np.frombuffer(data, order + NUMPY_TYPES[kind], x * y * z, offset).reshape(z, y, x)
    if np.isfinite(slope) and slope != 0 and (slope, intercept) != (1, 0):
        voxels = voxels * np.float32(slope) + np.float32(intercept)
    return voxels, data[:352]


def write_labels(path, labels, header):
    """Class indices [z, y, x] on the grid of the image that `header` comes from: its affine is kept as it is."""
    order = "<" if struct.unpack("<i", header[:4])[0] == 348 else ">"
    header = bytearray(header)
    header[70:74] = struct.pack(order + "2h", 2, 8)  # uint8
    header[108:124] = struct.pack(order + "3f", 352, 1, 0) + header[120:124]  # offset, no scaling
    header[348:352] = bytes(4)  # no extensions
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        file.write(bytes(header) + labels.astype("u1").tobytes())


def affine(header):
    """The 3 x 4 matrix from voxel indices (x, y, z) to RAS+ millimetres: sform, else qform, else voxel sizes."""
    order = "<" if struct.unpack("<i", header[:4])[0] == 348 else ">"
    sizes = np.array(struct.unpack(order + "4f", header[76:92]))
    qform, sform = struct.unpack(order + "2h", header[252:256])
    if sform > 0:
        return np.array(struct.unpack(order + "12f", header[280:328])).reshape(3, 4)
    if qform <= 0:
        return np.hstack([np.diag(sizes[1:]), np.zeros((3, 1))])
    b, c, d, *shift = struct.unpack(order + "6f", header[256:280])
    a = np.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    turn = np.array([[a*a + b*b - c*c - d*d, 2*b*c - 2*a*d, 2*b*d + 2*a*c],
                     [2*b*c + 2*a*d, a*a + c*c - b*b - d*d, 2*c*d - 2*a*b],
                     [2*b*d - 2*a*c, 2*c*d + 2*a*b, a*a + d*d - b*b - c*c]])
    scale = sizes[1:] * [1, 1, -1 if sizes[0] < 0 else 1]
    return np.hstack([turn * scale, np.array(shift)[:, None]])


class Case:
    """An image in RAS+ order with what is needed to put labels back into the file's own order."""

    def __init__(self, path, modality):
        voxels, self.header = read_nifti(path)
        matrix = affine(self.header)[:, :3]
        # For each world axis (z, y, x of the array) the array axis that lies along it, and whether it runs backwards.
        free, self.axes, self.flips = [0, 1, 2], [], []
        for world in (2, 1, 0):
            column = max(free, key=lambda i: abs(matrix[world, i]))
            free.remove(column)
            self.axes.append(2 - column)
            self.flips.append(bool(matrix[world, column] < 0))
        self.modality = modality
        self.image = self.to_ras(voxels).astype(np.float32)
        body = self.image > np.mean(self.image)
        inside = [np.flatnonzero(body.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
        self.box = [(i[0], i[-1] + 1) if len(i) else (0, n) for i, n in zip(inside, body.shape)]
        values = self.image[body] if body.any() else self.image
        self.image = (self.image - values.mean()) / (values.std() + 1e-6)

    def to_ras(self, array):
        array = array.transpose(self.axes)
        return array[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]

    def to_file(self, array):
        array = array[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]
        return array.transpose(np.argsort(self.axes))

    def places(self):
        """For each axis the cell of the location map in which each plane of voxels lies."""
        places = []
        for (begin, end), cells, planes in zip(self.box, GRID, self.image.shape):
            share = (np.arange(planes) + 0.5 - begin) / (end - begin)
            places.append(np.clip((share * cells).astype(int), 0, cells - 1))
        return np.ix_(*places)


def learn(folder, task):
    """Location maps [14, *GRID], and (mean, deviation) of the intensity by (modality, organ)."""
    organs = len(task["classes"]) - 1
    count = np.zeros((organs + 1, *GRID))
    seen = np.zeros((organs + 1, *GRID))
    samples = {}
    for case in (c for c in task["cases"] if c["subset"] == "train"):
        image = Case(folder / case["image"], case["modality"])
        label = image.to_ras(read_nifti(folder / case["label"])[0])
        cells = np.broadcast_arrays(*image.places())
        for organ in case["labelled_organs"]:  # of the others the label says nothing, not even that they are absent
            here = label == organ
            np.add.at(seen[organ], tuple(cells), 1)
            np.add.at(count[organ], tuple(cell[here] for cell in cells), 1)
            samples.setdefault((case["modality"], organ), []).append(image.image[here])
        samples.setdefault((case["modality"], 0), []).append(image.image.ravel())
    location = count / np.maximum(seen, 1)
    location[0] = np.maximum(1 - location[1:].sum(axis=0), 0.02)
    joined = {key: np.concatenate(values) for key, values in samples.items()}
    return location, {key: (v.mean(), v.std() + 0.1) for key, v in joined.items() if v.size > 20}


def predict(case, location, brightness):
    """Class index of each voxel, in RAS+ order."""
    places = case.places()
    best = np.full(case.image.shape, -np.inf, np.float32)
    labels = np.zeros(case.image.shape, np.uint8)
    for organ in range(len(location)):
        # An organ that this modality never labels is known by its place alone: as bright as anything.
        mean, deviation = brightness.get((case.modality, organ), brightness[case.modality, 0])
        score = np.log(location[organ] + 1e-6)[places] - np.log(deviation) - ((case.image - mean) / deviation) ** 2 / 2
        better = score > best
        best[better] = score[better]
        labels[better] = organ
    return labels


def main():
    folder = Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    location, brightness = learn(folder, task)
    tests = [c for c in task["cases"] if c["subset"] == "test"]
    for done, entry in enumerate(tests, 1):
        case = Case(folder / entry["image"], entry["modality"])
        write_labels(folder / entry["prediction"], case.to_file(predict(case, location, brightness)), case.header)
        print(f"{done} of {len(tests)}: {entry['case']}", flush=True)


if __name__ == "__main__":
    main()
