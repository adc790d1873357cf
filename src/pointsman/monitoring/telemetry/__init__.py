"""Turns as OpenTelemetry traces and metrics, sent beside the turns."""
