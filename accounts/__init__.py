"""Who may call, how fast and how much they may spend: keys, projects, budgets, limits."""
