"""Golden values of the search: Gaussian processes in NumPy and SciPy, log expected improvement in mpmath.

Needs numpy, scipy and mpmath. Writes gaussian_process.json and log_ei.json beside itself.
"""

import json
import pathlib

import mpmath
import numpy
from scipy.linalg import solve
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

HERE = pathlib.Path(__file__).parent


def kernel(a, b, lengthscales, variance):
    r = cdist(a / lengthscales, b / lengthscales)
    s = numpy.sqrt(5.0) * r
    return variance * (1 + s + s**2 / 3) * numpy.exp(-s)


def standardised(values):
    return (values - values.mean()) / values.std(ddof=1)


def log_likelihood(points, values, logs):
    """By SciPy's dense normal density; logs are ln l, ln s2, ln of the noise's variance."""
    lengthscales, variance, noise = numpy.exp(logs[:-2]), numpy.exp(logs[-2]), numpy.exp(logs[-1])
    covariance = kernel(points, points, lengthscales, variance) + noise * numpy.eye(len(points))
    return multivariate_normal(numpy.zeros(len(points)), covariance).logpdf(standardised(values))


def case(rng, dimensions, count):
    points = rng.random((count, dimensions))
    values = 3 + 40 * (numpy.sin(5 * points).sum(1) + 0.1 * rng.standard_normal(count))
    logs = numpy.concatenate([rng.uniform(-1.5, 0.7, dimensions), [rng.uniform(-1, 1), rng.uniform(-6, -2)]])
    lengthscales, variance, noise = numpy.exp(logs[:-2]), numpy.exp(logs[-2]), numpy.exp(logs[-1])
    tests = rng.random((5, dimensions))
    covariance = kernel(points, points, lengthscales, variance) + noise * numpy.eye(count)
    cross = kernel(tests, points, lengthscales, variance)
    scale = values.std(ddof=1)
    means = values.mean() + scale * (cross @ solve(covariance, standardised(values)))
    posterior = kernel(tests, tests, lengthscales, variance) - cross @ solve(covariance, cross.T)
    gradient = []
    for index in range(len(logs)):
        step = numpy.zeros(len(logs))
        step[index] = 1e-4
        low2, low, high, high2 = (log_likelihood(points, values, logs + k * step) for k in (-2, -1, 1, 2))
        gradient.append((low2 - 8 * low + 8 * high - high2) / 12e-4)
    return {
        "points": points.tolist(),
        "values": values.tolist(),
        "lengthscales": lengthscales.tolist(),
        "signalVariance": variance,
        "noiseVariance": noise,
        "logLikelihood": float(log_likelihood(points, values, logs)),
        "gradient": [float(value) for value in gradient],
        "tests": tests.tolist(),
        "means": means.tolist(),
        "variances": (scale**2 * numpy.diag(posterior)).tolist(),
    }


def log_ei(z):
    """ln(phi + z Phi), and the ratios of Phi and phi to it, with 60 digits and enough more for what cancels."""
    mpmath.mp.dps = 60 + int(4 * abs(mpmath.log10(abs(z) + 1))) + 40
    z = mpmath.mpf(z)
    density = mpmath.exp(-z * z / 2) / mpmath.sqrt(2 * mpmath.pi)
    cumulative = mpmath.erfc(-z / mpmath.sqrt(2)) / 2
    h = density + z * cumulative
    return {
        "z": float(z),
        "logH": float(mpmath.log(h)),
        "cumulative": float(cumulative / h),
        "density": float(density / h),
    }


def main():
    rng = numpy.random.default_rng(1)
    shapes = [(1, 3), (2, 8), (3, 12), (3, 36), (6, 30)]
    cases = [case(rng, dimensions, count) for dimensions, count in shapes]
    (HERE / "gaussian_process.json").write_text(json.dumps(cases, indent=1) + "\n")
    places = [-1e6, -1e4, -1000, -200, -50, -20, -12, -10.001, -10, -9.999, -8, -5, -3, -1.5]
    places += [-1.001, -1, -0.999, -0.5, 0, 0.5, 1, 2, 5, 10, 30]
    (HERE / "log_ei.json").write_text(json.dumps([log_ei(z) for z in places], indent=1) + "\n")


main()
