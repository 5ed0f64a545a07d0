"""The demo: everything is real but the agent's thinking, and the result is checked."""
