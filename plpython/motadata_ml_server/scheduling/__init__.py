"""Trainings that pg_cron starts: what is scheduled, whether a run trains, and whether it deploys."""
