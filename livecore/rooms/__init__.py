"""Conversations: who is in them, the one order of their messages, and what each device still has to get."""
