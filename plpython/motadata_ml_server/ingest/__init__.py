"""From a relation or a query to typed columns."""
