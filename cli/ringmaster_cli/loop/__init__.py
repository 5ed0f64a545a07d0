"""The worker's loop as steps: pull, prepare, work, deliver. `worker run` and the step commands share them."""
