"""Fail when too few branches were taken: coverage's own threshold mixes them with lines."""

import json
import sys
import tempfile
from pathlib import Path

import coverage


def main() -> int:
    """Print the share of branches taken in the combined data; 1 if it is below `fail_under`.

    2 without data.
    """
    measured = coverage.Coverage()
    try:
        measured.load()
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "coverage.json"
            measured.json_report(outfile=str(report))
            totals = json.loads(report.read_text())["totals"]
    except coverage.CoverageException as error:
        print(f"error: {str(error).rstrip('.')}: run `make coverage`", file=sys.stderr)
        return 2
    taken = float(totals["percent_branches_covered"])
    wanted = float(str(measured.get_option("report:fail_under")))
    print(f"Branches: {taken:.1f} % of {totals['num_branches']} taken, {wanted:.0f} % wanted")
    return int(taken < wanted)


if __name__ == "__main__":
    sys.exit(main())
