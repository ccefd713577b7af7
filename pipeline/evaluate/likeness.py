"""How like its target a picture is: L1, PSNR and SSIM of each image. All arrays are uint8 (N, H, W, C)."""

import cv2
import numpy as np

__all__ = ["l1", "psnr", "ssim"]

WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def l1(made: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Mean absolute difference in levels, 0..255: float64 (N,)."""
    return np.abs(made.astype(np.float64) - target).mean((1, 2, 3))


def psnr(made: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB over all channels and pixels, no border left out: float64 (N,); inf for equal images."""
    error = ((made.astype(np.float64) - target) ** 2).mean((1, 2, 3))
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / error)


def ssim(made: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Structural similarity, the mean over channels and over windows that lie inside: float64 (N,) up to 1.

    Wang et al. 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity", section III.C: a Gaussian window of
    11 x 11 with a standard deviation of 1.5 (a smaller one where the image is smaller), K1 = .01, K2 = .03.
    """
    return np.array([_ssim(one.astype(np.float64), other.astype(np.float64)) for one, other in zip(made, target, strict=True)])


def _ssim(one: np.ndarray, other: np.ndarray) -> float:
    window = min(WINDOW, (min(one.shape[:2]) - 1) // 2 * 2 + 1)
    rim = window // 2

    def mean(values: np.ndarray) -> np.ndarray:
        blurred = cv2.GaussianBlur(values, (window, window), SIGMA)
        return blurred.reshape(values.shape)[rim : values.shape[0] - rim, rim : values.shape[1] - rim]

    a, b = mean(one), mean(other)
    aa, bb, ab = mean(one * one) - a * a, mean(other * other) - b * b, mean(one * other) - a * b
    return float((((2 * a * b + C1) * (2 * ab + C2)) / ((a * a + b * b + C1) * (aa + bb + C2))).mean())
