"""What runs and how much: counters in shared memory, the server's log, sizes and quotas of tenants."""
