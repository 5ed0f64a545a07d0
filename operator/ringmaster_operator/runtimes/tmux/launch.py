"""Become the session's program: `python -I -S launch.py FILE`, inside the tmux pane.

The environment comes from a 0600 file that is gone before the program runs, so that no secret is ever on
a command line and no value needs quoting for a shell. Runs alone: imports nothing of Ringmaster.
"""

import json
import os
import sys

FAILURE = "failure.txt"


def main(path: str) -> None:
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    env = {"TERM": os.environ.get("TERM", "screen"), **plan["env"]}
    program = plan["command"][0]
    problem = ""
    try:
        os.chdir(plan["directory"])
    except OSError as error:
        problem = f"cannot enter working directory {plan['directory']}: {error.strerror}"
    os.unlink(path)
    if not problem:
        try:
            os.execvpe(program, plan["command"], env)  # noqa: S606 - that is its whole purpose
        except FileNotFoundError:
            problem = f"program not found: {program}"
        except OSError as error:
            problem = f"cannot run {program}: {error.strerror}"
    with open(os.path.join(os.path.dirname(path), FAILURE), "w", encoding="utf-8") as file:
        file.write(problem)
    print(f"ringmaster: {problem}", flush=True)
    raise SystemExit(127)


if __name__ == "__main__":
    main(sys.argv[1])
