"""Facts about models: names, dated prices, exchange rates, carbon bases, each with its source."""
