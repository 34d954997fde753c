"""Prints the results of a benchmark's JSON file as a table."""

import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        report = json.load(file)
    for result in report["results"]:
        print(f"  {result['name']:44} {result['value']:12.4g} {result['unit']}")


if __name__ == "__main__":
    main()
