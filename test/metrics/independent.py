"""Scores of frames by other people's code, as JSON, one number a frame:

python3 independent.py PREDICTED.npy OBSERVED.npy SIDE LEVEL

Frames are [frames, height, width] in [0, 1]. SSIM and PSNR are scikit-image's, FSS is made of SciPy's box filter with
neighbourhoods of SIDE x SIDE pixels and events from LEVEL on, CSI of NumPy's logical operations.
"""

import json
import sys

import numpy
from scipy.ndimage import uniform_filter
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

predicted, observed = (numpy.load(path).astype(numpy.float64) for path in sys.argv[1:3])
side, level = int(sys.argv[3]), float(sys.argv[4])


def fss(p, o):
    p, o = (uniform_filter((x >= level).astype(numpy.float64), side, mode="constant") for x in (p, o))
    return 1 - ((p - o) ** 2).sum() / ((p**2).sum() + (o**2).sum())


def csi(p, o):
    p, o = p >= level, o >= level
    return (p & o).sum() / (p | o).sum()


def ssim(p, o):
    return structural_similarity(
        p, o, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )


def psnr(p, o):
    return peak_signal_noise_ratio(o, p, data_range=1)


pairs = list(zip(predicted, observed))
print(json.dumps({score.__name__: [float(score(p, o)) for p, o in pairs] for score in (ssim, psnr, fss, csi)}))
