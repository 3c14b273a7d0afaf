"""Real PostgreSQL, Valkey and SeaweedFS from pip wheels, as child processes on loopback."""
