"""Entry script that checks a load file before anything is started with it.

    python check_load.py LOAD_CSV

Exit status: 0 and one line about the load; 2 and one line that names the mistake and the remedy.
"""

import sys
from collections.abc import Sequence

from autoscaling_rl.errors import UserError
from autoscaling_rl.load.file import read_load
from autoscaling_rl.load.split import check_splittable, evaluation_start


def main(argv: Sequence[str] | None = None) -> int:
    """Check the load and return the exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        if len(arguments) != 1:
            raise UserError("give one argument, the load file")
        load = read_load(arguments[0])
        check_splittable(load, arguments[0])
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    days, kept = len(load.minute_rates) / 1440, evaluation_start(load) / 1440
    print(f"{days:.1f} days from {load.start.isoformat()}, the first {kept:.1f} for training")
    for gap in load.gaps:
        print(f"interpolated: {gap}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
