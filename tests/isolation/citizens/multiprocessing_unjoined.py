#!/usr/bin/env python3
# A process that Python waits for at the end.
# PUT BACK
import multiprocessing

print("Content-Type: text/plain\n")


def work():
    print("done by", multiprocessing.current_process().name, flush=True)


if __name__ == "__main__":
    print("started", flush=True)
    multiprocessing.get_context("fork").Process(target=work).start()
