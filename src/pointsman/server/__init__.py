"""What listens on a port: the gateway, and later the admin API and the dashboard."""
