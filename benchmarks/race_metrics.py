#!/usr/bin/env python3
"""Races totum's metrics against Python libraries: same label maps, same machine, one after the other in one run.

race_metrics.py METRICS_BENCHMARK [REPEATS [TOTUM]]      e.g. build/cpu/benchmarks/metrics_benchmark 5 build/cpu/cli/totum

First METRICS_BENCHMARK times totum on two threads: all nine metrics of 13 organs from two label maps of 143x233x338
voxels, and leaves label maps and scores behind. Then each peer computes what it offers of Dice, NSD, HD95 and ASSD of
the same organs, on masks that are cut to the organ's box (a rim of one voxel around it) before its clock starts;
totum's time includes finding the boxes. Of each the fastest of REPEATS (5) runs counts. What a peer defines as totum
totum does must come out equal to 1e-4 (MONAI computes in float32), or the race is void.

With TOTUM, `totum evaluate` of that case (both files read, nine metrics, scores written) then races the fastest peer, the k-d
tree, as a command of its own that reads the same files with nibabel and prints its four metrics: whole commands, and without
either's start-up (`totum --help`; the peer's interpreter and imports).

Packages, in an environment of their own: numpy scipy nibabel SimpleITK surface-distance monai torch. One that is
missing is left out and said so. Peers may use as many threads as they like.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import nibabel
import numpy as np

TOLERANCE_MM = {5: 1.0, 11: 1.0, 12: 1.0}  # evaluation/nsd_tolerances.json; 2 mm for the others


def with_scipy(p, r, spacing, tolerance):
    from scipy.ndimage import binary_erosion, distance_transform_edt
    edges = [m & ~binary_erosion(m) for m in (p, r)]
    a = distance_transform_edt(~edges[1], sampling=spacing)[edges[0]]
    b = distance_transform_edt(~edges[0], sampling=spacing)[edges[1]]
    both = np.concatenate([a, b])
    return {"dice": 2 * (p & r).sum() / (p.sum() + r.sum()), "nsd": (both <= tolerance + 1e-9).mean(),
            "hd95": max(np.percentile(a, 95), np.percentile(b, 95)), "assd": both.mean()}


def with_k_d_tree(p, r, spacing, tolerance):
    """Surface voxels alone: erosion within the box, nearest neighbours from a tree, without its slower balancing."""
    from scipy.ndimage import binary_erosion
    from scipy.spatial import cKDTree
    points = [np.argwhere(m & ~binary_erosion(m)) * spacing for m in (p, r)]
    trees = [cKDTree(x, balanced_tree=False, compact_nodes=False) for x in points]
    a = trees[1].query(points[0], workers=-1)[0]
    b = trees[0].query(points[1], workers=-1)[0]
    both = np.concatenate([a, b])
    return {"dice": 2 * np.count_nonzero(p & r) / (np.count_nonzero(p) + np.count_nonzero(r)),
            "nsd": np.count_nonzero(both <= tolerance + 1e-9) / both.size,
            "hd95": max(np.percentile(a, 95), np.percentile(b, 95)), "assd": both.mean()}


def with_monai(p, r, spacing, tolerance):
    import torch
    from monai.metrics import (compute_average_surface_distance, compute_dice, compute_hausdorff_distance,
                               compute_surface_dice)
    y_pred, y = (torch.from_numpy(m[None, None].astype(np.float32)) for m in (p, r))
    return {"dice": float(compute_dice(y_pred, y)),
            "nsd": float(compute_surface_dice(y_pred, y, [tolerance], include_background=True, spacing=spacing)),
            "hd95": float(compute_hausdorff_distance(y_pred, y, include_background=True, percentile=95,
                                                     spacing=spacing)),
            "assd": float(compute_average_surface_distance(y_pred, y, include_background=True, symmetric=True,
                                                           spacing=spacing))}


def with_surface_distance(p, r, spacing, tolerance):
    import surface_distance
    distances = surface_distance.compute_surface_distances(r, p, spacing)
    forth, back = surface_distance.compute_average_surface_distance(distances)
    return {"dice": surface_distance.compute_dice_coefficient(r, p),
            "nsd": surface_distance.compute_surface_dice_at_tolerance(distances, tolerance),
            "hd95": surface_distance.compute_robust_hausdorff(distances, 95), "assd": (forth + back) / 2}


def with_simpleitk(p, r, spacing, tolerance):
    import SimpleITK
    images = [SimpleITK.GetImageFromArray(m.astype(np.uint8)) for m in (p, r)]
    for image in images:
        image.SetSpacing([float(s) for s in spacing[::-1]])
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    hausdorff = SimpleITK.HausdorffDistanceImageFilter()
    hausdorff.Execute(*images)
    return {"dice": overlap.GetDiceCoefficient(), "assd": hausdorff.GetAverageHausdorffDistance()}


# Name, package, function, metrics that it defines as totum does.
PEERS = [("SciPy's k-d tree", "scipy", with_k_d_tree, ("dice", "nsd", "hd95", "assd")),
         ("SciPy", "scipy", with_scipy, ("dice", "nsd", "hd95", "assd")),
         ("MONAI", "monai", with_monai, ("dice", "nsd", "hd95", "assd")),
         ("surface-distance", "surface-distance", with_surface_distance, ("dice",)),
         ("SimpleITK", "SimpleITK", with_simpleitk, ("dice",))]


def time_totum(benchmark, folder, repeats):
    """Milliseconds of the fastest repetition on two threads, and {(organ, metric): value}."""
    command = [benchmark, "--benchmark_filter=threads:2", "--benchmark_format=json",
               f"--benchmark_repetitions={repeats}"]
    output = subprocess.run(command, env={**os.environ, "TOTUM_MASKS": str(folder)}, check=True, capture_output=True)
    runs = [run for run in json.loads(output.stdout)["benchmarks"] if run["run_type"] == "iteration"]
    with open(folder / "scores.csv") as file:
        scores = {(row["organ"], row["metric"]): float(row["value"]) for row in csv.DictReader(file)}
    return min(run["real_time"] for run in runs), scores


def boxes_of(prediction, reference):
    """For each organ the slices of the box that holds it in both maps, with a rim of one voxel."""
    from scipy.ndimage import find_objects
    for ours, theirs in zip(find_objects(prediction, 13), find_objects(reference, 13)):
        yield tuple(slice(max(min(a.start, b.start) - 1, 0), max(a.stop, b.stop) + 1) for a, b in zip(ours, theirs))


def organ_names(scores):
    """In the order of their class indices, as totum writes them."""
    return list(dict.fromkeys(organ for organ, _ in scores))


def largest_difference(values, names, metrics, scores):
    return max(abs(found[metric] - scores[name, metric]) / max(1.0, abs(scores[name, metric]))
               for name, found in zip(names, values) for metric in metrics)


def cases_in(folder):
    """For each organ: its two masks in its box, the spacing and the tolerance."""
    images = [nibabel.load(folder / part / "amos_0001.nii.gz") for part in ("predictions", "labels")]
    prediction, reference = (np.ascontiguousarray(np.asarray(i.dataobj).transpose(2, 1, 0)) for i in images)
    spacing = tuple(float(s) for s in images[1].header.get_zooms()[::-1])
    return [(prediction[box] == organ, reference[box] == organ, spacing, TOLERANCE_MM.get(organ, 2.0))
            for organ, box in enumerate(boxes_of(prediction, reference), start=1)]


def run_peer(folder):
    """The k-d tree as a command: its seconds after imports on the last line."""
    import scipy.ndimage  # noqa: F401: imports are start-up
    import scipy.spatial  # noqa: F401
    start = time.perf_counter()
    for organ, case in enumerate(cases_in(folder), start=1):
        for metric, value in with_k_d_tree(*case).items():
            print(f"{organ},{metric},{value}")
    print(time.perf_counter() - start)


def fastest(command, repeats):
    """Seconds of the fastest of `repeats` runs, and what the last one printed."""
    seconds, output = np.inf, ""
    for _ in range(repeats):
        start = time.perf_counter()
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds = min(seconds, time.perf_counter() - start)
    return seconds, output


def race_commands(totum, folder, repeats, scores):
    evaluate = [totum, "evaluate", "--labels", folder / "labels", "--predictions", folder / "predictions", "--metrics",
                ",".join(dict.fromkeys(metric for _, metric in scores)), "--out", folder / "out"]
    whole, _ = fastest(evaluate, repeats)
    start_up, _ = fastest([totum, "--help"], repeats)
    peer, output = fastest([sys.executable, __file__, "--peer", folder], repeats)
    after_imports = min([float(output.split()[-1])] + [
        float(fastest([sys.executable, __file__, "--peer", folder], 1)[1].split()[-1]) for _ in range(repeats - 1)])
    print(f"as whole commands: totum evaluate {whole:.3f} s, k-d tree {peer:.3f} s, {peer / whole:.1f} times totum's")
    print(f"without start-up: totum evaluate {whole - start_up:.3f} s, k-d tree {after_imports:.3f} s, "
          f"{after_imports / (whole - start_up):.1f} times totum's")


def main():
    if sys.argv[1] == "--peer":
        return run_peer(Path(sys.argv[2]))
    benchmark, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        totum_ms, scores = time_totum(benchmark, folder, repeats)
        cases = cases_in(folder)
        if len(sys.argv) > 3:
            race_commands(sys.argv[3], folder, repeats, scores)
    print(f"totum, nine metrics, two threads: {totum_ms / 1000:.3f} s")
    is_void = False
    for title, package, measure, equal in PEERS:
        try:
            measure(*cases[0])  # imports
        except ImportError as error:
            print(f"{title}: left out ({error})")
            continue
        seconds, values = np.inf, []
        for _ in range(repeats):
            start = time.perf_counter()
            values = [measure(*case) for case in cases]
            seconds = min(seconds, time.perf_counter() - start)
        difference = largest_difference(values, organ_names(scores), equal, scores)
        is_void = is_void or difference > 1e-4
        print(f"{title} {metadata.version(package)}, {', '.join(values[0])}: {seconds:.3f} s, "
              f"{1000 * seconds / totum_ms:.1f} times totum's; {', '.join(equal)} differ by at most {difference:.1e}")
    if is_void:
        sys.exit("values differ by more than 1e-4: these programs did not do the same work")


if __name__ == "__main__":
    main()
