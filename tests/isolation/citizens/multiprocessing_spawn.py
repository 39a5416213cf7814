#!/usr/bin/env python3
# An object of the script's own class that comes back from another interpreter.
# PUT BACK
import multiprocessing


class Order:
    pass


def order(number):
    found = Order()
    found.number = number
    return found


if __name__ == "__main__":
    print("Content-Type: text/plain\n", flush=True)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(order, [7]).number)
