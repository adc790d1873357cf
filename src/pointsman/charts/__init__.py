"""Plots as SVG text: for the dashboard and for reports that are one file."""
