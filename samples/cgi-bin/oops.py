#!/usr/bin/env python3
# A script with a bug. cgitb shows where it is, with the values of the
# variables, in place of a bare "Internal Server Error".
import cgitb

cgitb.enable()


def average(numbers):
    total = 0
    for number in numbers:
        total += number
    return total / len(numbers)


def main():
    print("Content-Type: text/html")
    print()
    print("<h1>Results of the week</h1>")
    for day, results in [("Monday", [3, 4, 5]), ("Tuesday", [2, 9]), ("Wednesday", [])]:
        print("<p>%s: %.1f</p>" % (day, average(results)))


main()
