"""The process beside the backend that trains. A session never imports it."""
