"""Ratios, not seconds: each scenario takes its plain baseline in the same run on the same cluster."""
