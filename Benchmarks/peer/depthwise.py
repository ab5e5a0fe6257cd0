"""Times the gradients of depthwise convolutions in float32 and bfloat16, by one thread: the table of the article Speed.

    taskset -c 0 "$(Scripts/peer.sh)" Benchmarks/peer/depthwise.py
"""

import time

import torch

# Channels, side, stride, kernel, images.
LAYERS = [(96, 64, 2, 3, 32), (144, 32, 2, 3, 32), (192, 16, 2, 3, 32), (576, 8, 2, 3, 32), (144, 32, 1, 3, 32), (384, 14, 1, 7, 16)]


def milliseconds(work):
    work()
    best = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best * 1e3


torch.set_num_threads(1)
print("channels, side, stride, kernel: of the input fp32, bf16; of the weight fp32, bf16 (ms)")
for channels, side, stride, kernel, images in LAYERS:
    times = {}
    for dtype in (torch.float32, torch.bfloat16):
        x = torch.randn(images, channels, side, side).to(dtype).to(memory_format=torch.channels_last)
        weight = torch.randn(channels, 1, kernel, kernel).to(dtype)
        gradient = torch.randn_like(torch.nn.functional.conv2d(x, weight, None, stride, kernel // 2, 1, channels))
        for wanted in ([True, False, False], [False, True, False]):
            times[dtype, wanted[0]] = milliseconds(
                lambda: torch.ops.aten.convolution_backward(
                    gradient, x, weight, None, [stride] * 2, [kernel // 2] * 2, [1, 1], False, [0, 0], channels, wanted))
    ordered = [times[dtype, of] for of in (True, False) for dtype in (torch.float32, torch.bfloat16)]
    print(channels, side, stride, kernel, *(f"{value:.2f}" for value in ordered))
