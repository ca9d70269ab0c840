"""Tenants: who may act for which, and how much."""
