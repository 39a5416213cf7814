"""The gateways in front of a pool that does as it is told, then in front of a real one."""
