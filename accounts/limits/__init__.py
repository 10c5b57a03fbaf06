"""How fast one may call: limits, and the counters behind them in the database, in Valkey, in the process."""
