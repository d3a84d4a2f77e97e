"""Lives: who goes live, who may watch, who may speak, and what becomes of it afterwards."""
