"""Questions over the recorded turns, shadow checks, monitors, drift, incidents and their delivery, OpenTelemetry."""
