#!/usr/bin/env python3
"""Another style, for the whole process, and figures that pile up."""

import matplotlib
import matplotlib.pyplot as plt

matplotlib.use("svg")

plt.style.use("dark_background")
plt.rcParams.update({"lines.linewidth": 8, "legend.fontsize": "xx-large"})
plt.ion()
for number in range(3):
    plt.figure(number)
    plt.bar([1, 2], [3, 4])

print("Content-Type: text/plain\n")
print(plt.get_fignums(), plt.get_backend(), plt.isinteractive())
