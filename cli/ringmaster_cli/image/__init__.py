"""Whether an image can be a worker: the contract of docs/agent-image.md, checked from inside the image."""
