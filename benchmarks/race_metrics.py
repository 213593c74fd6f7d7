#!/usr/bin/env python3
"""Times Python libraries on the masks of metrics_benchmark, one process, and checks that values agree.

TOTUM_MASKS=DIR metrics_benchmark      writes the masks and times totum
race_metrics.py DIR                    times the peers: scipy, MONAI, surface-distance, SimpleITK

Each peer does what it offers of the nine metrics for all 13 organs, cropped to the organ's box with a rim of
one voxel, as totum does. Packages (in a throw-away environment): numpy scipy nibabel SimpleITK monai torch and
DeepMind's surface-distance from its repository; one that is missing is left out and said so.
"""

import sys
import time
from pathlib import Path

import nibabel
import numpy as np


def cropped(prediction, reference, organ):
    p, r = prediction == organ, reference == organ
    places = np.argwhere(p | r)
    low, high = np.maximum(places.min(0) - 1, 0), places.max(0) + 2
    box = tuple(slice(a, b) for a, b in zip(low, high))
    return p[box], r[box]


def with_scipy(p, r, spacing):
    from scipy.ndimage import binary_erosion, distance_transform_edt
    edges = [m & ~binary_erosion(m) for m in (p, r)]
    a = distance_transform_edt(~edges[1], sampling=spacing)[edges[0]]
    b = distance_transform_edt(~edges[0], sampling=spacing)[edges[1]]
    both = np.concatenate([a, b])
    return max(np.percentile(a, 95), np.percentile(b, 95)), both.mean(), (both <= 2).mean()


def with_monai(p, r, spacing):
    import torch
    from monai.metrics import (compute_average_surface_distance, compute_dice, compute_hausdorff_distance, compute_iou,
                               compute_surface_dice)
    y_pred, y = (torch.from_numpy(m[None, None].astype(np.float32)) for m in (p, r))
    compute_dice(y_pred, y), compute_iou(y_pred, y)
    assd = compute_average_surface_distance(y_pred, y, include_background=True, symmetric=True, spacing=spacing)
    nsd = compute_surface_dice(y_pred, y, [2.0], include_background=True, spacing=spacing)
    hd95 = compute_hausdorff_distance(y_pred, y, include_background=True, percentile=95, spacing=spacing)
    return float(hd95), float(assd), float(nsd)


def with_surface_distance(p, r, spacing):
    import surface_distance as sd
    distances = sd.compute_surface_distances(r, p, spacing)
    forth, back = sd.compute_average_surface_distance(distances)
    return (sd.compute_robust_hausdorff(distances, 95), (forth + back) / 2,
            sd.compute_surface_dice_at_tolerance(distances, 2.0))


def with_simpleitk(p, r, spacing):
    import SimpleITK
    images = [SimpleITK.GetImageFromArray(m.astype(np.uint8)) for m in (p, r)]
    for image in images:
        image.SetSpacing([float(s) for s in spacing[::-1]])
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    hausdorff = SimpleITK.HausdorffDistanceImageFilter()
    hausdorff.Execute(*images)
    return None, hausdorff.GetAverageHausdorffDistance(), None


def main():
    folder = Path(sys.argv[1])
    images = [nibabel.load(folder / part / "amos_0001.nii.gz") for part in ("predictions", "labels")]
    prediction, reference = (np.ascontiguousarray(np.asarray(i.dataobj).transpose(2, 1, 0)) for i in images)
    spacing = tuple(float(s) for s in images[1].header.get_zooms()[::-1])
    for name, measure in [("scipy", with_scipy), ("MONAI", with_monai), ("surface-distance", with_surface_distance),
                          ("SimpleITK", with_simpleitk)]:
        try:
            measure(*cropped(prediction, reference, 1), spacing)  # imports
        except ImportError as error:
            print(f"{name}: left out ({error})")
            continue
        start = time.perf_counter()
        values = [measure(*cropped(prediction, reference, organ), spacing) for organ in range(1, 14)]
        print(f"{name}: {time.perf_counter() - start:.3f} s; HD95, ASSD, NSD(2 mm) of the liver: {values[5]}")


if __name__ == "__main__":
    main()
