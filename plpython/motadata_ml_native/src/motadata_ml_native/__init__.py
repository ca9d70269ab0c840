"""The hot loops of motadata_ml, compiled; `motadata_ml_server._native` chooses them where they are installed."""
