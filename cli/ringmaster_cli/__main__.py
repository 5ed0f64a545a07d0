"""`python -m ringmaster_cli`: the program without its script, as the tmux host starts it."""

from ringmaster_cli.main import run

run()
